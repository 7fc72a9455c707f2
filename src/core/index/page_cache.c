/*
 * Set-associative, like a processor's cache. Page p belongs to set p % sets, where its tag is
 * p / sets. A set has seven ways, each with a frame for one page. Way w of set s has the frame
 * w * sets + s, so with a frame for every page no two pages compete for one: the index becomes
 * resident, and nothing is ever evicted.
 *
 * The state of a set is one cache line:
 *
 *     0       8                                          64
 *     | turn  | way 0 | way 1 | ...              | way 6 |      one word per way:
 *
 *     63                    20      19       18        17         16 15          0
 *     | tag                 | written | held | filling | verified | ref |   pins  |
 *
 * Policy. CLOCK, also called second chance: a hit sets the way's reference bit; the hand evicts the
 * first page whose bit is clear and clears the bits that it passes. Under skewed access that is
 * close to LRU, but a hit only sets a bit, where LRU and ARC move the page in a list under a lock.
 * Under uniform access to an index much larger than the cache no policy helps, and copying pages in
 * (some 700 ns each) is wasted time. So a full set accepts only one of EVICT_SHARE pages offered. A
 * page in frequent use is offered often, so this costs it a few more misses before it is cached; it
 * keeps pages used once from evicting others; and of a loop over more pages than fit some stay,
 * where LRU would never hit.
 *
 * Threads. A frame is written by the thread that changed its way to FILLING and read by threads
 * that have it pinned. These exclude each other, since both are states of one atomic word:
 *
 *     free, held  -> filling   put: compare-and-swap from a word without pins      acquire
 *     filling     -> held      the same put, after copying the page                release
 *     held        -> free      drop: pins remain and prevent the way from being filled
 *     pins + 1                 get: valid if the word was held with the right tag  acquire
 *                              in the same atomic step; otherwise undone
 *     pins - 1                 release                                             release
 *
 * Every change is an atomic read-modify-write, so each acquire sees all releases before it: a
 * reader sees the whole page, and a frame being filled has no readers left. get never loops, so a
 * page that all threads want costs each of them one cache miss. The bits that may be set late,
 * verified and ref, are meaningful in a held way only.
 *
 * Two puts of the same page must not both find it missing, so `turn` is a lock for choosing a way.
 * It never blocks: a put that finds it taken declines.
 */
#include "core/index/page_cache.h"

#include "core/base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LINE        64
#define WAYS        7
#define EVICT_SHARE 8
#define FRAME_ALIGN 4096 /* so that a page of 4096 bytes takes one TLB entry */

#define PINS       UINT64_C(0xffff)
#define PINS_MAX   UINT64_C(0x7fff) /* the other half absorbs concurrent gets */
#define REFERENCED (UINT64_C(1) << 16)
#define VERIFIED   (UINT64_C(1) << 17)
#define FILLING    (UINT64_C(1) << 18)
#define HELD       (UINT64_C(1) << 19)
#define WRITTEN    (UINT64_C(1) << 20) /* the frame was ever used: the system has allocated it */
#define TAG_SHIFT  21

struct ikv_page_way {
    _Atomic uint64_t word;
};

struct set {
    alignas(LINE) _Atomic uint32_t turn; /* 1: a thread is choosing a way; guards the next two */
    uint16_t hand;
    uint16_t declined;
    struct ikv_page_way ways[WAYS];
};

struct ikv_page_cache {
    void *block; /* from calloc; contains the cache, aligned */
    unsigned char *frames;
    uint64_t frame_size;
    uint64_t frame_count;
    uint64_t set_count;
    uint64_t pages;
    uint64_t bookkeeping; /* bytes */

    /* Changed when a free way is filled or a page dropped, not by evictions. */
    alignas(LINE) _Atomic uint64_t held;
    _Atomic uint64_t written;

    struct set sets[];
};

_Static_assert(sizeof(struct set) == LINE, "a set is one cache line");

/* ---------------------------------------------------------------- creating */

/* Memory besides sets and frames: alignment of both. */
#define FIXED_BYTES (sizeof(struct ikv_page_cache) + LINE + (size_t)2 * FRAME_ALIGN)

/* Set the numbers of sets and frames that fit into the memory. */
static void divide_memory(struct ikv_page_cache *cache, uint64_t memory)
{
    const uint64_t all_sets = cache->pages / WAYS + (cache->pages % WAYS != 0);

    if (memory <= FIXED_BYTES || cache->frame_size == 0)
        return;
    memory -= FIXED_BYTES;
    if (cache->pages <= memory / cache->frame_size &&
        all_sets * LINE <= memory - cache->pages * cache->frame_size) {
        cache->frame_count = cache->pages;
        cache->set_count = all_sets;
    } else {
        cache->set_count = memory / (LINE + WAYS * cache->frame_size);
        cache->frame_count = cache->set_count * WAYS;
    }
}

int ikv_page_cache_new(uint64_t memory, uint64_t pages, uint32_t page_size,
                       struct ikv_page_cache **ret)
{
    struct ikv_page_cache made = {.pages = pages, .frame_size = ikv_round_up(page_size, LINE)};

    divide_memory(&made, ikv_memory_option(memory, 1));
    if (made.set_count == 0 || (pages - 1) / made.set_count > UINT64_MAX >> TAG_SHIFT) {
        *ret = NULL;
        return 0;
    }
    const size_t head = sizeof made + (size_t)made.set_count * sizeof(struct set) + LINE;
    const size_t frames =
        (size_t)ikv_round_up(made.frame_count * made.frame_size, (uint64_t)FRAME_ALIGN);
    made.bookkeeping = FIXED_BYTES + made.set_count * sizeof(struct set);
    /* Frames are not cleared, so that the system allocates only those used. */
    made.frames = aligned_alloc(FRAME_ALIGN, frames);
    made.block = calloc(1, head);
    if (!made.frames || !made.block) {
        free(made.frames);
        free(made.block);
        return -ENOMEM;
    }
    struct ikv_page_cache *cache =
        (void *)((unsigned char *)made.block + (LINE - (uintptr_t)made.block % LINE));
    memcpy(cache, &made, sizeof made);
    *ret = cache;
    return 0;
}

void ikv_page_cache_free(struct ikv_page_cache *cache)
{
    if (!cache)
        return;
    free(cache->frames);
    free(cache->block);
}

void ikv_page_cache_info(const struct ikv_page_cache *cache, struct ikv_page_cache_info *ret)
{
    memset(ret, 0, sizeof *ret);
    if (!cache)
        return;
    ret->pages = atomic_load_explicit(&cache->held, memory_order_relaxed);
    ret->pages_max = cache->frame_count;
    ret->memory = cache->bookkeeping +
                  cache->frame_size * atomic_load_explicit(&cache->written, memory_order_relaxed);
    ret->memory_max = cache->bookkeeping + cache->frame_size * cache->frame_count;
}

/* ---------------------------------------------------------------- hits */

static bool holds(uint64_t word, uint64_t tag)
{
    return (word & HELD) && word >> TAG_SHIFT == tag;
}

static unsigned char *frame_of(const struct ikv_page_cache *cache, uint64_t set, unsigned way)
{
    return cache->frames + (way * cache->set_count + set) * cache->frame_size;
}

const unsigned char *ikv_page_cache_get(struct ikv_page_cache *cache, uint64_t page,
                                        struct ikv_page_pin *pin)
{
    if (!cache)
        return NULL;
    const uint64_t set = page % cache->set_count;
    const uint64_t tag = page / cache->set_count;

    for (unsigned i = 0; i < WAYS; i++) {
        struct ikv_page_way *way = &cache->sets[set].ways[i];
        uint64_t word = atomic_load_explicit(&way->word, memory_order_relaxed);
        if (!holds(word, tag))
            continue;
        if ((word & PINS) >= PINS_MAX)
            return NULL;
        word = atomic_fetch_add_explicit(&way->word, 1, memory_order_acquire);
        if (!holds(word, tag)) { /* evicted or dropped just now */
            atomic_fetch_sub_explicit(&way->word, 1, memory_order_relaxed);
            return NULL;
        }
        if (!(word & REFERENCED))
            atomic_fetch_or_explicit(&way->word, REFERENCED, memory_order_relaxed);
        pin->way = way;
        pin->verified = (word & VERIFIED) != 0;
        return frame_of(cache, set, i);
    }
    return NULL;
}

void ikv_page_cache_release(const struct ikv_page_pin *pin)
{
    const uint64_t word = atomic_fetch_sub_explicit(&pin->way->word, 1, memory_order_release);

    assert((word & PINS) != 0);
    (void)word;
}

const void *ikv_page_cache_set_of(const struct ikv_page_cache *cache, uint64_t page)
{
    return &cache->sets[page % cache->set_count];
}

const unsigned char *ikv_page_cache_peek(const struct ikv_page_cache *cache, uint64_t page)
{
    const uint64_t set = page % cache->set_count;
    const uint64_t tag = page / cache->set_count;

    for (unsigned i = 0; i < WAYS; i++) {
        const struct ikv_page_way *way = &cache->sets[set].ways[i];
        if (holds(atomic_load_explicit(&way->word, memory_order_relaxed), tag))
            return frame_of(cache, set, i);
    }
    return NULL;
}

void ikv_page_cache_set_verified(const struct ikv_page_pin *pin)
{
    atomic_fetch_or_explicit(&pin->way->word, VERIFIED, memory_order_relaxed);
}

void ikv_page_cache_drop(struct ikv_page_cache *cache, const struct ikv_page_pin *pin)
{
    /* Pinned by the caller, so the way holds this page or another thread has dropped it. */
    const uint64_t word =
        atomic_fetch_and_explicit(&pin->way->word, PINS | WRITTEN, memory_order_relaxed);

    if (word & HELD)
        atomic_fetch_sub_explicit(&cache->held, 1, memory_order_relaxed);
}

/* ---------------------------------------------------------------- misses */

/* Take a way for filling, unless it is pinned or has changed since `word` was loaded. */
static bool take(struct ikv_page_way *way, uint64_t word, uint64_t tag)
{
    const uint64_t taken = tag << TAG_SHIFT | WRITTEN | FILLING;

    return (word & PINS) == 0 &&
           atomic_compare_exchange_strong_explicit(&way->word, &word, taken, memory_order_acquire,
                                                   memory_order_relaxed);
}

static int take_free(struct ikv_page_cache *cache, struct set *set, unsigned ways, uint64_t tag)
{
    for (unsigned i = 0; i < ways; i++) {
        const unsigned w = (unsigned)((tag + i) % ways); /* resident: frame p for page p */
        const uint64_t word = atomic_load_explicit(&set->ways[w].word, memory_order_relaxed);
        if ((word & (HELD | FILLING)) || !take(&set->ways[w], word, tag))
            continue;
        atomic_fetch_add_explicit(&cache->held, 1, memory_order_relaxed);
        if (!(word & WRITTEN))
            atomic_fetch_add_explicit(&cache->written, 1, memory_order_relaxed);
        return (int)w;
    }
    return -1;
}

/* Two rounds: the first may only clear reference bits. */
static int evict(struct set *set, unsigned ways, uint64_t tag)
{
    for (unsigned i = 0; i < 2 * ways; i++) {
        const unsigned w = set->hand % ways;
        const uint64_t word = atomic_load_explicit(&set->ways[w].word, memory_order_relaxed);
        set->hand = (uint16_t)((w + 1) % ways);
        if (!(word & HELD))
            continue;
        if (word & REFERENCED)
            atomic_fetch_and_explicit(&set->ways[w].word, ~REFERENCED, memory_order_relaxed);
        else if (take(&set->ways[w], word, tag))
            return (int)w;
    }
    return -1;
}

/* Choose and take a way for a page; -1: none. The set is locked. */
static int choose(struct ikv_page_cache *cache, uint64_t number, uint64_t tag)
{
    struct set *set = &cache->sets[number];
    const unsigned ways = (unsigned)((cache->frame_count - number - 1) / cache->set_count + 1);

    for (unsigned w = 0; w < ways; w++) {
        const uint64_t word = atomic_load_explicit(&set->ways[w].word, memory_order_relaxed);
        if ((word & (HELD | FILLING)) && word >> TAG_SHIFT == tag)
            return -1;
    }
    const int w = take_free(cache, set, ways, tag);
    if (w >= 0)
        return w;
    set->declined = (uint16_t)((set->declined + 1) % EVICT_SHARE);
    return set->declined == 0 ? evict(set, ways, tag) : -1;
}

bool ikv_page_cache_put(struct ikv_page_cache *cache, uint64_t page, const void *bytes,
                        uint32_t size, bool verified)
{
    if (!cache || page >= cache->pages || size > cache->frame_size)
        return false;
    const uint64_t number = page % cache->set_count;
    struct set *set = &cache->sets[number];

    if (atomic_exchange_explicit(&set->turn, 1, memory_order_acquire) != 0)
        return false;
    const int w = choose(cache, number, page / cache->set_count);
    atomic_store_explicit(&set->turn, 0, memory_order_release);
    if (w < 0)
        return false;
    memcpy(frame_of(cache, number, (unsigned)w), bytes, size);
    /* Not a plain store: failing gets may have pinned the way for a moment. */
    atomic_fetch_xor_explicit(&set->ways[w].word, FILLING | HELD | (verified ? VERIFIED : 0),
                              memory_order_release);
    return true;
}
