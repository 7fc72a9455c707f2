/* The answers to one batch of keys, written in the order of the keys, and what is wrong reported.
 */
#ifndef ANSWERS_H
#define ANSWERS_H

#include "text/item_writer.h"
#include "text/key_reader.h"

#include <indexkv.h>
#include <stdbool.h>

enum missing_mode { MISSING_SKIP, MISSING_EMPTY, MISSING_ERROR };

struct answers {
    struct item_writer writer;
    const char *path; /* of the store, for messages */
    ikv_key_syntax key_syntax;
    enum missing_mode missing;
    bool name_missing; /* missing keys are reported and make the exit status 1 */
};

/* `problem` is the batch's first, already reported; NULL: there was none. Stops when the output
 * fails. Returns the exit status. */
int answers_write(struct answers *answers, const struct key_batch *keys, const ikv_result *result,
                  const ikv_error *problem);

#endif
