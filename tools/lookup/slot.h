/* One batch of `indexkv get`: its keys, their lookup, and the answers as text. */
#ifndef SLOT_H
#define SLOT_H

#include "base/progress.h"
#include "key_input/key_reader.h"
#include "lookup/answers.h"
#include "lookup/fallback.h"
#include "table/table_batch.h"

#include <indexkv.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Batches of up to this many keys are looked up by the calling thread. */
#define SLOT_INLINE_MAX 64

struct slot {
    const ikv_get_options *get;
    struct key_batch keys;
    size_t limit;    /* the batch size when the keys were read */
    uint64_t offset; /* input offset after the keys */

    struct table_batch batch;
    bool by_engine;      /* submitted, even if it has few keys */
    atomic_bool waiting; /* for the engine: the lookup can be canceled */
    int code;
    ikv_error error; /* if code is not 0 */
    struct fallback fallback;
    ikv_stats stats;
    uint64_t value_bytes;  /* in the results, at most */
    bool in_memory;        /* but for a few keys, answered without a read */
    double started, ended; /* times of the lookup */
    bool no_memory;

    struct answers answers; /* written to `output` */
    struct output output;   /* in memory; without a buffer until it is used */
    size_t written;         /* answers in it */
    bool done;
    struct progress_waits waits; /* seconds spent on this batch */
};

/* Returns STATUS_DONE, or STATUS_IO after reporting. Call slot_free in either case. */
int slot_init(struct slot *slot, const ikv_get_options *get, const struct table *tables,
              size_t count);
void slot_free(struct slot *slot);

/* How answers are formatted, in memory: before the first use. */
void slot_set_answers(struct slot *slot, const struct answers *answers);

/* Read the lines of up to slot->limit keys. Returns as key_reader_lines. */
int slot_read(struct slot *slot, struct key_reader *reader);

/* Parse the keys that were read, and look them up. */
void slot_look_up(struct slot *slot, const struct key_format *format);

/* End the lookup early, if it waits for the engine. Called by another thread, while slot_look_up
 * may be running. */
void slot_cancel(struct slot *slot);

/* The batch's first error in the first table. NULL: none. */
const ikv_error *slot_problem(const struct slot *slot);

/* Write answers to memory, as far as there is room, if this needs no message. */
void slot_format(struct slot *slot);

/* Write the answers that are not in memory. Returns the exit status. */
int slot_write_rest(struct slot *slot, struct answers *answers);

#endif
