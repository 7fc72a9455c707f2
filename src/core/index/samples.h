/*
 * Samples correct the interpolation search in an index page. Interpolating a key between the page's
 * fence and the next one gives a guess of its entry number. The samples are the guesses of every
 * few entries of the page. Comparing a key's guess with them shows between which two sampled
 * entries the key is, without touching the page, unless keys are so uneven that many have the same
 * guess.
 *
 *     entries   e0 . . . . . . . e8 . . . . . . . e16 ...       of 256 entries every eighth
 *     samples   guess(e0)        guess(e8)        guess(e16)    32 bytes
 *
 * Samples of a page are made when lookups visit it for the second time, and kept until the store is
 * closed. They are hints: wrong ones, of a page that has changed or is damaged, only cost time.
 */
#ifndef IKV_SAMPLES_H
#define IKV_SAMPLES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IKV_SAMPLES 32u

/* Entries per sample, in a page of `count` <= 256 entries. */
#define IKV_SAMPLES_STEP(count) (((count) + IKV_SAMPLES - 1) / IKV_SAMPLES)

struct ikv_samples {
    unsigned char (*pages)[IKV_SAMPLES];
    _Atomic uint64_t *flags; /* 4 bits per page */
};

/* Size in bytes for `pages` pages. */
uint64_t ikv_samples_memory(uint64_t pages);
/* -ENOMEM. */
int ikv_samples_new(uint64_t pages, struct ikv_samples **ret);
void ikv_samples_free(struct ikv_samples *samples); /* NULL is allowed */

/* State of a page: visited once, a thread is making its samples, samples available. */
#define IKV_SAMPLES_TOUCHED 1u
#define IKV_SAMPLES_CLAIMED 2u
#define IKV_SAMPLES_READY   4u

static inline unsigned ikv_samples_flags(uint64_t word, uint64_t page)
{
    return (unsigned)(word >> (page % 16 * 4)) & 15;
}

/* The samples of a page, which are immutable; NULL: none. */
static inline const unsigned char *ikv_samples_of(const struct ikv_samples *samples, uint64_t page)
{
    if (!samples)
        return NULL;
    const uint64_t word = atomic_load_explicit(&samples->flags[page / 16], memory_order_acquire);
    return ikv_samples_flags(word, page) & IKV_SAMPLES_READY ? samples->pages[page] : NULL;
}

/* Note a visit to a page without samples. Returns memory for them if the caller is to make them and
 * then call ikv_samples_publish; NULL: on the first visit, if another thread makes them, or if
 * `samples` is NULL. */
unsigned char *ikv_samples_claim(struct ikv_samples *samples, uint64_t page);
void ikv_samples_publish(struct ikv_samples *samples, uint64_t page);

/* Twice the number of the entry that a key with this guess is near, in a page of `count`. */
static inline __attribute__((always_inline)) uint32_t ikv_samples_place(
    const unsigned char *samples, uint32_t count, uint32_t guess)
{
    const unsigned char of_key = (unsigned char)guess;
    unsigned char below = 0;
    unsigned char not_above = 0;

    for (unsigned i = 0; i < IKV_SAMPLES; i++) {
        below = (unsigned char)(below + (samples[i] < of_key));
        not_above = (unsigned char)(not_above + (samples[i] <= of_key));
    }
    /* The key is after entry (below - 1) * step and before entry not_above * step. These are one
     * step apart, unless the key's guess equals a sample: then the key is close to that entry. */
    return (uint32_t)(below + not_above - 1) * IKV_SAMPLES_STEP(count);
}

#endif
