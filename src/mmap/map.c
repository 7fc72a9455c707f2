#include "mmap/map.h"

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/io/file_io.h"
#include "indexkv.h"

#include <stdlib.h>

/* Bytes preloaded at a time. A multiple of every huge page size in use. */
#define PIECE ((uint64_t)64 << 20)

/* Pages that are entered where they are visited, without a thread: this takes a millisecond. */
#define FEW_WORDS 64

/* How long an index page counts as verified. */
#define VERIFIED_NS (10 * UINT64_C(1000000000))

static int allocate(struct ikv_map *map)
{
    const uint64_t pages = ((map->size - 1) >> map->shift) + 1;

    map->words = (pages - 1) / 64 + 1;
    if (map->words > SIZE_MAX / sizeof *map->resident)
        return -ENOMEM;
    map->resident = calloc((size_t)map->words, sizeof *map->resident);
    map->seen_once = calloc((size_t)map->words, sizeof *map->seen_once);
    return map->resident && map->seen_once ? 0 : -ENOMEM;
}

static unsigned page_shift(void)
{
    const long size = sysconf(_SC_PAGESIZE);
    unsigned shift = 12;

    while (shift < 30 && (1L << shift) < size)
        shift++;
    return shift;
}

/* mincore is accurate for the owner of the file and for those who may write to it. For others, who
 * may include root in a user namespace, it reports all pages as resident. */
static bool can_query(int fd, const struct stat *st)
{
    return IKV_HAVE_MINCORE && (st->st_uid == geteuid() || ikv_platform_may_write(fd));
}

int ikv_map_new(int fd, const struct stat *st, bool assume_resident, struct ikv_map **ret)
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
    map->assume_resident = assume_resident;
    map->shift = page_shift();
    map->can_query = can_query(fd, st);
    map->no_background = size >> map->shift < (uint64_t)FEW_WORDS * 64;
    map->ctime[0] = (int64_t)IKV_STAT_CTIME(st).tv_sec;
    map->ctime[1] = (int64_t)IKV_STAT_CTIME(st).tv_nsec;
    code = allocate(map);
    map->background.blocks = (map->words - 1) / IKV_MAP_BLOCK_WORDS + 1;
    map->background.enter = ikv_map_enter;
    map->background.user = map;
    if (code == 0)
        map->bytes = ikv_platform_map(fd, (size_t)size, &code);
    if (code < 0) {
        free((void *)map->resident);
        free((void *)map->seen_once);
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
    ikv_background_stop(&map->background);
    (void)munmap((void *)(uintptr_t)map->bytes, (size_t)map->size); /* unlocks, too */
    free((void *)map->resident);
    free((void *)map->seen_once);
    free((void *)map->verified);
    free(map);
}

void ikv_map_track_verified(struct ikv_map *map, uint64_t index_pages)
{
    if (index_pages == 0)
        return;
    map->verified_words = (index_pages - 1) / 64 + 1;
    map->verified = calloc((size_t)map->verified_words, sizeof *map->verified);
}

void ikv_map_clear_verified(struct ikv_map *map)
{
    for (uint64_t i = 0; map->verified && i < map->verified_words; i++)
        atomic_store_explicit(&map->verified[i], 0, memory_order_relaxed);
}

/* Clear the verified bits if they are old or the file was modified. */
static void expire_verified(struct ikv_map *map, const struct stat *st)
{
    const uint64_t now = ikv_clock();
    uint64_t since = atomic_load_explicit(&map->verified_since, memory_order_relaxed);

    if (now - since > VERIFIED_NS &&
        atomic_compare_exchange_strong_explicit(&map->verified_since, &since, now,
                                                memory_order_relaxed, memory_order_relaxed))
        ikv_map_clear_verified(map);
    const struct timespec changed = IKV_STAT_CTIME(st);
    if ((changed.tv_sec != map->ctime[0] || changed.tv_nsec != map->ctime[1]) &&
        !atomic_exchange(&map->is_modified, true))
        ikv_map_clear_verified(map);
}

uint64_t ikv_map_check_size(struct ikv_map *map)
{
    struct stat st;

    if (fstat(map->fd, &st) != 0 || st.st_size < 0)
        return 0;
    if (map->verified)
        expire_verified(map, &st);
    return ikv_min(map->size, (uint64_t)st.st_size);
}

struct ikv_map *ikv_map_usable(struct ikv_map *map, uint64_t *ret_size)
{
    *ret_size = map ? ikv_map_check_size(map) : 0;
    return map && !map->assume_resident && *ret_size < map->size ? NULL : map;
}

/* ---------------------------------------------------------------- preloading */

/* Bring a range into the page cache by reading it. */
static int read_range(int fd, uint64_t offset, uint64_t size)
{
    const size_t max = (size_t)1 << 20;
    unsigned char *buffer = malloc(max);
    int code = buffer ? 0 : -ENOMEM;

    while (code == 0 && size > 0) {
        const size_t n = (size_t)ikv_min(size, max);
        code = ikv_pread_all(fd, buffer, n, offset, NULL);
        offset += n;
        size -= n;
    }
    free(buffer);
    return code;
}

/* Ask for huge pages first: what is in the page cache already keeps its pages. */
static int populate(struct ikv_map *map, uint64_t offset, uint64_t size)
{
    unsigned char *start = (unsigned char *)(uintptr_t)map->bytes + offset;

    ikv_platform_advise_huge(start, (size_t)size);
    while (size > 0) {
        const uint64_t n = ikv_min(size, PIECE);
        int code = ikv_platform_populate(start, (size_t)n);
        if (code < 0) { /* not supported, or a read error, whose code only read returns */
            code = read_range(map->fd, (uint64_t)(start - map->bytes), n);
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
    if (ikv_map_check_size(map) < offset + size)
        return IKV_E_TRUNCATED;
    int code = populate(map, offset, size);
    if (code == 0 && lock && mlock(map->bytes + offset, (size_t)size) != 0)
        code = -errno;
    if (code == 0 && !IKV_REPORTS_RESIDENCY)
        ikv_map_assume_range(map, offset, size);
    return code;
}
