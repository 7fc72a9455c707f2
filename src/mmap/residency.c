/* What is believed of a mapping's pages: asking the kernel, and giving up. */
#define _GNU_SOURCE
#include "bytes.h"
#include "map.h"

/* Pages that are asked about together: those of a word. */
#define GROUP 64

/* After so many answers in a row that a page is not there, only one page is asked about at a time;
 * after more, only every 16th time that somebody wants to know. */
#define ABSENT_FEW  8
#define ABSENT_MANY 64
#define SELDOM      16

/* A wait for the disk in so many touches, or more: then most of what is believed is doubtful. Each
 * page that has gone costs one wait, 100 us, and is there again; to ask about everything anew costs
 * 50 ns a page. */
#define TOUCHES_PER_FAULT 64

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

/* Pages [first, first + count) of one word. */
static bool ask_mapping(struct ikv_map *map, uint64_t first, unsigned count)
{
    const uint64_t pages = ((map->size - 1) >> map->shift) + 1;
    unsigned char vector[GROUP];
    uint64_t bits = 0;

    count = (unsigned)ikv_min(count, pages - first);
    if (ikv_platform_in_core(map->bytes + (first << map->shift), (size_t)count << map->shift,
                             vector) != 0)
        return false;
    for (unsigned i = 0; i < count; i++)
        bits |= (uint64_t)(vector[i] & 1) << ((first + i) % GROUP);
    believe(map, first / GROUP, bits);
    return true;
}

/* A read that must not wait, of one byte. */
static void ask_file(struct ikv_map *map, uint64_t page)
{
    unsigned char byte;

    if (ikv_platform_pread_nowait(map->fd, &byte, 1, (off_t)(page << map->shift)) == 1)
        believe(map, page / GROUP, (uint64_t)1 << (page % GROUP));
}

static void ask_about(struct ikv_map *map, uint64_t page, bool all_of_group)
{
    const uint64_t first = all_of_group ? page / GROUP * GROUP : page;

    atomic_fetch_add_explicit(&map->asked, 1, memory_order_relaxed);
    if (!map->may_ask_for_many || !ask_mapping(map, first, all_of_group ? GROUP : 1))
        ask_file(map, page);
}

bool ikv_map_ask(struct ikv_map *map, uint64_t offset, uint64_t size)
{
    const uint64_t last = (offset + size - 1) >> map->shift;

    if (map->believes_all)
        return true;
    for (uint64_t page = offset >> map->shift; page <= last; page++) {
        if (is_believed(map, page))
            continue;
        const unsigned absent = atomic_load_explicit(&map->absent, memory_order_relaxed);
        if (absent < ABSENT_MANY || absent % SELDOM == 0)
            ask_about(map, page, absent < ABSENT_FEW);
        if (!is_believed(map, page)) {
            atomic_store_explicit(&map->absent, absent + 1 ? absent + 1 : ABSENT_MANY,
                                  memory_order_relaxed);
            return false;
        }
        atomic_store_explicit(&map->absent, 0, memory_order_relaxed);
    }
    return true;
}

static void forget(struct ikv_map *map)
{
    for (uint64_t i = 0; i < map->words; i++)
        atomic_store_explicit(&map->resident[i], 0, memory_order_relaxed);
    ikv_map_drop_verified(map);
    atomic_fetch_add_explicit(&map->forgotten, 1, memory_order_relaxed);
}

void ikv_map_faulted(struct ikv_map *map, uint64_t faults, uint64_t touches)
{
    if (faults > 0 && faults >= touches / TOUCHES_PER_FAULT && !map->believes_all)
        forget(map);
}

void ikv_map_prime(struct ikv_map *map)
{
    const uint64_t pages = ((map->size - 1) >> map->shift) + 1;

    for (uint64_t page = 0; page < pages; page += map->may_ask_for_many ? GROUP : 1)
        ask_about(map, page, true);
}

uint64_t ikv_map_count(const struct ikv_map *map)
{
    uint64_t count = 0;

    for (uint64_t i = 0; i < map->words; i++)
        count += (uint64_t)__builtin_popcountll(
            atomic_load_explicit(&map->resident[i], memory_order_relaxed));
    return count;
}
