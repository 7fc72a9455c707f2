/*
 * Simulates the reads of a batch of lookups for one way of searching the index. The contents of the
 * area do not matter: a key is the number of its entry, so the outcome of each probe is known. Each
 * level of the search is a list of offsets; the last list is the records.
 *
 *     area   | index: sorted entries of 16 bytes | records                                   |
 *            | the first 1/8                     | the rest; entries point to random records |
 *
 * This resembles a store with 8-byte keys and records of about 112 bytes. Of the clustered store
 * with the same pairs, the area has the leaves.
 */
#ifndef PROBE_WALK_H
#define PROBE_WALK_H

#include "disk/pattern.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_way {
    PROBE_ENTRIES, /* binary search, each probe reads one entry, as the Rust crate does */
    PROBE_PAGES,   /* binary search, each probe reads a page of 256 entries */
    PROBE_FENCES,  /* the first key of each page is in memory: one probe */
    PROBE_MEMORY,  /* the whole index is in memory: no probe */
    PROBE_LEAVES   /* clustered: the first key of each leaf is in memory, the leaf has the record */
};
enum {
    PROBE_WAYS = 5,
    PROBE_ENTRY = 16,
    PROBE_PAGE = 4096,  /* and a leaf */
    PROBE_RECORD = 112, /* in a leaf with a key and its place besides */
    PROBE_LEAF_RECORDS = (PROBE_PAGE - 16) / (8 + 2 + PROBE_RECORD)
};

struct probe_walk {
    enum probe_way way;
    struct disk_area area;
    uint32_t sector;     /* reads are rounded to whole sectors */
    uint64_t entries;    /* of the index */
    uint64_t *keys;      /* numbers of entries, sorted, maybe with duplicates */
    size_t count;        /* of keys */
    struct probe_chunk { /* keys whose entries are somewhere in [low, high) */
        size_t first_key, keys;
        uint64_t low, high; /* in units: entries or pages */
    } * chunks, *next_chunks;
    size_t chunk_count;
    bool records_done;
    uint64_t state; /* of the random numbers */
    uint64_t *offsets;
    size_t offset_count;
    uint32_t length; /* of each read of the list */
};

/* Allocate memory for batches of up to `max_keys`. False: out of memory. */
bool probe_walk_init(struct probe_walk *walk, enum probe_way way, struct disk_area area,
                     uint32_t sector, size_t max_keys);
void probe_walk_free(struct probe_walk *walk);

/* Start a batch of `count` random keys, determined by the seed. */
void probe_walk_begin(struct probe_walk *walk, size_t count, uint64_t seed);

/* Set offsets, offset_count and length to the reads of the next level. False: the batch is done. */
bool probe_walk_level(struct probe_walk *walk);

/* `bytes`, rounded up to whole sectors. */
uint32_t probe_read_size(uint32_t bytes, uint32_t sector);

#endif
