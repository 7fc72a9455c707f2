/*
 * Which reads a batch of lookups makes, by the way that the index is searched. What is read does
 * not matter here: the keys asked for are numbers of entries, so the walk knows how each probe
 * would come out. One level of the search after another, as lists of offsets; the last list is of
 * records.
 *
 *     area   | index: entries of 16 bytes, sorted | records                              |
 *            | 1/8 of it                          | the rest; every entry points anywhere |
 *
 * That is a store of keys of 8 bytes with records of some 112 bytes.
 */
#ifndef PROBE_WALK_H
#define PROBE_WALK_H

#include "disk/pattern.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_way {
    PROBE_ENTRIES, /* binary search, each probe reading one entry: the original's way */
    PROBE_PAGES,   /* the same with pages of 4096 bytes, which decide about 256 entries */
    PROBE_FENCES,  /* the first key of each page is in memory: one page */
    PROBE_MEMORY   /* all of the index is: no probe */
};
enum { PROBE_WAYS = 4, PROBE_ENTRY = 16, PROBE_PAGE = 4096, PROBE_RECORD = 112 };

struct probe_walk {
    enum probe_way way;
    struct disk_area area;
    uint32_t sector;     /* reads are widened to whole sectors; 1: none are */
    uint64_t entries;    /* of the index */
    uint64_t *keys;      /* numbers of entries, sorted; repeats are possible */
    size_t count;        /* of keys */
    struct probe_chunk { /* keys that lie in a part of the index nothing is known about */
        size_t first_key, keys;
        uint64_t low, high; /* units (entries or pages), from low to before high */
    } * chunks, *next_chunks;
    size_t chunk_count;
    bool records_done;
    uint64_t state; /* of random numbers */
    uint64_t *offsets;
    size_t offset_count;
    uint32_t length; /* of each read of the list */
};

/* Memory for batches of up to `most` keys. False: there is none. */
bool probe_walk_init(struct probe_walk *walk, enum probe_way way, struct disk_area area,
                     uint32_t sector, size_t most);
void probe_walk_free(struct probe_walk *walk);

/* A batch of random keys, the same for the same seed. */
void probe_walk_begin(struct probe_walk *walk, size_t count, uint64_t seed);

/* Sets the list of the next level: offsets, offset_count, length. False: the lookups are done. */
bool probe_walk_level(struct probe_walk *walk);

/* The bytes that a read takes. */
uint32_t probe_read_size(uint32_t bytes, uint32_t sector);

#endif
