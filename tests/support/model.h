/*
 * The naive model of a store: pairs in memory, answered by plain binary search. It shares no code
 * with the library; keys are ordered by hostkey.h.
 */
#ifndef TEST_MODEL_H
#define TEST_MODEL_H

#include "indexkv.h"

#include "rng.h"

#include <stddef.h>

typedef struct model_pair {
    const unsigned char *key;     /* host byte order */
    const unsigned char *ordered; /* the key's ordered form (hostkey.h) */
    const unsigned char *value;
    size_t size;
    size_t arrival; /* number of the pair among those that were added */
} model_pair;

typedef struct store_model {
    ikv_key_type type;
    size_t count;
    size_t room;
    model_pair *pairs;         /* in arrival order */
    const model_pair **sorted; /* by key, equal keys by arrival; NULL until model_sort */
    size_t sorted_count;       /* less than `count` if duplicates were dropped */
} store_model;

void model_init(store_model *ret_model, ikv_key_type type);
void model_free(store_model *model);
/* Key and value are copied. Drops the sorted order. */
void model_add(store_model *model, const void *key, const void *value, size_t size);

/* Sort, keeping of equal keys: all, the first or the last added. Returns how many were dropped, or
 * with MODEL_KEEP_ALL, how many are equal to the one before. */
typedef enum model_keep { MODEL_KEEP_ALL, MODEL_KEEP_FIRST, MODEL_KEEP_LAST } model_keep;
size_t model_sort(store_model *model, model_keep keep);

/* These need a sorted model. */

/* Number of pairs whose key is less than `key`. */
size_t model_rank(const store_model *model, const void *key);
/* Index in `sorted` of the first pair that answers `key`, sorted_count if there is none. */
size_t model_answer(const store_model *model, const void *key, ikv_match match);
/* The pair at that index, NULL if there is none. */
const model_pair *model_find(const store_model *model, const void *key, ikv_match match);

/* ---------------------------------------------------------------- random contents */

typedef enum model_keys {
    MODEL_KEYS_UNIFORM = 0,   /* all over the type's range */
    MODEL_KEYS_DENSE = 1,     /* consecutive, around the middle of the range */
    MODEL_KEYS_CLUSTERED = 2, /* runs of near neighbours, far apart, with the extremes */
    MODEL_KEYS_PREFIXED = 3   /* differ in the last two bytes only */
} model_keys;

typedef enum model_sizes {
    MODEL_SIZES_SMALL = 0, /* 0 to 32 */
    MODEL_SIZES_MIXED = 1, /* mostly small; 255, 256, 257, thousands, now and then 65,537 */
    MODEL_SIZES_EIGHT = 2  /* always 8 */
} model_sizes;

/* One random key. */
void model_random_key(rng_state *rng, ikv_key_type type, model_keys keys, void *ret_key);
/* A key of interest to a lookup in this model: present, next to one that is, extreme, or random. */
void model_probe_key(rng_state *rng, const store_model *model, void *ret_key);
/* Add up to `count` pairs with different keys (types with few keys give fewer), in random order,
 * and sort. */
void model_fill(store_model *model, rng_state *rng, size_t count, model_keys keys,
                model_sizes sizes);

#endif
