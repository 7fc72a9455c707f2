/* The work of `indexkv get`: batches of keys looked up in a store, the answers written in order. */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "item_writer.h"
#include "key_reader.h"
#include "progress.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOKUP_BATCH_DEFAULT 65536
#define LOOKUP_BATCH_MAX     (UINT64_C(1) << 30)

enum missing_mode { MISSING_SKIP, MISSING_EMPTY, MISSING_ERROR };

struct lookup_options {
    ikv_match match;
    enum missing_mode missing;
    bool name_missing; /* missing keys are reported and make the exit status 1 */
    enum output_format output_format;
    ikv_key_syntax key_syntax;
    uint64_t batch; /* 0: chosen, and kept small enough for the values to fit into memory */
};

struct lookup {
    struct lookup_options options;
    ikv_store *store;
    const char *path; /* of the store, for messages */
    ikv_info info;
    struct item_writer writer;
    struct key_batch batch;
    ikv_result *result;
    size_t batch_size, batch_limit; /* keys: now, at most */
    ikv_stats stats;                /* of all calls */
    uint64_t calls;
    double seconds;    /* spent in them */
    ikv_error problem; /* the first of the last call, already reported; code 0: none */
    int status;
};

/* Returns STATUS_DONE, or an exit status after reporting; lookup_free is allowed in any case. */
int lookup_init(struct lookup *lookup, const struct lookup_options *options, ikv_store *store,
                const ikv_info *info, const char *path, struct output *output);

/* Until the keys or the output end. Returns the exit status. */
int lookup_run(struct lookup *lookup, struct key_reader *reader, struct progress *progress);
void lookup_free(struct lookup *lookup);

#endif
