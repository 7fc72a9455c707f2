/* Write the answers to a batch of keys in the order of the keys, and report errors. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include "key_input/key_batch.h"
#include "options/missing_mode.h"
#include "table/table.h"
#include "text/item_writer.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stdint.h>

struct answers {
    struct item_writer writer;
    const struct table *table; /* the first one that was asked */
    ikv_key_syntax key_syntax;
    enum missing_mode missing;
    bool report_missing; /* report missing keys, and exit with status 1 */
};

/* The answers of a batch. */
struct answer_batch {
    const ikv_item *items;
    size_t count, next;                       /* those before `next` are written already */
    const struct table_store *const *origins; /* the store of each answer; NULL: all are of the
                                                 only one of the first table */
    const ikv_error *problem; /* the batch's first error, which was reported; NULL: none */
};

/* Write the answers from batch->next on, which is moved. Stops if the output fails, or is memory
 * and full. Returns the exit status. */
int answers_write(struct answers *answers, const struct key_batch *keys,
                  struct answer_batch *batch);

#endif
