/* Residency hints: set by querying the kernel, dropped when page faults show them wrong. */
#include "mmap/map.h"

#include "core/base/bytes.h"
#include "core/base/clock.h"

#include <errno.h>
#include <limits.h>

/* Pages of a word of the bitmap, which are queried together. */
#define WORD 64

/* After this many absent pages in a row, single pages are queried; after this many, only every 16th
 * page. */
#define ABSENT_STREAK_FEW  8
#define ABSENT_STREAK_MANY 64
#define SAMPLE_EVERY       16

/* Visits of resident pages without hints are frequent from this many within this time on, and until
 * this time has passed without as many. Entering the word of each takes a millisecond or two until
 * then; less often, it takes less than a tenth of the time. */
#define VISITS_MANY 128
#define VISITS_NS   UINT64_C(20000000)
#define BUSY_NS     UINT64_C(100000000)

/* With one fault in this many touches, or more, hints are dropped: where many pages have gone, most
 * hints are doubtful. A wrong hint costs one fault, 100 us, and is right again; querying all pages
 * again costs 50 ns a page. A debt of 16 faults is tolerated: a lookup of one key has only two
 * touches, and faults may come together. */
#define TOUCHES_PER_FAULT ((int64_t)256)
#define FAULT_DEBT_MAX    (16 * TOUCHES_PER_FAULT)

/* Bytes around a page that a page fault enters (the kernel's default). */
#define AROUND ((uint64_t)64 << 10)

/* Blocks that remained in part out of the page table, although they were cached, before no other is
 * entered in that way: the file system, or a setting of the kernel, is another. */
#define VAIN_MAX 4

static bool has_hint(const struct ikv_map *map, uint64_t page)
{
    return ikv_map_has_hints(map, page, page);
}

static void set_hints(struct ikv_map *map, uint64_t word, uint64_t bits)
{
    const uint64_t known = atomic_load_explicit(&map->resident[word], memory_order_relaxed);

    if (bits & ~known)
        atomic_fetch_or_explicit(&map->resident[word], bits, memory_order_relaxed);
}

/* A page was found resident. enter_word has set its hint if its whole word is resident. Otherwise
 * the hint is set the second time: a page that was just read, and will be dropped before it is used
 * again, gets none. */
static void note_resident(struct ikv_map *map, uint64_t page)
{
    const uint64_t bit = (uint64_t)1 << (page % WORD);

    if (atomic_fetch_or_explicit(&map->seen_once[page / WORD], bit, memory_order_relaxed) & bit)
        set_hints(map, page / WORD, bit);
}

static uint64_t whole_word(uint64_t pages)
{
    return pages >= WORD ? UINT64_MAX : ((uint64_t)1 << pages) - 1;
}

/* Advance full_words. */
static void update_full(struct ikv_map *map)
{
    const uint64_t drops = atomic_load(&map->drops);
    const uint64_t pages = ((map->size - 1) >> map->shift) + 1;
    uint64_t before = atomic_load(&map->full_words);
    uint64_t full = before;

    while (full < map->words && atomic_load_explicit(&map->resident[full], memory_order_relaxed) ==
                                    whole_word(pages - full * WORD))
        full++;
    /* If hints were dropped meanwhile, full_words is 0 already and the exchange fails, or `drops`
     * has changed. If they were dropped before this began, the words were empty. */
    (void)atomic_compare_exchange_strong(&map->full_words, &before, full);
    if (atomic_load(&map->drops) != drops)
        atomic_store(&map->full_words, 0);
}

/* By a read of one byte that does not wait. */
static bool query_file(const struct ikv_map *map, uint64_t page)
{
    unsigned char byte;

    return ikv_platform_pread_nowait(map->fd, &byte, 1, (off_t)(page << map->shift)) == 1;
}

/* Whether the pages [first, first + n) are resident, a byte for each, at most WORD. False: unknown.
 */
static bool query_pages(const struct ikv_map *map, uint64_t first, uint64_t n,
                        unsigned char *ret_resident)
{
    if (map->can_query)
        return ikv_platform_in_core(map->bytes + (first << map->shift), (size_t)(n << map->shift),
                                    ret_resident) == 0;
    for (uint64_t i = 0; i < n; i++)
        ret_resident[i] = query_file(map, first + i);
    return true;
}

/* Query a word. If all of its pages are resident, enter them into the page table, one call instead
 * of a page fault for every few, and set their hints. Returns whether `page` is resident, if it is
 * in the word: 1 or 0; -1: unknown. */
static int enter_word(struct ikv_map *map, uint64_t word, uint64_t page)
{
    unsigned char vector[WORD];
    const uint64_t pages = ((map->size - 1) >> map->shift) + 1;
    const uint64_t first = word * WORD;
    const uint64_t n = ikv_min(WORD, pages - first);
    uint64_t resident = 0;

    if (!query_pages(map, first, n, vector))
        return -1;
    for (uint64_t i = 0; i < n; i++)
        resident += vector[i] & 1;
    /* What can't be populated has no hint: it was truncated or can't be read. */
    if (resident == n) {
        const int code = ikv_platform_populate(
            (void *)(uintptr_t)(map->bytes + (first << map->shift)), (size_t)(n << map->shift));
        if (code == 0 || code == -EOPNOTSUPP) {
            set_hints(map, word, whole_word(n));
            update_full(map);
        }
    }
    return page - first < n ? vector[page - first] & 1 : 0;
}

/* Enter a block that is in the page cache as a whole, with a call for every 64 KiB: a page fault
 * enters the pages around its own, too. To populate all of them takes twice as long, most of it
 * looking at the pages once more, and to query them first half as long again. False: it must be
 * done word by word. */
static bool enter_whole(struct ikv_map *map, uint64_t first_page, uint64_t pages)
{
    const uint64_t offset = first_page << map->shift;
    const uint64_t size = pages << map->shift;
    const uint64_t page = (uint64_t)1 << map->shift;
    unsigned char *bytes = (unsigned char *)(uintptr_t)map->bytes + offset;
    int code = 0;

    if (!map->can_query || atomic_load_explicit(&map->vain, memory_order_relaxed) >= VAIN_MAX ||
        !ikv_platform_is_cached(map->fd, offset, size, pages))
        return false;
    for (uint64_t at = 0; at < size && code == 0; at += ikv_max(AROUND, page))
        code = ikv_platform_populate(bytes + at, (size_t)page);
    const int pagemap = code == 0 ? ikv_platform_open_pagemap() : -1;
    const bool entered = pagemap >= 0 && ikv_platform_is_entered(pagemap, bytes, (size_t)size,
                                                                 IKV_PAGES_PRESENT) == 1;
    if (pagemap >= 0)
        (void)close(pagemap);
    /* Concurrent updates may count as one. */
    atomic_store_explicit(&map->vain, entered ? 0 : map->vain + 1, memory_order_relaxed);
    return entered;
}

/* Enter the words [first, end), or set their hints if they have been entered. Counts their pages.
 */
static void enter_words(struct ikv_map *map, uint64_t first, uint64_t end, bool whole,
                        const atomic_bool *stop)
{
    const uint64_t pages = ((map->size - 1) >> map->shift) + 1;

    for (uint64_t word = first; word < end && !atomic_load(stop); word++) {
        const uint64_t before = atomic_load_explicit(&map->resident[word], memory_order_relaxed);
        if (whole)
            set_hints(map, word, whole_word(pages - word * WORD));
        else
            (void)enter_word(map, word, word * WORD);
        const uint64_t now = atomic_load_explicit(&map->resident[word], memory_order_relaxed);
        atomic_fetch_add_explicit(&map->entered, (uint64_t)__builtin_popcountll(now & ~before),
                                  memory_order_relaxed);
    }
}

void ikv_map_enter(void *user, uint64_t block, const atomic_bool *stop)
{
    struct ikv_map *map = user;
    const uint64_t pages = ((map->size - 1) >> map->shift) + 1;
    const uint64_t first = block * IKV_MAP_BLOCK_WORDS;
    const uint64_t end = ikv_min(first + IKV_MAP_BLOCK_WORDS, map->words);

    if (atomic_load(stop))
        return;
    const bool whole = enter_whole(map, first * WORD, ikv_min(end * WORD, pages) - first * WORD);
    enter_words(map, first, end, whole, stop);
    if (whole)
        update_full(map);
}

/* Note a visit of a resident page without a hint. Where such visits are frequent, the map is busy:
 * the thread enters pages. A file that is visited here and there is left alone. */
static void note_visit(struct ikv_map *map, uint64_t now)
{
    const uint64_t since = atomic_load_explicit(&map->visits_since, memory_order_relaxed);

    /* Concurrent updates may be lost. */
    if (now - since > VISITS_NS) {
        atomic_store_explicit(&map->visits_since, now, memory_order_relaxed);
        atomic_store_explicit(&map->visits, 0, memory_order_relaxed);
    }
    if (atomic_fetch_add_explicit(&map->visits, 1, memory_order_relaxed) + 1 >= VISITS_MANY)
        atomic_store_explicit(&map->busy_until, now + BUSY_NS, memory_order_relaxed);
}

static bool is_busy(const struct ikv_map *map, uint64_t now)
{
    return now < atomic_load_explicit(&map->busy_until, memory_order_relaxed) &&
           !atomic_load_explicit(&map->no_background, memory_order_relaxed);
}

static uint64_t block_of(uint64_t page)
{
    return page / ((uint64_t)IKV_MAP_BLOCK_WORDS * WORD);
}

/* False: the caller deals with the page. */
static bool leave_to_background(struct ikv_map *map, uint64_t page, uint64_t now)
{
    const enum ikv_want want = ikv_background_want(&map->background, block_of(page), now);

    if (want == IKV_WANT_FAILS)
        atomic_store_explicit(&map->no_background, true, memory_order_relaxed);
    return want != IKV_WANT_FAILS;
}

/* Whether a page is resident. Pages that the mapping can be queried about are entered a word at a
 * time, unless the thread does that, or few pages are resident. */
static bool query_one(struct ikv_map *map, uint64_t page, bool is_single)
{
    unsigned char answer = 0;

    if (map->can_query && !is_single) {
        const int resident = enter_word(map, page / WORD, page);
        if (resident >= 0)
            return resident;
    } else if (map->can_query && query_pages(map, page, 1, &answer)) {
        return answer & 1;
    }
    return query_file(map, page);
}

/* Whether a page without a hint is resident and may be touched now. */
static bool query_page(struct ikv_map *map, uint64_t page)
{
    const unsigned absent_streak = atomic_load_explicit(&map->absent_streak, memory_order_relaxed);
    const uint64_t now = ikv_clock();
    const bool busy = is_busy(map, now);

    /* Not even queried: that would take half as long as the read. */
    if (busy && ikv_background_is_wanted(&map->background, block_of(page))) {
        note_visit(map, now);
        return false;
    }
    if (absent_streak < ABSENT_STREAK_MANY || absent_streak % SAMPLE_EVERY == 0) {
        atomic_fetch_add_explicit(&map->queries, 1, memory_order_relaxed);
        if (query_one(map, page, busy || absent_streak >= ABSENT_STREAK_FEW)) {
            note_visit(map, now);
            atomic_store_explicit(&map->absent_streak, 0, memory_order_relaxed);
            note_resident(map, page);
            /* Until it is entered, or is seen again, reading it takes less time than the page
             * fault. */
            return !busy || has_hint(map, page) || !leave_to_background(map, page, now);
        }
        ikv_background_note_absent(&map->background, block_of(page));
    }
    /* Concurrent updates may count as one. */
    atomic_store_explicit(&map->absent_streak,
                          absent_streak < UINT_MAX ? absent_streak + 1 : ABSENT_STREAK_MANY,
                          memory_order_relaxed);
    return false;
}

bool ikv_map_query(struct ikv_map *map, uint64_t offset, uint64_t size)
{
    const uint64_t last = (offset + size - 1) >> map->shift;

    if (map->assume_resident)
        return true;
    for (uint64_t page = offset >> map->shift; page <= last; page++) {
        if (!has_hint(map, page) && !query_page(map, page))
            return false;
    }
    return true;
}

void ikv_map_clear_verified(struct ikv_map *map)
{
    for (uint64_t i = 0; map->verified && i < map->verified_words; i++)
        atomic_store_explicit(&map->verified[i], 0, memory_order_relaxed);
}

static void drop_hints(struct ikv_map *map)
{
    for (uint64_t i = 0; i < map->words; i++) {
        atomic_store_explicit(&map->resident[i], 0, memory_order_relaxed);
        atomic_store_explicit(&map->seen_once[i], 0, memory_order_relaxed);
    }
    /* In this order: see update_full. */
    atomic_fetch_add(&map->drops, 1);
    atomic_store(&map->full_words, 0);
    ikv_background_reset(&map->background);
    ikv_map_clear_verified(map);
    atomic_store(&map->fault_debt, 0);
}

void ikv_map_report_faults(struct ikv_map *map, uint64_t faults, uint64_t touches)
{
    const int64_t before = atomic_load_explicit(&map->fault_debt, memory_order_relaxed);

    if (map->assume_resident || (faults == 0 && before == 0))
        return;
    const uint64_t max = INT64_MAX / (2 * TOUCHES_PER_FAULT);
    const int64_t sum = before + (int64_t)ikv_min(faults, max) * TOUCHES_PER_FAULT;
    const int64_t paid = (int64_t)ikv_min(touches, (uint64_t)INT64_MAX / 4);
    const int64_t now = sum > paid ? sum - paid : 0;
    /* Concurrent updates may count as one. */
    atomic_store_explicit(&map->fault_debt, now, memory_order_relaxed);
    if (now > FAULT_DEBT_MAX)
        drop_hints(map);
}

void ikv_map_prime(struct ikv_map *map)
{
    if (map->assume_resident)
        return;
    for (uint64_t word = 0; word < map->words; word++) {
        atomic_fetch_add_explicit(&map->queries, 1, memory_order_relaxed);
        if (enter_word(map, word, word * WORD) < 0)
            break;
    }
}

void ikv_map_assume_range(struct ikv_map *map, uint64_t offset, uint64_t size)
{
    const uint64_t last = (offset + size - 1) >> map->shift;

    for (uint64_t page = offset >> map->shift; page <= last; page++)
        set_hints(map, page / WORD, (uint64_t)1 << (page % WORD));
    update_full(map);
}

uint64_t ikv_map_count_resident(const struct ikv_map *map)
{
    uint64_t count = 0;

    for (uint64_t i = 0; i < map->words; i++)
        count += (uint64_t)__builtin_popcountll(
            atomic_load_explicit(&map->resident[i], memory_order_relaxed));
    return count;
}

uint64_t ikv_map_count_entered(const struct ikv_map *map)
{
    return ikv_min(atomic_load_explicit(&map->entered, memory_order_relaxed) << map->shift,
                   map->size);
}

uint64_t ikv_map_count_entering(const struct ikv_map *map)
{
    return ikv_min(ikv_background_waiting(&map->background) * IKV_MAP_BLOCK_WORDS * WORD
                       << map->shift,
                   map->size);
}
