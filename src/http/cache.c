#include "http/cache.h"

#include "core/base/mix.h"
#include "core/format/checksum.h"
#include "core/format/format.h"
#include "core/io/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC       UINT64_C(0x3148434143564b49) /* "IKVCACH1" */
#define HEADER_SIZE 4096u                        /* of which magic and checksum are used */

/* A slot: 0 u64 object, 8 u64 block number, 16 u64 checksum of the rest, 24 the block. The last
 * block of an object is padded with zeros. */
#define SLOT_HEAD   24u
#define SLOT_SIZE   (SLOT_HEAD + IKV_CACHE_BLOCK)
#define GROUP_SLOTS 16u
#define GROUP_SIZE  ((uint64_t)GROUP_SLOTS * SLOT_SIZE)
#define GROUP_BYTES ((uint64_t)GROUP_SLOTS * IKV_CACHE_BLOCK)
#define GROUPS_MIN  16u

struct ikv_http_cache {
    int fd;
    uint64_t object;
    uint64_t object_size;
    uint64_t groups;
};

/* ---------------------------------------------------------------- slots */

/* The block's slot in the first or second (`way` 0 or 1) group that may contain it. */
static uint64_t slot_offset(const struct ikv_http_cache *cache, uint64_t block, unsigned way)
{
    const uint64_t hash = ikv_mix(cache->object ^ ikv_mix(block / GROUP_SLOTS));
    const uint64_t group = (way == 0 ? hash : hash / cache->groups) % cache->groups;

    return HEADER_SIZE + group * GROUP_SIZE + block % GROUP_SLOTS * SLOT_SIZE;
}

static uint64_t slot_checksum(const unsigned char *slot)
{
    return ikv_checksum_seeded(slot + SLOT_HEAD, IKV_CACHE_BLOCK,
                               ikv_mix(ikv_load64(slot)) + ikv_load64(slot + 8));
}

static void slot_encode(const struct ikv_http_cache *cache, uint64_t block,
                        const unsigned char *bytes, unsigned char *slot)
{
    ikv_store64(slot, cache->object);
    ikv_store64(slot + 8, block);
    memcpy(slot + SLOT_HEAD, bytes, IKV_CACHE_BLOCK);
    ikv_store64(slot + 16, slot_checksum(slot));
}

static bool slot_is(const struct ikv_http_cache *cache, uint64_t block, const unsigned char *slot)
{
    return ikv_load64(slot) == cache->object && ikv_load64(slot + 8) == block &&
           ikv_load64(slot + 16) == slot_checksum(slot);
}

/* ---------------------------------------------------------------- open, close */

static uint64_t groups_of(uint64_t size)
{
    return size < HEADER_SIZE ? 0 : (size - HEADER_SIZE) / GROUP_SIZE;
}

/* The header has the size. The file is extended afterwards: a process that finds a header may use
 * the file. */
static int create(int fd, uint64_t size)
{
    unsigned char header[HEADER_SIZE] = {0};

    ikv_store64(header, MAGIC);
    ikv_store64(header + 8, ikv_max(groups_of(size), GROUPS_MIN));
    ikv_store64(header + 16, ikv_checksum(header, 16));
    return ikv_pwrite_all(fd, header, sizeof header, 0);
}

static int check(int fd, uint64_t *ret_groups)
{
    unsigned char header[HEADER_SIZE];
    const int code = ikv_pread_all(fd, header, sizeof header, 0, NULL);

    if (code < 0)
        return code == IKV_E_TRUNCATED ? IKV_E_INVALID : code;
    *ret_groups = ikv_load64(header + 8);
    if (ikv_load64(header) != MAGIC || ikv_load64(header + 16) != ikv_checksum(header, 16) ||
        *ret_groups == 0 || *ret_groups > groups_of(INT64_MAX))
        return IKV_E_INVALID;
    return 0;
}

static int extend(int fd, uint64_t groups)
{
    const uint64_t size = HEADER_SIZE + groups * GROUP_SIZE;
    struct stat st;

    if (fstat(fd, &st) != 0 || ((uint64_t)st.st_size < size && ftruncate(fd, (off_t)size) != 0))
        return -errno;
    return 0;
}

/* Several processes may create the file at once, also while another one uses it: all write the same
 * header, unless their sizes differ; then they don't find each other's blocks. */
static int open_file(const char *path, uint64_t size, uint64_t *ret_groups)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags);
    struct stat st;
    int code = 0;

    if (fd < 0 && errno == ENOENT)
        fd = open(path, flags | O_CREAT, 0600);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) != 0)
        code = -errno;
    else if (!S_ISREG(st.st_mode))
        code = IKV_E_NOT_REGULAR;
    else if (st.st_size == 0)
        code = create(fd, size);
    if (code == 0)
        code = check(fd, ret_groups);
    if (code == 0)
        code = extend(fd, *ret_groups);
    if (code < 0) {
        (void)close(fd);
        return code;
    }
    return fd;
}

int ikv_http_cache_open(const char *path, uint64_t size, uint64_t object, uint64_t object_size,
                        struct ikv_http_cache **ret, ikv_error *err)
{
    struct ikv_http_cache *cache = malloc(sizeof *cache);

    if (!cache)
        return ikv_fail(err, -ENOMEM, IKV_AT_FILE(path), "cannot open the cache");
    *cache = (struct ikv_http_cache){.object = object, .object_size = object_size};
    const int fd = open_file(path, size, &cache->groups);
    if (fd < 0) {
        free(cache);
        return ikv_fail(err, fd, IKV_AT_FILE(path),
                        fd == IKV_E_INVALID ? "not a cache of this library"
                                            : "cannot open the cache");
    }
    cache->fd = fd;
    *ret = cache;
    return 0;
}

void ikv_http_cache_close(struct ikv_http_cache *cache)
{
    if (!cache)
        return;
    (void)close(cache->fd);
    free(cache);
}

/* ---------------------------------------------------------------- read, add */

/* Copy a range within one group from one of its places. */
static bool read_group(struct ikv_http_cache *cache, unsigned char *to, size_t size,
                       uint64_t offset, unsigned way)
{
    unsigned char slots[GROUP_SIZE];
    const uint64_t first = offset / IKV_CACHE_BLOCK;
    const uint64_t end = (offset + size - 1) / IKV_CACHE_BLOCK + 1;
    const size_t bytes = (size_t)(end - first) * SLOT_SIZE;

    if (ikv_pread_all(cache->fd, slots, bytes, slot_offset(cache, first, way), NULL) < 0)
        return false;
    for (uint64_t block = first; block < end; block++) {
        const unsigned char *slot = slots + (block - first) * SLOT_SIZE;
        const size_t skip = (size_t)(offset % IKV_CACHE_BLOCK);
        const size_t n = (size_t)ikv_min(IKV_CACHE_BLOCK - skip, size);
        if (!slot_is(cache, block, slot))
            return false;
        memcpy(to, slot + SLOT_HEAD + skip, n);
        to += n;
        offset += n;
        size -= n;
    }
    return true;
}

bool ikv_http_cache_read(struct ikv_http_cache *cache, void *buf, size_t size, uint64_t offset)
{
    unsigned char *to = buf;

    while (size > 0) {
        const size_t n = (size_t)ikv_min(GROUP_BYTES - offset % GROUP_BYTES, size);
        if (!read_group(cache, to, n, offset, 0) && !read_group(cache, to, n, offset, 1))
            return false;
        to += n;
        offset += n;
        size -= n;
    }
    return true;
}

/* The place of a block to be written: where it or its group is already, or a free one, or else one
 * of both by its hash. */
static uint64_t choose_place(struct ikv_http_cache *cache, uint64_t block)
{
    unsigned char head[2][16] = {{0}, {0}};
    const uint64_t group = block / GROUP_SLOTS;

    for (unsigned way = 0; way < 2; way++) {
        const uint64_t offset = slot_offset(cache, block, way);
        if (ikv_pread_all(cache->fd, head[way], sizeof head[way], offset, NULL) < 0 ||
            ikv_load64(head[way]) == 0 ||
            (ikv_load64(head[way]) == cache->object &&
             ikv_load64(head[way] + 8) / GROUP_SLOTS == group))
            return offset;
    }
    return slot_offset(cache, block, ikv_mix(group) & 1);
}

/* What can't be written is not cached. */
static void put(struct ikv_http_cache *cache, uint64_t block, const unsigned char *bytes)
{
    unsigned char slot[SLOT_SIZE];

    slot_encode(cache, block, bytes, slot);
    (void)ikv_pwrite_all(cache->fd, slot, sizeof slot, choose_place(cache, block));
}

void ikv_http_cache_add(struct ikv_http_cache *cache, struct ikv_http_piece *piece, uint64_t offset,
                        const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        const size_t at = (size_t)(offset % IKV_CACHE_BLOCK);
        const size_t n = (size_t)ikv_min(IKV_CACHE_BLOCK - at, size);
        const bool follows = at == 0 || piece->next == offset;
        if (follows) {
            memcpy(piece->block + at, bytes, n);
            piece->next = offset + n;
            if (piece->next == cache->object_size && piece->next % IKV_CACHE_BLOCK != 0)
                memset(piece->block + at + n, 0, IKV_CACHE_BLOCK - at - n);
            if (piece->next % IKV_CACHE_BLOCK == 0 || piece->next == cache->object_size)
                put(cache, offset / IKV_CACHE_BLOCK, piece->block);
        }
        offset += n;
        bytes += n;
        size -= n;
    }
}
