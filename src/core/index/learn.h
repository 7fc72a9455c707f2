/*
 * Learned fences. A plain v2 file has no trailer, so no fences are known when it is opened. But
 * each index page that a lookup reads yields one: its first key. A learner collects them, so that
 * after some batches a lookup takes one read of the index.
 *
 *     batch     acquire -------- search with these fences ----------- add ---- release
 *                 |                      |                             |
 *                 |              page read: ikv_learn_note --> struct ikv_learned
 *                 |                                                    |
 *     learner   snapshot n                          waiting pages, sorted, merged: snapshot n + 1
 *
 * A snapshot is an immutable ikv_fences. There are at most two, the newest and one that batches may
 * still be using; new pages wait as long as a third would be needed. Once all pages are known, the
 * snapshot is a plain array like that of a trailer's fences.
 *
 * Memory is bounded: two snapshots of the maximum number of pages, plus the waiting pages, fit into
 * what the learner was given. When it knows the maximum, it stops learning and keeps the pages that
 * it learned first. These are the most useful: a probe reads the middle of the pages between two
 * fences, so pages become known from the top of the tree of probes down, evenly spread over the
 * keys that are looked up.
 *
 * What is learned is a hint: out of memory, or while another thread is adding, a batch's pages are
 * dropped and will be read again. But fences decide where a key can be. So a page is noted only if
 * its entries are in order, and a page that contradicts the known fences (its first key is below
 * the page before it) proves that the index is not sorted. Then the learner drops everything and
 * stops, and the file is searched without fences, each page being checked on its own.
 *
 * Nothing blocks: acquire and release are a few atomic operations, and add returns if another
 * thread is adding. So a forked child can use the learner whatever the parent's other threads were
 * doing; at worst it learns nothing.
 */
#ifndef IKV_LEARN_H
#define IKV_LEARN_H

#include "core/fences/fences.h"
#include "core/index/page.h"

/* ---------------------------------------------------------------- one run */

/* Maximum number of pages noted by a run. Of more pages a uniform sample is kept, so that the
 * fences are spread over all keys of the batch. */
#define IKV_LEARNED_MAX 4096u

/* Pages that a run read and whose fences were unknown. The run provides the memory, see below. */
struct ikv_learned {
    uint64_t *entries; /* page number, then the words of its first key */
    uint32_t words;    /* of an entry */
    uint32_t room;     /* entries; 0: nothing is noted */
    uint32_t count;
    uint64_t seen; /* candidates so far */
};

/* Bytes that a run of `keys` keys needs for noting pages: at most 4096 * 8 * (1 + words). */
static inline size_t ikv_learned_size(const struct ikv_key_info *key, uint32_t keys)
{
    const uint32_t room = keys < IKV_LEARNED_MAX / 32 ? keys * 32 : IKV_LEARNED_MAX;
    return (size_t)room * (1 + key->words) * sizeof(uint64_t);
}

/* Start a run with `size` bytes of memory, aligned to 8. NULL, 0: nothing is noted. */
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

/* ---------------------------------------------------------------- one store */

/* Each plain store has one, shared by all threads. */
struct ikv_learner;

/* `memory` limits what the learner allocates. *ret is NULL if that, or the index, is too small for
 * a single fence; all functions accept NULL as a learner that learns nothing. 0 or -ENOMEM. */
int ikv_learner_new(const struct ikv_geometry *index, uint64_t memory, struct ikv_learner **ret);
/* All acquired fences must have been released. */
void ikv_learner_free(struct ikv_learner *learner);

/* The fences known now, immutable until released, which any thread may do. */
const struct ikv_fences *ikv_learner_acquire(struct ikv_learner *learner);
void ikv_learner_release(struct ikv_learner *learner, const struct ikv_fences *fences);

/* Whether noting pages is useful: false once all pages are known, the memory is full, or the index
 * was found out of order. */
bool ikv_learner_learns(const struct ikv_learner *learner);

/* Add the pages noted by a run that looked up `keys` keys. Called once per run, also if it noted
 * none; before or after it releases its fences. */
void ikv_learner_add(struct ikv_learner *learner, const struct ikv_learned *learned, uint64_t keys);

struct ikv_learner_info {
    uint64_t known;     /* fences in the newest snapshot */
    uint64_t pages;     /* of the index */
    uint64_t bytes;     /* allocated now */
    uint64_t max_bytes; /* limit of `bytes` */
};
void ikv_learner_get_info(struct ikv_learner *learner, struct ikv_learner_info *ret);

#endif
