/*
 * A result: the answers of one batch, and the scratch memory of the query driver. The way of a
 * batch through it:
 *
 *   get_many.c   arguments checked, result reset
 *   batch.c      keys sorted, repeats folded into one
 *   search.c     which page next? what does this page say?
 *   fetch*.c     reads planned, merged, submitted and reaped: a window of slots that is kept full
 *   deliver.c    records verified, copied, put at every place where the caller asked for them
 */
#ifndef IKV_RESULT_H
#define IKV_RESULT_H

#include "arena.h"
#include "search.h"
#include "store.h"
#include "window.h"

/* Memory that grows and never shrinks by itself; growing loses the content. */
struct ikv_scratch {
    void *bytes;
    size_t size;
};

/* Status inside the library: not read, because value_budget was used up. */
#define IKV_DEFERRED 100

/* A record of which only the beginning was read. */
struct ikv_tail {
    uint32_t hit_begin;
    uint32_t hit_end;
    unsigned char *record;
    uint32_t size;
    uint32_t have;
};

/* What is read by itself, because a read that it shared with others failed. */
struct ikv_alone {
    enum ikv_slot_use use; /* pages or records */
    uint32_t number;       /* of the chunk or the hit */
};

struct ikv_result {
    /* Answers */
    struct ikv_scratch items; /* ikv_item */
    size_t count;
    struct ikv_arena arena;
    struct ikv_stats stats;
    bool has_problem;
    struct ikv_error problem; /* the first */
    int read_code;            /* 0, or the code of the first failed read */
    struct ikv_error read_error;

    /* The batch at hand */
    const struct ikv_store *store;
    const unsigned char *caller_keys;
    struct ikv_search search;
    struct ikv_scratch entries; /* sorted keys: words, then place in the caller's array */
    struct ikv_scratch sorting; /* as large, or as large as hits */
    struct ikv_scratch callers; /* u32: places of the sorted keys, repeats side by side */
    struct ikv_scratch
        starts; /* u32: where distinct key i begins in callers; one more at the end */
    struct ikv_scratch chunks;
    struct ikv_scratch hits;
    struct ikv_scratch status;
    struct ikv_scratch matched;
    int fatal;           /* no memory: drain and give up */
    size_t value_budget; /* when values take more, further ones are IKV_DEFERRED; 0: no bound */

    /* Reading */
    struct ikv_window window;
    uint64_t fetched;      /* bytes of records so far */
    uint64_t fetched_most; /* more can't be: records do not overlap. Grows with each generation. */
    uint32_t hits_sorted;  /* hits[0..hits_sorted) are in order, generation by generation */
    uint32_t hits_planned; /* hits[0..hits_planned) are being read or done */
    struct ikv_scratch tails;
    uint32_t tail_count;
    uint32_t tail_next;
    struct ikv_scratch alone;
    uint32_t alone_count;
    uint32_t alone_next;
};

/* NULL: no memory. The content is lost when it grows. */
void *ikv_scratch_get(struct ikv_scratch *scratch, size_t size);
/* The same, but its first `used` bytes are kept; if there is no memory, all of it is. */
void *ikv_scratch_keep(struct ikv_scratch *scratch, size_t used, size_t size);
void ikv_scratch_free(struct ikv_scratch *scratch);

/* result.c: void the answers, make room for `count`. */
int ikv_result_begin(struct ikv_result *result, size_t count);
/* The first damage, or read error, that a batch meets. `key` (stored form) may be NULL. */
void ikv_result_note(struct ikv_result *result, int code, uint64_t offset,
                     const unsigned char *stored_key, const char *what);

/* batch.c */
int ikv_batch_prepare(struct ikv_result *result, const struct ikv_store *store, const void *keys,
                      size_t count, ikv_match match);
void ikv_batch_finish(struct ikv_result *result);

/* fetch.c: run the search and read the records; statuses and items are set. 0 or -errno (fatal). */
int ikv_fetch_open(struct ikv_result *result);
int ikv_fetch_run(struct ikv_result *result);
/* The same without a search: the hits are set, their number in search.hit_count. */
int ikv_fetch_records(struct ikv_result *result);

/* deliver.c */
/* `size` bytes of the file from the first hit's position on are at `bytes`. */
void ikv_deliver_records(struct ikv_result *result, uint32_t hit_begin, uint32_t hit_end,
                         const unsigned char *bytes, size_t size);
/* The whole content of one record lies in the arena. */
void ikv_deliver_whole(struct ikv_result *result, uint32_t hit_begin, uint32_t hit_end,
                       const unsigned char *record, uint32_t size);
/* The key of a hit as it is stored; `room` may be used for it. */
const unsigned char *ikv_stored_key(const struct ikv_result *result, uint32_t key,
                                    unsigned char room[IKV_KEY_WIDTH_MAX]);
/* The answers to a distinct key. */
void ikv_deliver_item(struct ikv_result *result, uint32_t key, struct ikv_item item);

static inline struct ikv_hit *ikv_result_hits(const struct ikv_result *result)
{
    return result->hits.bytes;
}

#endif
