/* Residency hints: set by querying the kernel, dropped when page faults show them wrong. */
#include "mmap/map.h"

#include "core/base/bytes.h"

#include <limits.h>

/* Pages of a word of the bitmap, which are queried together. */
#define WORD 64

/* Words that are queried together while all pages are resident: 2 MiB of a file in 4 KiB pages. */
#define WORDS_MAX 8

/* After this many resident pages in a row, WORDS_MAX words are queried together; after this many
 * absent ones, single pages; after this many, only every 16th page. */
#define RESIDENT_STREAK_MAX 8
#define ABSENT_STREAK_FEW   8
#define ABSENT_STREAK_MANY  64
#define SAMPLE_EVERY        16

/* With one fault in this many touches, or more, hints are dropped: where many pages have gone, most
 * hints are doubtful. A wrong hint costs one fault, 100 us, and is right again; querying all pages
 * again costs 50 ns a page. A debt of 16 faults is tolerated: a lookup of one key has only two
 * touches, and faults may come together. */
#define TOUCHES_PER_FAULT ((int64_t)256)
#define FAULT_DEBT_MAX    (16 * TOUCHES_PER_FAULT)

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

/* A page was found resident. query_words has set its hint if its whole word is resident. Otherwise
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

/* Query `count` words, beginning with `first`, and set the hints of those that are resident as a
 * whole. Returns whether `page` is resident: 1 or 0; -1: unknown. */
static int query_words(struct ikv_map *map, uint64_t first, uint64_t count, uint64_t page)
{
    unsigned char vector[WORDS_MAX * WORD];
    const uint64_t pages = ((map->size - 1) >> map->shift) + 1;
    const uint64_t n = ikv_min(count * WORD, pages - first * WORD);
    const unsigned char *start = map->bytes + (first * WORD << map->shift);
    uint64_t all = 0;

    if (ikv_platform_in_core(start, (size_t)(n << map->shift), vector) != 0)
        return -1;
    for (uint64_t word = 0; word * WORD < n; word++) {
        const uint64_t in_word = ikv_min(WORD, n - word * WORD);
        uint64_t resident = 0;
        for (uint64_t i = 0; i < in_word; i++)
            resident += vector[word * WORD + i] & 1;
        all += resident;
        if (resident == in_word)
            set_hints(map, first + word, whole_word(in_word));
    }
    if (all == n) {
        update_full(map);
        /* Enter them into the page table, too: one call instead of a page fault for every few. */
        (void)ikv_platform_populate((void *)(uintptr_t)start, (size_t)(n << map->shift));
    }
    return vector[page - first * WORD] & 1;
}

/* False: unknown. */
static bool query_mapping(struct ikv_map *map, uint64_t page, bool *ret_resident)
{
    const uint64_t word = page / WORD;
    unsigned char answer = 0;
    int resident;

    if (atomic_load_explicit(&map->resident_streak, memory_order_relaxed) >= RESIDENT_STREAK_MAX)
        resident = query_words(map, word / WORDS_MAX * WORDS_MAX, WORDS_MAX, page);
    else if (atomic_load_explicit(&map->absent_streak, memory_order_relaxed) < ABSENT_STREAK_FEW)
        resident = query_words(map, word, 1, page);
    else
        resident = ikv_platform_in_core(map->bytes + (page << map->shift), (size_t)1 << map->shift,
                                        &answer) == 0
                       ? answer & 1
                       : -1;
    *ret_resident = resident > 0;
    return resident >= 0;
}

/* By a read of one byte that does not wait. */
static bool query_file(const struct ikv_map *map, uint64_t page)
{
    unsigned char byte;

    return ikv_platform_pread_nowait(map->fd, &byte, 1, (off_t)(page << map->shift)) == 1;
}

static bool query_page(struct ikv_map *map, uint64_t page)
{
    const unsigned resident_streak =
        atomic_load_explicit(&map->resident_streak, memory_order_relaxed);
    const unsigned absent_streak = atomic_load_explicit(&map->absent_streak, memory_order_relaxed);
    bool resident = false;

    if (absent_streak < ABSENT_STREAK_MANY || absent_streak % SAMPLE_EVERY == 0) {
        atomic_fetch_add_explicit(&map->queries, 1, memory_order_relaxed);
        if (!map->can_query || !query_mapping(map, page, &resident))
            resident = query_file(map, page);
    }
    if (resident && !has_hint(map, page))
        note_resident(map, page);
    /* Concurrent updates may count as one. */
    atomic_store_explicit(&map->resident_streak,
                          resident ? (unsigned)ikv_min(resident_streak + 1, RESIDENT_STREAK_MAX)
                                   : 0,
                          memory_order_relaxed);
    atomic_store_explicit(&map->absent_streak,
                          resident                   ? 0
                          : absent_streak < UINT_MAX ? absent_streak + 1
                                                     : ABSENT_STREAK_MANY,
                          memory_order_relaxed);
    return resident;
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

static void drop_hints(struct ikv_map *map)
{
    for (uint64_t i = 0; i < map->words; i++) {
        atomic_store_explicit(&map->resident[i], 0, memory_order_relaxed);
        atomic_store_explicit(&map->seen_once[i], 0, memory_order_relaxed);
    }
    /* In this order: see update_full. */
    atomic_fetch_add(&map->drops, 1);
    atomic_store(&map->full_words, 0);
    atomic_store_explicit(&map->resident_streak, 0, memory_order_relaxed);
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
    const uint64_t pages = ((map->size - 1) >> map->shift) + 1;

    if (map->assume_resident)
        return;
    for (uint64_t word = 0; map->can_query && word < map->words; word += WORDS_MAX) {
        atomic_fetch_add_explicit(&map->queries, 1, memory_order_relaxed);
        if (query_words(map, word, WORDS_MAX, word * WORD) < 0)
            break;
    }
    for (uint64_t page = 0; !map->can_query && page < pages; page++) {
        atomic_fetch_add_explicit(&map->queries, 1, memory_order_relaxed);
        if (query_file(map, page))
            set_hints(map, page / WORD, (uint64_t)1 << (page % WORD));
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
