/*
 * The search: divide and conquer over index pages for a whole sorted batch, as a state machine that
 * does no I/O. The original is the Rust crate's get_many, which probes single entries; here a probe
 * is a page, or to measure the original's way, a page that is one entry: what a page is depends on
 * `index` alone (see ikv_geometry).
 *
 * A chunk is a range of keys and the range of pages in which they are, if they are anywhere.
 * Probing the page in the middle resolves the keys that lie inside it; the keys left and right of
 * it become chunks of the next level:
 *
 *     keys    [ k0 k1 | k2 k3 k4 | k5 ]          pages  [ p0 ... p6 ]
 *       probe p3:  k2..k4 lie between its first and last key
 *       left:   k0 k1 in p0..p2               right:  k5 in p4..p6
 *
 * Fences, if there are any, cut the batch into chunks of one page (or, if not all are known, of the
 * pages from one fence to the next) before the first probe. A key that can't be in any page of its
 * chunk is resolved without a probe.
 *
 * Floor and ceiling: a key that falls between two pages is answered by the last entry of the left
 * or the first of the right one. Each chunk carries that entry along as its `neighbour`: for floor
 * the entry just before its pages, for ceiling the one just behind.
 *
 * What a page says is believed only as far as it was checked. A key found exactly is proven by its
 * record's checksum; everything else (a key's absence, a direction, a neighbour) depends on the
 * page, whose checksum is verified then, and only then. A single entry has no checksum and nothing
 * beside it that it could be out of order with, so it is believed.
 */
#ifndef IKV_SEARCH_H
#define IKV_SEARCH_H

#include "core/index/fences.h"
#include "core/index/page.h"

#include <stddef.h>

#define IKV_NO_CHUNK UINT32_MAX

/* One key of the batch. Keys are `words` of the sort entries, strictly ascending. */
struct ikv_keys {
    const uint64_t *entries; /* `stride` words each, the key's first */
    uint32_t stride;
    uint32_t count;
};

/* A key that was resolved to an entry of the index. Two words, so that hits can be sorted. */
struct ikv_hit {
    uint64_t position;
    uint32_t key;   /* number in the batch */
    uint32_t place; /* free for use by whoever fetches the record */
};

/* Chunk number c is the chunk that begins with key c: chunks are disjoint, so no two collide. */
struct ikv_chunk {
    uint64_t page_begin;
    uint64_t page_end;
    uint64_t neighbour; /* position, see above; 0: there is none (floor) or unknown (ceiling) */
    uint32_t key_end;
    uint32_t next; /* in the queue of chunks to be probed */
    uint32_t level;
};

/* The page that a chunk probes. */
static inline uint64_t ikv_chunk_page(const struct ikv_chunk *chunk)
{
    return chunk->page_begin + (chunk->page_end - chunk->page_begin) / 2;
}

struct ikv_search {
    const struct ikv_geometry *index;
    const struct ikv_fences *fences; /* of the pages that `index` is cut into, or ikv_no_fences */
    ikv_match match;
    struct ikv_keys keys;

    /* Memory of the caller's, for keys.count elements each. */
    struct ikv_chunk *chunks;
    struct ikv_hit *hits;   /* resolved to entries; hit_count of them */
    int32_t *status;        /* ikv_status; IKV_FOUND: see hits. Set for every key in the end. */
    unsigned char *matched; /* floor, ceiling: key width bytes each, the stored key that matched */

    uint32_t hit_count;
    uint32_t queue_head;
    uint32_t queue_tail;
    uint32_t corrupt_pages; /* pages whose checksum or order was wrong */
};

/* Set up the chunks; the fields from index to matched are set. */
void ikv_search_begin(struct ikv_search *search);

/* The chunk to be probed next and its page; IKV_NO_CHUNK: none waits (more may come with pages that
 * are still to be fed). The page is to be handed to ikv_search_feed, or _fail, with the chunk's
 * number. */
uint32_t ikv_search_next(struct ikv_search *search, uint64_t *ret_page);
/* The page that ikv_search_next would give, without taking it; UINT64_MAX: none waits. */
uint64_t ikv_search_peek(const struct ikv_search *search);

void ikv_search_feed(struct ikv_search *search, uint32_t begin, struct ikv_page *page);
/* The page could not be read: its keys get `status`. */
void ikv_search_fail(struct ikv_search *search, uint32_t chunk, ikv_status status);

#endif
