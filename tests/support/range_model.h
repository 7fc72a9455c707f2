/*
 * A naive model of a store of ranges: an array of consecutive keys, each with the number of the
 * range that it belongs to. Ranges are painted on it, wider ones first, so the innermost remains.
 */
#ifndef TEST_RANGE_MODEL_H
#define TEST_RANGE_MODEL_H

#include "indexkv.h"

#include "model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RANGE_NONE SIZE_MAX

typedef struct model_range {
    size_t first; /* indices of keys */
    size_t last;
    unsigned char *value;
    size_t size;
} model_range;

/* A maximal sequence of keys of one range: what a store of these ranges has. */
typedef struct range_piece {
    size_t first;
    size_t last;
    const model_range *range;
} range_piece;

typedef struct range_model {
    ikv_key_type type;
    size_t width;
    size_t keys;
    unsigned char *key; /* `keys` consecutive ones, host byte order */
    size_t *owner;      /* RANGE_NONE: in no range */
    model_range *ranges;
    size_t range_count;
    range_piece *pieces; /* in key order */
    size_t piece_count;
    store_model pairs; /* the pieces as pairs: first key, and value followed by the last key as in
                          the file */
} range_model;

/* Random ranges, which contain one another if `nested`; values of up to `size_max` bytes. */
void range_model_make(range_model *ret, ikv_key_type type, rng_state *rng, size_t keys, bool nested,
                      size_t size_max);
void range_model_free(range_model *model);

const unsigned char *range_model_key(const range_model *model, size_t index);
/* The piece with this key, NULL if it is in no range. */
const range_piece *range_model_find(const range_model *model, size_t index);

#endif
