/*
 * Learned fences. A plain v2 file has no trailer and so no fences when it is opened. But every page
 * that a lookup reads tells one: its first key. A learner collects them, so that batches that go by
 * bring lookups down to one read of the index each.
 *
 *     batch      take ---------- search with these fences ----------- add ---- give back
 *                 |                      |                             |
 *                 |              page read: ikv_learn_note --> struct ikv_learned
 *                 |                                                    |
 *     learner   snapshot n                          waiting pages, sorted, merged: snapshot n + 1
 *
 * A snapshot is an ikv_fences that never changes. There are at most two, the newest and one that
 * batches may still be using; while a third would be needed, what was learned waits. Once every
 * page is known the snapshot is a plain array, as a trailer would have given it.
 *
 * Memory is bounded: two snapshots of the greatest number of pages that the learner will ever know,
 * and the pages waiting, take no more than it was given. When that number is reached it learns no
 * more, and the pages that were learned first stay. These are the ones to have: each probe is in
 * the middle of the pages between two fences, so pages become known from the top of the tree of
 * probes down, evenly spread, or where the keys that are asked for lie.
 *
 * A hint is all this is, and it is treated so: without memory, or if another thread is at it, what
 * a batch brings is dropped and will be read again. Fences decide where a key can be, though. So a
 * page is noted only if it is in order, and one that contradicts what is known (begins with a key
 * below the page before it) shows that the index is not in order: all is forgotten then, nothing is
 * learned any more, and the file is searched as if there were no fences, each page that is read
 * speaking for itself.
 *
 * Nothing here ever waits: taking and giving back are a few atomic operations, and adding gives up
 * if another thread is adding. So the child of a fork may use a learner whatever its parent's other
 * threads were doing; at worst it learns nothing.
 */
#ifndef IKV_LEARN_H
#define IKV_LEARN_H

#include "core/index/fences.h"
#include "core/index/page.h"

/* ---------------------------------------------------------------- what one run learns */

/* Most pages that one run brings. Of more, a fair sample: the fences of a batch are to be spread
 * over all of its keys, not crowded where it began. */
#define IKV_LEARNED_MAX 4096u

/* Pages that a run read and whose fences it did not know. Memory is the run's, see below. */
struct ikv_learned {
    uint64_t *entries; /* page number, words of its first key */
    uint32_t words;    /* of an entry */
    uint32_t room;     /* 0: nothing is noted */
    uint32_t count;
    uint64_t seen; /* pages that could have been noted */
};

/* Bytes that a run of so many keys needs for what it learns: at most 4096 * 8 * (1 + words). */
static inline size_t ikv_learned_size(const struct ikv_key_info *key, uint32_t keys)
{
    const uint32_t room = keys < IKV_LEARNED_MAX / 32 ? keys * 32 : IKV_LEARNED_MAX;
    return (size_t)room * (1 + key->words) * sizeof(uint64_t);
}

/* Begin a run, with `size` bytes of memory, aligned to 8. NULL, 0: nothing is noted. */
static inline void ikv_learned_begin(struct ikv_learned *learned, const struct ikv_key_info *key,
                                     void *memory, size_t size)
{
    const uint32_t words = 1 + key->words;
    *learned = (struct ikv_learned){.entries = memory, .words = words};
    learned->room = memory ? (uint32_t)(size / (words * sizeof(uint64_t))) : 0;
}

void ikv_learned_page(struct ikv_learned *learned, const struct ikv_geometry *index,
                      const struct ikv_fences *fences, const struct ikv_page *page);

/* Note a page that the run read and searched with `fences`. */
static inline void ikv_learn_note(struct ikv_learned *learned, const struct ikv_geometry *index,
                                  const struct ikv_fences *fences, const struct ikv_page *page)
{
    if (learned->room)
        ikv_learned_page(learned, index, fences, page);
}

/* ---------------------------------------------------------------- what a store has learned */

/* One for each plain store, shared by all threads. */
struct ikv_learner;

/* `memory`: the most bytes that it holds at any time. *ret is NULL if that, or the index, is too
 * small for a single fence; all functions take NULL for a learner that learns nothing. 0 or
 * -ENOMEM. */
int ikv_learner_new(const struct ikv_geometry *index, uint64_t memory, struct ikv_learner **ret);
/* No one uses it, all that was taken is given back. */
void ikv_learner_free(struct ikv_learner *learner);

/* The fences known now; they stay as they are until they are given back. Any number may be taken
 * at a time, and given back by any thread. */
const struct ikv_fences *ikv_learner_take(struct ikv_learner *learner);
void ikv_learner_give_back(struct ikv_learner *learner, const struct ikv_fences *fences);

/* Whether there is any use in noting pages: false when all is known, memory is full, or the index
 * was found out of order. It never turns true again. */
bool ikv_learner_learns(const struct ikv_learner *learner);

/* What a run that looked up `keys` keys has learned; none is an answer too. To be called before the
 * fences that it used are given back, or after. */
void ikv_learner_add(struct ikv_learner *learner, const struct ikv_learned *learned, uint64_t keys);

struct ikv_learner_info {
    uint64_t known;      /* fences in the newest snapshot */
    uint64_t pages;      /* that the index has */
    uint64_t bytes;      /* held now */
    uint64_t bytes_most; /* that it will ever hold */
};
void ikv_learner_get_info(struct ikv_learner *learner, struct ikv_learner_info *ret);

#endif
