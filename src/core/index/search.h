/*
 * The search: divide and conquer over index pages for a whole sorted batch, as a state machine that
 * does no I/O. The algorithm is that of the Rust crate's get_many, which probes single entries.
 * Here a probe reads a page; with the geometry of single entries (see ikv_geometry) it measures the
 * crate's way.
 *
 * A chunk is a range of keys and the range of pages that may contain them. Probing the page in the
 * middle resolves the keys in its range; the keys to its left and right become chunks of the next
 * level:
 *
 *     keys    [ k0 k1 | k2 k3 k4 | k5 ]          pages  [ p0 ... p6 ]
 *       probe p3:  k2..k4 are between its first and last key
 *       left:   k0 k1 in p0..p2               right:  k5 in p4..p6
 *
 * Before the first probe, fences split the batch into chunks of one page each, or, if not all
 * fences are known, of the pages from one fence to the next. A key that can't be in any page of its
 * chunk is resolved without a probe.
 *
 * Floor and ceiling: a key between two pages is answered by the last entry of the left one or the
 * first entry of the right one. Each chunk carries that entry as its `neighbour`: for floor the
 * entry just before its pages, for ceiling the one just after them.
 *
 * A page is verified only when an answer depends on it. A key that was found is proven by its
 * record's checksum; everything else (a key's absence, a direction, a neighbour) requires the
 * page's checksum to be right. A single entry has no checksum and nothing to be out of order with,
 * so it is trusted.
 */
#ifndef IKV_SEARCH_H
#define IKV_SEARCH_H

#include "core/fences/fences.h"
#include "core/index/page.h"

#include <stddef.h>

#define IKV_NO_CHUNK UINT32_MAX

/* The keys of a batch, strictly ascending. */
struct ikv_keys {
    const uint64_t *entries; /* `stride` words each, starting with the key's */
    uint32_t stride;
    uint32_t count;
};

/* A key that was resolved to an entry of the index. Two words, so that hits can be sorted. */
struct ikv_hit {
    uint64_t position;
    uint32_t key;   /* number in the batch */
    uint32_t place; /* for the use of the code that fetches the record */
};

/* Chunks are numbered by their first key, which is unique, since they are disjoint. */
struct ikv_chunk {
    uint64_t page_begin;
    uint64_t page_end;
    uint64_t neighbour; /* position, see above; 0: none (floor) or unknown (ceiling) */
    uint32_t key_end;
    uint32_t next; /* in the queue of chunks to probe */
    uint32_t level;
};

/* The page that a chunk probes. */
static inline uint64_t ikv_chunk_page(const struct ikv_chunk *chunk)
{
    return chunk->page_begin + (chunk->page_end - chunk->page_begin) / 2;
}

struct ikv_search {
    const struct ikv_geometry *index;
    const struct ikv_fences *fences; /* of the pages of `index`, or ikv_no_fences */
    ikv_match match;
    struct ikv_keys keys;

    /* Provided by the caller, keys.count elements each. */
    struct ikv_chunk *chunks;
    struct ikv_hit *hits;   /* hit_count of them */
    int32_t *status;        /* ikv_status; IKV_FOUND: see hits. Finally set for every key. */
    unsigned char *matched; /* floor, ceiling: the matching keys, stored form */

    uint32_t hit_count;
    uint32_t queue_head;
    uint32_t queue_tail;
    uint32_t corrupt_pages; /* wrong checksum, or out of order */
};

/* Start a search. The caller has set the fields from `index` to `matched`. */
void ikv_search_begin(struct ikv_search *search);

/* The next chunk to probe, and its page; IKV_NO_CHUNK: none is waiting (pages fed later may add
 * some). The caller reads the page and passes it to ikv_search_feed, or calls _fail, with the
 * chunk's number. */
uint32_t ikv_search_next(struct ikv_search *search, uint64_t *ret_page);
/* The page that ikv_search_next would return; UINT64_MAX: none is waiting. */
uint64_t ikv_search_peek(const struct ikv_search *search);

void ikv_search_feed(struct ikv_search *search, uint32_t begin, struct ikv_page *page);
/* The page could not be read: the keys of the chunk get `status`. */
void ikv_search_fail(struct ikv_search *search, uint32_t chunk, ikv_status status);

#endif
