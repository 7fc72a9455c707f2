/*
 * Work on the blocks of a file in the background: a thread that enters resident pages into the page
 * table, so that no lookup waits for that.
 *
 * The first touch of a page of a mapping costs a page fault, 2 to 3 us for 16 pages of 4 KiB; a
 * file of a gigabyte takes 50 to 100 ms. While pages without hints are visited often, the thread
 * enters the 2 MiB around each of them and sets their hints. Until then they are read, like pages
 * that are not resident.
 *
 * The thread is started when it is first needed, and ends after a second without work. It works on
 * a block once, or, while the block is wanted again and again, once a second; earlier if its pages
 * are all found resident.
 */
#ifndef IKV_POPULATE_H
#define IKV_POPULATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ikv_populator;

struct ikv_background {
    _Atomic(struct ikv_populator *) populator; /* this process' or a parent's; NULL: none yet */
    uint64_t blocks;
    /* Enter a block; ends early when *stop is set. Called by the thread. */
    void (*enter)(void *user, uint64_t block, const atomic_bool *stop);
    void *user;
};

enum ikv_want {
    IKV_WANT_WAITS, /* the block will be entered, or is being entered */
    IKV_WANT_DONE,  /* it was, so far as it is resident */
    IKV_WANT_FAILS  /* no thread could be started, or no memory */
};

/* Have a block entered, a page of which is resident without a hint. `now` is ikv_clock. */
enum ikv_want ikv_background_want(struct ikv_background *background, uint64_t block, uint64_t now);
/* A page of the block was found not resident. */
void ikv_background_note_absent(const struct ikv_background *background, uint64_t block);
/* Whether a block waits to be entered. Takes a few nanoseconds. */
bool ikv_background_is_wanted(const struct ikv_background *background, uint64_t block);
/* Blocks that wait to be entered, or are being entered. */
uint64_t ikv_background_waiting(const struct ikv_background *background);
/* Forget which blocks were entered. */
void ikv_background_reset(struct ikv_background *background);
/* Stop the thread, and release what belongs to it. */
void ikv_background_stop(struct ikv_background *background);

#endif
