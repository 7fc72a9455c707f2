/* What is believed of a mapping's pages: asking the kernel, and giving up. */
#include "core/base/bytes.h"
#include "mmap/map.h"

#include <limits.h>

/* Pages are asked about by words of the bitmap. */
#define WORD 64

/* Words that are asked about at once, when all that was asked about lately was there: 2 MiB of a
 * file in pages of 4 KiB. */
#define WORDS_MANY 8

/* After so many answers in a row that a page is there, many words are asked about at a time; after
 * so many that it is not, only one page; and after more of these, only every 16th time that
 * somebody wants to know. */
#define PRESENT_MANY 8
#define ABSENT_FEW   8
#define ABSENT_MANY  64
#define SELDOM       16

/* A wait for the disk in so many touches, or more: then most of what is believed is doubtful. Each
 * page that has gone costs one wait, 100 us, and is there again; to ask about everything anew costs
 * 50 ns a page. A few waits may come at once: single lookups touch two pages. */
#define TOUCHES_PER_FAULT ((int64_t)256)
#define TRUST_MAX         (16 * TOUCHES_PER_FAULT)

static bool is_believed(const struct ikv_map *map, uint64_t page)
{
    return ikv_map_believes_pages(map, page, page);
}

static void believe(struct ikv_map *map, uint64_t word, uint64_t bits)
{
    const uint64_t known = atomic_load_explicit(&map->resident[word], memory_order_relaxed);

    if (bits & ~known)
        atomic_fetch_or_explicit(&map->resident[word], bits, memory_order_relaxed);
}

/* A single page was found resident. If it has company, ask_words believes in it; alone it is
 * believed in when it is found so again: a page that was just read, and will be dropped before it
 * is used again, is not. */
static void believe_alone(struct ikv_map *map, uint64_t page)
{
    const uint64_t bit = (uint64_t)1 << (page % WORD);

    if (atomic_fetch_or_explicit(&map->seen[page / WORD], bit, memory_order_relaxed) & bit)
        believe(map, page / WORD, bit);
}

static uint64_t whole_word(uint64_t pages)
{
    return pages >= WORD ? UINT64_MAX : ((uint64_t)1 << pages) - 1;
}

/* Go on from the words that are known to be full. */
static void note_full(struct ikv_map *map)
{
    const uint64_t forgotten = atomic_load(&map->forgotten);
    const uint64_t pages = ((map->size - 1) >> map->shift) + 1;
    uint64_t before = atomic_load(&map->full);
    uint64_t full = before;

    while (full < map->words && atomic_load_explicit(&map->resident[full], memory_order_relaxed) ==
                                    whole_word(pages - full * WORD))
        full++;
    /* If all was forgotten meanwhile, that was before (and `full` is 0 now), or is seen here; if it
     * was before this began, the words were empty already. */
    (void)atomic_compare_exchange_strong(&map->full, &before, full);
    if (atomic_load(&map->forgotten) != forgotten)
        atomic_store(&map->full, 0);
}

/* Ask about `count` words from `first` on, and believe in those all of whose pages are there.
 * Whether `page` is: 1, 0; -1: the system did not tell. */
static int ask_words(struct ikv_map *map, uint64_t first, uint64_t count, uint64_t page)
{
    unsigned char vector[WORDS_MANY * WORD];
    const uint64_t pages = ((map->size - 1) >> map->shift) + 1;
    const uint64_t n = ikv_min(count * WORD, pages - first * WORD);
    const unsigned char *start = map->bytes + (first * WORD << map->shift);
    uint64_t all = 0;

    if (ikv_platform_in_core(start, (size_t)(n << map->shift), vector) != 0)
        return -1;
    for (uint64_t word = 0; word * WORD < n; word++) {
        const uint64_t in_word = ikv_min(WORD, n - word * WORD);
        uint64_t there = 0;
        for (uint64_t i = 0; i < in_word; i++)
            there += vector[word * WORD + i] & 1;
        all += there;
        if (there == in_word)
            believe(map, first + word, whole_word(in_word));
    }
    if (all == n) {
        note_full(map);
        /* Enter them into the page table, too: one call for all instead of a fault for every few.
         */
        (void)ikv_platform_populate((void *)(uintptr_t)start, (size_t)(n << map->shift));
    }
    return vector[page - first * WORD] & 1;
}

static bool ask_mapping(struct ikv_map *map, uint64_t page, bool *ret_there)
{
    const uint64_t word = page / WORD;
    unsigned char answer = 0;
    int there;

    if (atomic_load_explicit(&map->present, memory_order_relaxed) >= PRESENT_MANY)
        there = ask_words(map, word / WORDS_MANY * WORDS_MANY, WORDS_MANY, page);
    else if (atomic_load_explicit(&map->absent, memory_order_relaxed) < ABSENT_FEW)
        there = ask_words(map, word, 1, page);
    else
        there = ikv_platform_in_core(map->bytes + (page << map->shift), (size_t)1 << map->shift,
                                     &answer) == 0
                    ? answer & 1
                    : -1;
    *ret_there = there > 0;
    return there >= 0;
}

/* A read that must not wait, of one byte. */
static bool ask_file(const struct ikv_map *map, uint64_t page)
{
    unsigned char byte;

    return ikv_platform_pread_nowait(map->fd, &byte, 1, (off_t)(page << map->shift)) == 1;
}

/* Whether the page is resident now. */
static bool ask_about(struct ikv_map *map, uint64_t page)
{
    const unsigned present = atomic_load_explicit(&map->present, memory_order_relaxed);
    const unsigned absent = atomic_load_explicit(&map->absent, memory_order_relaxed);
    bool there = false;

    if (absent < ABSENT_MANY || absent % SELDOM == 0) {
        atomic_fetch_add_explicit(&map->asked, 1, memory_order_relaxed);
        if (!map->may_ask_for_many || !ask_mapping(map, page, &there))
            there = ask_file(map, page);
    }
    if (there && !is_believed(map, page))
        believe_alone(map, page);
    /* Threads that count at the same time count a little less. */
    atomic_store_explicit(&map->present, there ? (unsigned)ikv_min(present + 1, PRESENT_MANY) : 0,
                          memory_order_relaxed);
    atomic_store_explicit(&map->absent,
                          there               ? 0
                          : absent < UINT_MAX ? absent + 1
                                              : ABSENT_MANY,
                          memory_order_relaxed);
    return there;
}

bool ikv_map_ask(struct ikv_map *map, uint64_t offset, uint64_t size)
{
    const uint64_t last = (offset + size - 1) >> map->shift;

    if (map->believes_all)
        return true;
    for (uint64_t page = offset >> map->shift; page <= last; page++) {
        if (!is_believed(map, page) && !ask_about(map, page))
            return false;
    }
    return true;
}

static void forget(struct ikv_map *map)
{
    for (uint64_t i = 0; i < map->words; i++) {
        atomic_store_explicit(&map->resident[i], 0, memory_order_relaxed);
        atomic_store_explicit(&map->seen[i], 0, memory_order_relaxed);
    }
    /* In this order: see note_full. */
    atomic_fetch_add(&map->forgotten, 1);
    atomic_store(&map->full, 0);
    atomic_store_explicit(&map->present, 0, memory_order_relaxed);
    ikv_map_drop_verified(map);
    atomic_store(&map->distrust, 0);
}

void ikv_map_faulted(struct ikv_map *map, uint64_t faults, uint64_t touches)
{
    const int64_t before = atomic_load_explicit(&map->distrust, memory_order_relaxed);

    if (map->believes_all || (faults == 0 && before == 0))
        return;
    const uint64_t most = INT64_MAX / (2 * TOUCHES_PER_FAULT);
    const int64_t sum = before + (int64_t)ikv_min(faults, most) * TOUCHES_PER_FAULT;
    const int64_t earned = (int64_t)ikv_min(touches, (uint64_t)INT64_MAX / 4);
    const int64_t now = sum > earned ? sum - earned : 0;
    /* Threads that count at the same time count a little less. */
    atomic_store_explicit(&map->distrust, now, memory_order_relaxed);
    if (now > TRUST_MAX)
        forget(map);
}

void ikv_map_prime(struct ikv_map *map)
{
    const uint64_t pages = ((map->size - 1) >> map->shift) + 1;

    if (map->believes_all)
        return;
    for (uint64_t word = 0; map->may_ask_for_many && word < map->words; word += WORDS_MANY) {
        atomic_fetch_add_explicit(&map->asked, 1, memory_order_relaxed);
        if (ask_words(map, word, WORDS_MANY, word * WORD) < 0)
            break;
    }
    for (uint64_t page = 0; !map->may_ask_for_many && page < pages; page++) {
        atomic_fetch_add_explicit(&map->asked, 1, memory_order_relaxed);
        if (ask_file(map, page))
            believe(map, page / WORD, (uint64_t)1 << (page % WORD));
    }
}

void ikv_map_assume(struct ikv_map *map, uint64_t offset, uint64_t size)
{
    const uint64_t last = (offset + size - 1) >> map->shift;

    for (uint64_t page = offset >> map->shift; page <= last; page++)
        believe(map, page / WORD, (uint64_t)1 << (page % WORD));
    note_full(map);
}

uint64_t ikv_map_count(const struct ikv_map *map)
{
    uint64_t count = 0;

    for (uint64_t i = 0; i < map->words; i++)
        count += (uint64_t)__builtin_popcountll(
            atomic_load_explicit(&map->resident[i], memory_order_relaxed));
    return count;
}
