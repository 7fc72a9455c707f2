/*
 * A naive model of a store, the oracle of most tests: pairs in memory, looked up by binary search.
 * Shares no code with the library; hostkey.h orders the keys.
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
    size_t arrival; /* index in the order of model_add */
} model_pair;

typedef struct store_model {
    ikv_key_type type;
    size_t count;
    size_t room;
    model_pair *pairs;         /* in arrival order */
    const model_pair **sorted; /* by key, equal keys by arrival; NULL until model_sort */
    size_t sorted_count;       /* below `count` if duplicates were dropped */
} store_model;

void model_init(store_model *ret_model, ikv_key_type type);
void model_free(store_model *model);
/* Copies key and value. Discards the sorted order. */
void model_add(store_model *model, const void *key, const void *value, size_t size);

/* Sorts the pairs by key. Of pairs with equal keys, keeps all or the first or last added. Returns
 * the number of pairs whose key is equal to another one's before them. */
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
    MODEL_KEYS_UNIFORM = 0,   /* over the whole range of the type */
    MODEL_KEYS_DENSE = 1,     /* consecutive, around the middle of the range */
    MODEL_KEYS_CLUSTERED = 2, /* groups of close keys, far apart, and the extremes */
    MODEL_KEYS_PREFIXED = 3   /* differ only in the last two bytes */
} model_keys;

typedef enum model_sizes {
    MODEL_SIZES_SMALL = 0, /* 0 to 32 */
    MODEL_SIZES_MIXED = 1, /* mostly small, some at edges or thousands of bytes, few 65,537 */
    MODEL_SIZES_EIGHT = 2  /* always 8 */
} model_sizes;

void model_random_key(rng_state *rng, ikv_key_type type, model_keys keys, void *ret_key);
/* A key worth looking up in this model: present, next to a present one, extreme, or random. */
void model_probe_key(rng_state *rng, const store_model *model, void *ret_key);
/* Adds `count` pairs with distinct keys in random order, fewer if the type has fewer keys, and
 * sorts the model. */
void model_fill(store_model *model, rng_state *rng, size_t count, model_keys keys,
                model_sizes sizes);

#endif
