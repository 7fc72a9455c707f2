/*
 * A decoder of the filters of clustered stores, written from section 12 of FORMAT.md and sharing no
 * code with the library. Checks the segments, and that none of them denies a stored key.
 */
#ifndef TEST_FILTER_DECODER_H
#define TEST_FILTER_DECODER_H

#include "trailer_decoder.h"

#include <stddef.h>

/* The stored keys, and where they are. */
typedef struct filter_keys {
    const unsigned char **keys; /* as stored, in key order */
    size_t *first;              /* of each leaf; then the number of keys */
    size_t leaf_count;
} filter_keys;

/* Checks the filter of a file; one without a filter passes. Returns 0, or -1 with the violated rule
 * in `ret_error`. */
int filter_decoder_check(const unsigned char *bytes, const decoded_trailer *trailer,
                         const filter_keys *keys, char *ret_error, size_t size);

#endif
