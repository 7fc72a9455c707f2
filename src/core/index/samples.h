/*
 * Where in its page of the index a key is: for every few entries of a page, what interpolation
 * between the page's fence and the next would take for that entry's number. Comparing a key's own
 * guess with these tells between which two of them it is, so that no line of the page has to be
 * touched to correct the guess, as long as keys are not so uneven that many have the same guess.
 *
 *     entries   e0 . . . . . . . e8 . . . . . . . e16 ...       of 256: every eighth
 *     samples   guess(e0)        guess(e8)        guess(e16)    32 bytes
 *
 * They are made of pages that lookups come to for the second time, and kept for as long as the
 * store is open. They are hints: wrong ones, of a page that has changed or is damaged, cost time.
 */
#ifndef IKV_SAMPLES_H
#define IKV_SAMPLES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IKV_SAMPLES 32u

/* Entries that one sample stands for, in a page of up to 256. */
#define IKV_SAMPLES_STEP(count) (((count) + IKV_SAMPLES - 1) / IKV_SAMPLES)

struct ikv_samples {
    unsigned char (*pages)[IKV_SAMPLES];
    _Atomic uint64_t *flags; /* 4 bits a page */
};

/* Bytes that they take for so many pages. */
uint64_t ikv_samples_memory(uint64_t pages);
/* Room for them. -ENOMEM. */
int ikv_samples_new(uint64_t pages, struct ikv_samples **ret);
void ikv_samples_free(struct ikv_samples *samples); /* NULL is allowed */

/* Of a page: it was come to, somebody is making its samples, they are there. */
#define IKV_SAMPLES_TOUCHED 1u
#define IKV_SAMPLES_CLAIMED 2u
#define IKV_SAMPLES_READY   4u

static inline unsigned ikv_samples_flags(uint64_t word, uint64_t page)
{
    return (unsigned)(word >> (page % 16 * 4)) & 15;
}

/* NULL: there are none of this page, or at all. What is returned does not change any more. */
static inline const unsigned char *ikv_samples_of(const struct ikv_samples *samples, uint64_t page)
{
    if (!samples)
        return NULL;
    const uint64_t word = atomic_load_explicit(&samples->flags[page / 16], memory_order_acquire);
    return ikv_samples_flags(word, page) & IKV_SAMPLES_READY ? samples->pages[page] : NULL;
}

/* A page that has none was come to. Returns where the caller has to put them, who then calls
 * ikv_samples_publish; NULL: not yet, or another thread does, or none are kept. */
unsigned char *ikv_samples_claim(struct ikv_samples *samples, uint64_t page);
void ikv_samples_publish(struct ikv_samples *samples, uint64_t page);

/* Twice the number of the entry in whose neighbourhood a key with this guess is, of a page with so
 * many entries. */
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
    /* The key is behind entry (below - 1) * step, and before entry not_above * step; the two differ
     * by one step, or its guess is the same as a sample's, which it is close to, then. */
    return (uint32_t)(below + not_above - 1) * IKV_SAMPLES_STEP(count);
}

#endif
