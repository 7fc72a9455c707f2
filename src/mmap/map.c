#include "mmap/map.h"

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/io/file_io.h"
#include "indexkv.h"

#include <stdlib.h>

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
    ikv_platform_unmap((void *)(uintptr_t)map->bytes, (size_t)map->size); /* unlocks, too */
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
