/* Reading a range of the file before it is looked up: into the page cache, or into memory of our
 * own. */
#include "mmap/map.h"

#include "core/base/bytes.h"
#include "core/io/file_io.h"
#include "indexkv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Bytes preloaded at a time. A multiple of every huge page size in use. */
#define PIECE ((uint64_t)64 << 20)

/* Blocks that were read again and are still in small pages before no more of them are: the file
 * system has no large ones, or somebody else uses the file. */
#define VAIN_MAX 4

/* ---------------------------------------------------------------- into the page cache */

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

/* Read a range into the page cache, and enter it into the page table. */
static int populate(const struct ikv_map *map, uint64_t offset, uint64_t size)
{
    int code = ikv_platform_populate((void *)(uintptr_t)(map->bytes + offset), (size_t)size);

    if (code < 0) /* not supported, or a read error, whose code only read returns */
        code = read_range(map->fd, offset, size);
    return code;
}

/* Whether a block of IKV_HUGE_PAGE bytes is mapped by a huge page. If that is unknown: yes. */
static bool is_huge(const struct ikv_map *map, int pagemap, uint64_t offset)
{
    return ikv_platform_is_entered(pagemap, map->bytes + offset, IKV_HUGE_PAGE, IKV_PAGES_HUGE) !=
           0;
}

/* Drop a block from the page cache and read it again. Pages that are dirty, or that another process
 * has mapped, stay as they are. */
static int read_again(const struct ikv_map *map, uint64_t offset)
{
    ikv_platform_forget((void *)(uintptr_t)(map->bytes + offset), IKV_HUGE_PAGE);
    IKV_ADVISE_DONTNEED(map->fd, (off_t)offset, (off_t)IKV_HUGE_PAGE);
    return populate(map, offset, IKV_HUGE_PAGE);
}

/* Read those blocks again that are in small pages. */
static int enlarge(const struct ikv_map *map, int pagemap, uint64_t offset, uint64_t size,
                   unsigned *vain)
{
    const uint64_t end = offset + size;
    int code = 0;

    for (uint64_t at = ikv_round_up(offset, IKV_HUGE_PAGE);
         at + IKV_HUGE_PAGE <= end && *vain < VAIN_MAX && code == 0; at += IKV_HUGE_PAGE) {
        if (is_huge(map, pagemap, at))
            continue;
        code = read_again(map, at);
        *vain = is_huge(map, pagemap, at) ? 0 : *vain + 1;
    }
    return code;
}

static int load(const struct ikv_map *map, uint64_t offset, uint64_t size)
{
    const int pagemap = ikv_platform_open_pagemap();
    unsigned vain = pagemap < 0 ? VAIN_MAX : 0;
    int code = 0;

    ikv_platform_advise_huge((void *)(uintptr_t)(map->bytes + offset), (size_t)size);
    while (size > 0 && code == 0) {
        const uint64_t n = ikv_min(size, PIECE - offset % PIECE);
        code = populate(map, offset, n);
        if (code == 0)
            code = enlarge(map, pagemap, offset, n, &vain);
        offset += n;
        size -= n;
    }
    if (pagemap >= 0)
        (void)close(pagemap);
    return code;
}

/* ---------------------------------------------------------------- into memory of our own */

/* Huge pages are wanted whole. */
static void widen(const struct ikv_map *map, uint64_t *offset, uint64_t *size)
{
    const uint64_t end = ikv_min(ikv_round_up(*offset + *size, IKV_HUGE_PAGE), map->size);

    *offset -= *offset % IKV_HUGE_PAGE;
    *size = end - *offset;
}

static int copy(struct ikv_map *map, uint64_t offset, uint64_t size)
{
    unsigned char *start = (unsigned char *)(uintptr_t)map->bytes + offset;
    int code = ikv_platform_map_memory(start, (size_t)size);

    if (code < 0)
        return code;
    for (uint64_t at = 0; at < size && code == 0; at += PIECE)
        code = ikv_pread_all(map->fd, start + at, (size_t)ikv_min(PIECE, size - at), offset + at,
                             NULL);
    if (code == 0 && mprotect(start, (size_t)size, PROT_READ) != 0)
        code = -errno;
    map->copied = code == 0 ? size : 0;
    return code;
}

int ikv_map_preload(struct ikv_map *map, uint64_t offset, uint64_t size, unsigned how)
{
    const uint64_t page = (uint64_t)1 << map->shift;

    if (size == 0)
        return 0;
    size = ikv_min(ikv_round_up(offset + size, page), map->size);
    offset &= ~(page - 1);
    size -= offset;
    if (how & IKV_MAP_COPY)
        widen(map, &offset, &size);
    if (ikv_map_check_size(map) < offset + size)
        return IKV_E_TRUNCATED;
    int code = (how & IKV_MAP_COPY) ? copy(map, offset, size) : load(map, offset, size);
    if (code == 0 && (how & IKV_MAP_LOCK) && mlock(map->bytes + offset, (size_t)size) != 0)
        code = -errno;
    if (code == 0 && (!IKV_REPORTS_RESIDENCY || (how & IKV_MAP_COPY)))
        ikv_map_assume_range(map, offset, size);
    return code;
}
