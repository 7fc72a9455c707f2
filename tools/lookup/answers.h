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
    const char *name;          /* of the first table that was asked, for messages */
    const struct table *table; /* it; not needed for single answers */
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

/* Single answers, for callers with items of another kind. */

/* Key i of the batch, with its text if it was read as text. */
struct item_key answers_key(const struct answers *answers, const struct key_batch *keys, size_t i);
/* A key as quoted text, for a message. */
struct excerpt answers_excerpt(const struct answers *answers, const struct item_key *key);
/* `matched`: the key that answers it, and the last one of its range. */
void answers_found(struct answers *answers, const struct item_key *key, struct item_key matched,
                   const void *value, uint32_t size);
/* Returns the exit status. */
int answers_missing(struct answers *answers, const struct item_key *key);
/* Skipped lines from number `next` on that are before key `before`: they keep their places as
 * missing keys. Returns the number of the next one. */
size_t answers_bad_lines(struct answers *answers, const struct key_batch *keys, size_t next,
                         size_t before);

#endif
