#include "page_cache.h"

#include "bytes.h"

#include <errno.h>
#include <stdlib.h>

#define WAYS        8u
#define ADMIT_EVERY 8u
#define LINE        64u

/*
 * The state of a way is one word, so that looking up and pinning are one operation:
 *
 *     63 ............ 16 | 15 ... 8 | ...  2        1         0
 *      page number + 1   |   pins   |   verified referenced filling
 *
 * 0 is an empty way. While it is being filled nobody but the thread that fills it has to do with
 * the frame. A pinned way keeps its page.
 */
#define FILLING    UINT64_C(1)
#define REFERENCED UINT64_C(2)
#define VERIFIED   UINT64_C(4)
#define PIN        UINT64_C(0x100)
#define PINS       UINT64_C(0xff00)
#define TAG_SHIFT  16

/* One line of the processor's cache. */
struct set {
    _Alignas(LINE) _Atomic uint64_t ways[WAYS];
};

/* What only threads that put pages need; they try the lock and go away if it is taken. */
struct filling {
    atomic_flag lock;
    unsigned char hand;
    unsigned char misses; /* since one was admitted */
};

struct ikv_page_cache {
    uint64_t sets;
    size_t frame_size;
    struct set *set;
    struct filling *filling;
    unsigned char *frames;
    atomic_uint_fast64_t held;
};

static uint64_t tag_of(uint64_t page)
{
    return (page + 1) << TAG_SHIFT;
}

static bool holds(uint64_t state, uint64_t page)
{
    return state >> TAG_SHIFT == page + 1 && !(state & FILLING);
}

static unsigned char *frame(const struct ikv_page_cache *cache, uint64_t set, unsigned way)
{
    return cache->frames + (set * WAYS + way) * cache->frame_size;
}

/* ---------------------------------------------------------------- making */

static int allocate(struct ikv_page_cache *cache)
{
    const size_t sets = (size_t)cache->sets;

    cache->set = aligned_alloc(LINE, sets * sizeof *cache->set);
    cache->filling = malloc(sets * sizeof *cache->filling);
    /* Large: the system maps it when it is touched. */
    cache->frames = aligned_alloc(LINE, sets * WAYS * cache->frame_size);
    if (!cache->set || !cache->filling || !cache->frames)
        return -ENOMEM;
    for (size_t i = 0; i < sets; i++) {
        for (unsigned way = 0; way < WAYS; way++)
            atomic_init(&cache->set[i].ways[way], 0);
        cache->filling[i] = (struct filling){.lock = ATOMIC_FLAG_INIT};
    }
    return 0;
}

int ikv_page_cache_new(uint64_t memory, uint64_t pages, uint32_t frame_size,
                       struct ikv_page_cache **ret)
{
    const size_t frame = (size_t)ikv_round_up(frame_size, LINE);
    const uint64_t set_size = WAYS * frame + sizeof(struct set) + sizeof(struct filling);

    *ret = NULL;
    memory = ikv_min(memory, SIZE_MAX / 4);
    memory -= ikv_min(memory, sizeof(struct ikv_page_cache));
    const uint64_t sets = ikv_min(pages / WAYS + (pages % WAYS != 0), memory / set_size);
    if (sets == 0 || pages >= UINT64_MAX >> TAG_SHIFT)
        return 0;
    struct ikv_page_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return -ENOMEM;
    cache->sets = sets;
    cache->frame_size = frame;
    if (allocate(cache) < 0) {
        ikv_page_cache_free(cache);
        return -ENOMEM;
    }
    *ret = cache;
    return 0;
}

void ikv_page_cache_free(struct ikv_page_cache *cache)
{
    if (!cache)
        return;
    free(cache->set);
    free(cache->filling);
    free(cache->frames);
    free(cache);
}

/* ---------------------------------------------------------------- looking up */

/* Pin a way that was seen to hold the page. False: it does not any more. */
static bool pin(_Atomic uint64_t *way, uint64_t page, uint64_t *state)
{
    while (holds(*state, page) && (*state & PINS) != PINS) {
        const uint64_t pinned = (*state + PIN) | REFERENCED;
        if (atomic_compare_exchange_weak_explicit(way, state, pinned, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
    }
    return false;
}

bool ikv_page_cache_get(struct ikv_page_cache *cache, uint64_t page, struct ikv_page_pin *ret_pin)
{
    if (!cache)
        return false;
    const uint64_t set = page % cache->sets;
    for (unsigned i = 0; i < WAYS; i++) {
        _Atomic uint64_t *way = &cache->set[set].ways[i];
        uint64_t state = atomic_load_explicit(way, memory_order_relaxed);
        if (!pin(way, page, &state))
            continue;
        ret_pin->bytes = frame(cache, set, i);
        ret_pin->verified = (state & VERIFIED) != 0;
        ret_pin->way = way;
        return true;
    }
    return false;
}

void ikv_page_cache_release(struct ikv_page_pin *pin, bool verified)
{
    if (verified && !pin->verified)
        atomic_fetch_or_explicit(pin->way, VERIFIED, memory_order_relaxed);
    atomic_fetch_sub_explicit(pin->way, PIN, memory_order_release);
}

/* ---------------------------------------------------------------- putting */

/* The set's lock is held, as in the two functions after this one. */
static _Atomic uint64_t *find(struct set *set, uint64_t page)
{
    for (unsigned i = 0; i < WAYS; i++)
        if (atomic_load_explicit(&set->ways[i], memory_order_relaxed) >> TAG_SHIFT == page + 1)
            return &set->ways[i];
    return NULL;
}

/* Make a way ours to fill, if it is in a state in which it may be. */
static bool claim(_Atomic uint64_t *way, uint64_t state, uint64_t page)
{
    return !(state & (PINS | FILLING)) &&
           atomic_compare_exchange_strong_explicit(way, &state, tag_of(page) | FILLING,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* A way to fill; WAYS: none. */
static unsigned choose_way(struct ikv_page_cache *cache, struct set *set, struct filling *filling,
                           uint64_t page)
{
    for (unsigned i = 0; i < WAYS; i++) {
        if (atomic_load_explicit(&set->ways[i], memory_order_relaxed) == 0 &&
            claim(&set->ways[i], 0, page)) {
            atomic_fetch_add_explicit(&cache->held, 1, memory_order_relaxed);
            return i;
        }
    }
    if (++filling->misses < ADMIT_EVERY)
        return WAYS;
    filling->misses = 0;
    for (unsigned turn = 0; turn < 2 * WAYS; turn++) {
        const unsigned i = filling->hand;
        filling->hand = (unsigned char)((i + 1) % WAYS);
        uint64_t state = atomic_load_explicit(&set->ways[i], memory_order_relaxed);
        if (state & REFERENCED)
            atomic_fetch_and_explicit(&set->ways[i], ~REFERENCED, memory_order_relaxed);
        else if (claim(&set->ways[i], state, page))
            return i;
    }
    return WAYS;
}

void ikv_page_cache_put(struct ikv_page_cache *cache, uint64_t page, const void *bytes, size_t size,
                        bool verified)
{
    if (!cache)
        return;
    const uint64_t number = page % cache->sets;
    struct filling *filling = &cache->filling[number];
    struct set *set = &cache->set[number];
    if (atomic_flag_test_and_set_explicit(&filling->lock, memory_order_acquire))
        return;
    const unsigned way = find(set, page) ? WAYS : choose_way(cache, set, filling, page);
    atomic_flag_clear_explicit(&filling->lock, memory_order_release);
    if (way == WAYS)
        return;
    memcpy(frame(cache, number, way), bytes, size);
    atomic_store_explicit(&set->ways[way], tag_of(page) | (verified ? VERIFIED : 0),
                          memory_order_release);
}

void ikv_page_cache_drop(struct ikv_page_cache *cache, uint64_t page)
{
    if (!cache)
        return;
    const uint64_t number = page % cache->sets;
    struct filling *filling = &cache->filling[number];
    if (atomic_flag_test_and_set_explicit(&filling->lock, memory_order_acquire))
        return;
    _Atomic uint64_t *way = find(&cache->set[number], page);
    if (way) {
        uint64_t state = atomic_load_explicit(way, memory_order_relaxed);
        if (!(state & (PINS | FILLING)) &&
            atomic_compare_exchange_strong_explicit(way, &state, 0, memory_order_acquire,
                                                    memory_order_relaxed))
            atomic_fetch_sub_explicit(&cache->held, 1, memory_order_relaxed);
    }
    atomic_flag_clear_explicit(&filling->lock, memory_order_release);
}

void ikv_page_cache_get_info(const struct ikv_page_cache *cache, struct ikv_page_cache_info *ret)
{
    *ret = (struct ikv_page_cache_info){0};
    if (!cache)
        return;
    ret->pages = atomic_load_explicit(&cache->held, memory_order_relaxed);
    ret->most = cache->sets * WAYS;
    ret->bytes = sizeof *cache + ret->pages * cache->frame_size +
                 cache->sets * (sizeof *cache->set + sizeof *cache->filling);
}
