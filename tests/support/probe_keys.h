/* Sorted keys in ordered form (hostkey.h): those of an index, and batches to look up in it. */
#ifndef TEST_PROBE_KEYS_H
#define TEST_PROBE_KEYS_H

#include "indexkv.h"

#include "model.h"
#include "rng.h"

#include <stddef.h>
#include <stdint.h>

typedef struct probe_keys {
    ikv_key_type type;
    size_t width;
    size_t count;
    unsigned char *keys; /* ascending, `width` bytes each */
} probe_keys;

void probe_keys_free(probe_keys *keys);
const unsigned char *probe_key_at(const probe_keys *keys, size_t i);
/* Number of keys less than `key`, with above = 1 also those equal to it. */
size_t probe_keys_rank(const probe_keys *keys, const unsigned char *key, int above);

/* At most `count` distinct keys. With `repeats`, equal keys occur, up to hundreds in a row, as in
 * files of the crate. */
void probe_keys_random(rng_state *random, ikv_key_type type, size_t count, model_keys shape,
                       int repeats, probe_keys *ret_keys);
/* `count` distinct u64 keys, evenly spread with random gaps. */
void probe_keys_spread(rng_state *random, size_t count, probe_keys *ret_keys);

/* Write a store with the keys. The value of a key is its rank, as a u64. */
void probe_keys_write(const char *path, const probe_keys *keys, uint32_t flags);

typedef enum probe_batch {
    BATCH_EMPTY,
    BATCH_ONE,        /* a present key, or one next to it */
    BATCH_ALL,        /* every key of the index */
    BATCH_ABSENT,     /* no key of the index */
    BATCH_CLUSTERED,  /* consecutive keys of the index */
    BATCH_NEIGHBOURS, /* consecutive keys of the index and absent ones next to them */
    BATCH_MIXED,      /* from the whole index, and the extremes of the type */
    BATCH_KINDS
} probe_batch;
/* Distinct keys to look up in an index. */
void probe_keys_batch(rng_state *random, const probe_keys *index, probe_batch kind,
                      probe_keys *ret_batch);
/* `count` distinct random keys of an index without equal keys. */
void probe_keys_sample(rng_state *random, const probe_keys *index, size_t count,
                       probe_keys *ret_batch);

#endif
