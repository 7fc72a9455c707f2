/* The mapping of a store's file: made, checked, read in. */
#include "mmap/map.h"
#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/io/file_io.h"
#include "core/io/window.h"
#include "indexkv.h"

#include <stdlib.h>

/* Of a file that is read in. A multiple of every size of huge pages in use. */
#define PIECE ((uint64_t)64 << 20)

/* A page of the index that was verified is believed to be intact for so long. */
#define VERIFIED_NS (10 * UINT64_C(1000000000))

static int allocate(struct ikv_map *map)
{
    const uint64_t pages = ((map->size - 1) >> map->shift) + 1;

    map->words = (pages - 1) / 64 + 1;
    if (map->words > SIZE_MAX / sizeof *map->resident)
        return -ENOMEM;
    map->resident = calloc((size_t)map->words, sizeof *map->resident);
    map->seen = calloc((size_t)map->words, sizeof *map->seen);
    return map->resident && map->seen ? 0 : -ENOMEM;
}

static unsigned page_shift(void)
{
    const long size = sysconf(_SC_PAGESIZE);
    unsigned shift = 12;

    while (shift < 30 && (1L << shift) < size)
        shift++;
    return shift;
}

/* The system answers truly to who owns the file, and to those who may write it; to others it says
 * that all is there. (The root of a user namespace may be any of them.) */
static bool may_ask_for_many(int fd, const struct stat *st)
{
    return IKV_HAVE_MINCORE && (st->st_uid == geteuid() || ikv_platform_may_write(fd));
}

int ikv_map_new(int fd, const struct stat *st, bool believes_all, struct ikv_map **ret)
{
    const uint64_t size = st->st_size > 0 ? (uint64_t)st->st_size : 0;
    int code = 0;

    if (size == 0 || size > SIZE_MAX / 2)
        return -ENOMEM;
    struct ikv_map *map = calloc(1, sizeof *map);
    if (!map)
        return -ENOMEM;
    map->fd = fd;
    map->size = size;
    map->believes_all = believes_all;
    map->shift = page_shift();
    map->may_ask_for_many = may_ask_for_many(fd, st);
    map->changed[0] = (int64_t)IKV_STAT_CTIME(st).tv_sec;
    map->changed[1] = (int64_t)IKV_STAT_CTIME(st).tv_nsec;
    code = allocate(map);
    if (code == 0)
        map->bytes = ikv_platform_map(fd, (size_t)size, &code);
    if (code < 0) {
        free((void *)map->resident);
        free((void *)map->seen);
        free(map);
        return code;
    }
    *ret = map;
    return 0;
}

void ikv_map_free(struct ikv_map *map)
{
    if (!map)
        return;
    (void)munmap((void *)(uintptr_t)map->bytes, (size_t)map->size); /* unlocks, too */
    free((void *)map->resident);
    free((void *)map->seen);
    free((void *)map->verified);
    free(map);
}

void ikv_map_note_pages(struct ikv_map *map, uint64_t index_pages)
{
    if (index_pages == 0)
        return;
    map->verified_words = (index_pages - 1) / 64 + 1;
    map->verified = calloc((size_t)map->verified_words, sizeof *map->verified);
}

void ikv_map_drop_verified(struct ikv_map *map)
{
    for (uint64_t i = 0; map->verified && i < map->verified_words; i++)
        atomic_store_explicit(&map->verified[i], 0, memory_order_relaxed);
}

/* Is what was verified still so? */
static void look_at_changes(struct ikv_map *map, const struct stat *st)
{
    const uint64_t now = ikv_clock();
    uint64_t since = atomic_load_explicit(&map->verified_since, memory_order_relaxed);

    if (now - since > VERIFIED_NS &&
        atomic_compare_exchange_strong_explicit(&map->verified_since, &since, now,
                                                memory_order_relaxed, memory_order_relaxed))
        ikv_map_drop_verified(map);
    const struct timespec changed = IKV_STAT_CTIME(st);
    if ((changed.tv_sec != map->changed[0] || changed.tv_nsec != map->changed[1]) &&
        !atomic_exchange(&map->is_changed, true))
        ikv_map_drop_verified(map);
}

uint64_t ikv_map_present(struct ikv_map *map)
{
    struct stat st;

    if (fstat(map->fd, &st) != 0 || st.st_size < 0)
        return 0;
    if (map->verified)
        look_at_changes(map, &st);
    return ikv_min(map->size, (uint64_t)st.st_size);
}

struct ikv_map *ikv_map_usable(struct ikv_map *map, uint64_t *ret_present)
{
    *ret_present = map ? ikv_map_present(map) : 0;
    return map && !map->believes_all && *ret_present < map->size ? NULL : map;
}

/* ---------------------------------------------------------------- reading it in */

/* Where the system can't do it in one call. */
static int read_through(int fd, uint64_t offset, uint64_t size)
{
    const size_t most = (size_t)1 << 20;
    unsigned char *buffer = malloc(most);
    int code = buffer ? 0 : -ENOMEM;

    while (code == 0 && size > 0) {
        const size_t n = (size_t)ikv_min(size, most);
        code = ikv_pread_all(fd, buffer, n, offset, NULL);
        offset += n;
        size -= n;
    }
    free(buffer);
    return code;
}

/* Huge pages first: what is already in the page cache in small ones stays as it is. */
static int read_in(struct ikv_map *map, uint64_t offset, uint64_t size)
{
    unsigned char *start = (unsigned char *)(uintptr_t)map->bytes + offset;

    ikv_platform_advise_huge(start, (size_t)size);
    while (size > 0) {
        const uint64_t n = ikv_min(size, PIECE);
        int code = ikv_platform_populate(start, (size_t)n);
        if (code < 0) { /* it can't, or a page can't be read: which one, and why, reading tells */
            code = read_through(map->fd, (uint64_t)(start - map->bytes), n);
            if (code < 0)
                return code;
        }
        start += n;
        size -= n;
    }
    return 0;
}

int ikv_map_preload(struct ikv_map *map, uint64_t offset, uint64_t size, bool lock)
{
    const uint64_t page = (uint64_t)1 << map->shift;

    if (size == 0)
        return 0;
    size = ikv_min(ikv_round_up(offset + size, page), map->size);
    offset &= ~(page - 1);
    size -= offset;
    if (ikv_map_present(map) < offset + size)
        return IKV_E_TRUNCATED;
    int code = read_in(map, offset, size);
    if (code == 0 && lock && mlock(map->bytes + offset, (size_t)size) != 0)
        code = -errno;
    if (code == 0 && !IKV_HAVE_MINCORE && !IKV_HAVE_NOWAIT)
        ikv_map_assume(map, offset, size);
    return code;
}
