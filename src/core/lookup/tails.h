/*
 * Tails: what is missing of records that are longer than their first read. The record is put
 * together in the run's arena.
 *
 * Where values are handed to the caller instead of being kept, the arena is to stay small: a tail
 * that does not fit is postponed, and its record is read from the beginning when there is room. One
 * record at a time is always allowed.
 */
#ifndef IKV_TAILS_H
#define IKV_TAILS_H

#include "core/lookup/run.h"

struct ikv_tail {
    uint32_t hit_begin; /* the record's hits */
    uint32_t hit_end;
    unsigned char *record; /* memory for its content; NULL: postponed */
    uint32_t size;
    uint32_t have; /* bytes of the content that have been read */
};

/* Add a record of which `tail.have` bytes are at `bytes`. */
void ikv_tails_add(struct ikv_run *run, struct ikv_tail tail, const unsigned char *bytes);
/* The next tail to read; NULL: none now. Valid until one is added. */
const struct ikv_tail *ikv_tails_next(struct ikv_run *run);
/* A tail that was read, or failed, is not in use any more. */
void ikv_tails_end(struct ikv_run *run);

static inline bool ikv_tails_are_waiting(const struct ikv_run *run)
{
    return run->tail_next < run->tail_count || run->postponed_next < run->postponed_count;
}

#endif
