/*
 * Sorted keys in ordered form (hostkey.h): those of an index, and batches to be looked up in it.
 */
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
/* How many keys are less than (or, with above = 1, not greater than) `key`. */
size_t probe_keys_rank(const probe_keys *keys, const unsigned char *key, int above);

/* At most `count` different keys; with `repeats` there are runs of equal ones among them, some of
 * hundreds, as files of the crate may have them. */
void probe_keys_random(rng_state *random, ikv_key_type type, size_t count, model_keys shape,
                       int repeats, probe_keys *ret_keys);
/* u64 keys, evenly spread with random gaps: `count` of them, all different. */
void probe_keys_spread(rng_state *random, size_t count, probe_keys *ret_keys);

/* Write a store with the keys. The value of each key is its rank, a u64. */
void probe_keys_write(const char *path, const probe_keys *keys, uint32_t flags);

typedef enum probe_batch {
    BATCH_EMPTY,
    BATCH_ONE,        /* present, or next to one that is */
    BATCH_ALL,        /* every key of the index */
    BATCH_ABSENT,     /* none of the index */
    BATCH_CLUSTERED,  /* keys of the index that follow each other */
    BATCH_NEIGHBOURS, /* the same, with what lies between */
    BATCH_MIXED,      /* all over the index, and the extremes of the type */
    BATCH_KINDS
} probe_batch;
/* Different keys to be looked up in an index. */
void probe_keys_batch(rng_state *random, const probe_keys *index, probe_batch kind,
                      probe_keys *ret_batch);
/* `count` different keys of an index without repeats, at random. */
void probe_keys_sample(rng_state *random, const probe_keys *index, size_t count,
                       probe_keys *ret_batch);

#endif
