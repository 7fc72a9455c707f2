/*
 * Offsets of records, entries and pages in a file, for tests that damage or truncate it. From the
 * independent decoders, for both layouts: pages are index pages, or leaves of a clustered store.
 */
#ifndef TEST_PLACES_H
#define TEST_PLACES_H

#include "indexkv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct pair_place {
    uint64_t record; /* offset of its size field */
    uint64_t end;    /* of its content, checksum included */
    uint64_t entry;  /* of `places.stride` bytes: the key, then a position or place */
    size_t page;
    bool is_outside; /* clustered: the record is not in its leaf */
} pair_place;

typedef struct page_place {
    uint64_t begin; /* first byte read for this page, and the end */
    uint64_t end;
    uint64_t entries; /* clustered: offset of the directory; otherwise `begin` */
    size_t first;     /* pair */
} page_place;

typedef struct store_places {
    bool is_clustered;
    size_t pair_count;
    size_t page_count;
    size_t stride;
    pair_place *pairs;    /* in key order */
    page_place *pages;    /* page_count + 1: the last one is empty */
    uint64_t index_start; /* of the base format */
    uint64_t index_end;
    uint64_t records_end;
    uint64_t file_size;
} store_places;

/* The file must be intact. `type` and `stride` as in hostkey_layout. */
void places_read(const char *path, ikv_key_type type, size_t stride, store_places *ret);
void places_free(store_places *places);

#endif
