#include "bench/stored_keys.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/platform.h"
#include "base/signals.h"
#include "text/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)

/* Leaves (FORMAT.md): the footer begins with the number of entries, which end at the footer. Each
 * is a key and a place. */
#define LEAF_FOOTER 16
#define PLACE       2
#define EXTENT_SIZE ((uint64_t)1 << 20)

/* The trailer: the footer of the file has the number of sections, whose directory ends at it. */
#define FOOTER            96
#define FOOTER_SECTIONS   12
#define DIRECTORY_ENTRY   32
#define SECTIONS_MAX      64
#define SECTION_EXTENTS   7
#define SECTION_OFFSET_AT 8
#define SECTION_LENGTH_AT 16

static uint64_t load(const unsigned char *bytes, ikv_key_type type)
{
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;

    switch (type) {
    case IKV_KEY_U16:
        key_bytes_convert(type, &u16, bytes);
        return u16;
    case IKV_KEY_U32:
        key_bytes_convert(type, &u32, bytes);
        return u32;
    default:
        key_bytes_convert(IKV_KEY_U64, &u64, bytes);
        return u64;
    }
}

static int read_at(const struct stored_keys *keys, uint64_t offset, void *bytes, size_t size)
{
    ssize_t got;

    do
        got = pread(keys->fd, bytes, size, (off_t)offset);
    while (got < 0 && errno == EINTR && signals_caught() == 0);
    if (got < 0 && errno == EINTR)
        return STATUS_INTERRUPTED;
    if (got >= 0 && (size_t)got == size)
        return STATUS_DONE;
    if (got >= 0)
        message("%s: the file was truncated while it was open", keys->path);
    else
        message("%s: reading keys: %s", keys->path, strerror(errno));
    return STATUS_IO;
}

/* ---------------------------------------------------------------- v2 index */

static uint64_t entry_offset(const struct stored_keys *keys, uint64_t rank)
{
    return keys->info->index_start + rank * keys->info->stride;
}

static int read_entries(const struct stored_keys *keys, uint64_t rank,
                        unsigned char ret_stored[2][IKV_KEY_WIDTH_MAX], size_t *count)
{
    unsigned char entries[2 * (IKV_KEY_WIDTH_MAX + 16)];
    const size_t stride = keys->info->stride, width = keys->info->key_width;

    if (rank + 1 == keys->info->pair_count)
        *count = 1;
    int status = read_at(keys, entry_offset(keys, rank), entries, (*count - 1) * stride + width);
    for (size_t i = 0; i < *count && status == STATUS_DONE; i++)
        memcpy(ret_stored[i], entries + i * stride, width);
    return status;
}

/* ---------------------------------------------------------------- leaves */

static int damaged(const struct stored_keys *keys, uint64_t offset)
{
    message("%s: offset %llu: the store is damaged", keys->path, (unsigned long long)offset);
    return STATUS_CORRUPT;
}

static uint64_t leaf_offset(const struct stored_keys *keys, uint64_t leaf)
{
    const uint64_t in_extent = EXTENT_SIZE / keys->info->leaf_size;
    const uint64_t start =
        keys->extents ? load(keys->extents + leaf / in_extent * 8, IKV_KEY_U64) : 0;

    return start + (keys->extents ? leaf % in_extent : leaf) * keys->info->leaf_size;
}

/* The leaf of a rank, and the place in it: 0 <= place < 1. */
static uint64_t leaf_of(const struct stored_keys *keys, uint64_t rank, double *ret_place)
{
    const uint64_t leaves = keys->info->index_pages;
    const double at = (double)rank * ((double)leaves / (double)keys->info->pair_count);

    if (at >= (double)leaves) { /* rounded up */
        *ret_place = 0;
        return leaves - 1;
    }
    *ret_place = at - floor(at);
    return (uint64_t)at;
}

static int read_leaf(const struct stored_keys *keys, uint64_t leaf,
                     const unsigned char **ret_entries, size_t *ret_count)
{
    const uint32_t size = keys->info->leaf_size;
    const unsigned char *footer = keys->leaf + size - LEAF_FOOTER;
    const size_t entry = keys->info->key_width + PLACE;
    const uint64_t offset = leaf_offset(keys, leaf);

    int status = read_at(keys, offset, keys->leaf, size);
    if (status != STATUS_DONE)
        return status;
    *ret_count = (size_t)load(footer, IKV_KEY_U16);
    if (*ret_count == 0 || *ret_count * entry > size - LEAF_FOOTER)
        return damaged(keys, offset);
    *ret_entries = footer - *ret_count * entry;
    return STATUS_DONE;
}

static int read_from_leaves(const struct stored_keys *keys, uint64_t rank,
                            unsigned char ret_stored[2][IKV_KEY_WIDTH_MAX], size_t *count)
{
    const size_t width = keys->info->key_width, entry = width + PLACE;
    const unsigned char *entries;
    size_t in_leaf;
    double place;
    const uint64_t leaf = leaf_of(keys, rank, &place);

    int status = read_leaf(keys, leaf, &entries, &in_leaf);
    if (status != STATUS_DONE)
        return status;
    const size_t first = (size_t)(place * (double)in_leaf);
    memcpy(ret_stored[0], entries + first * entry, width);
    if (*count < 2)
        return STATUS_DONE;
    if (first + 1 < in_leaf) {
        memcpy(ret_stored[1], entries + (first + 1) * entry, width);
    } else if (leaf + 1 < keys->info->index_pages) {
        status = read_leaf(keys, leaf + 1, &entries, &in_leaf);
        if (status == STATUS_DONE)
            memcpy(ret_stored[1], entries, width);
    } else {
        *count = 1;
    }
    return status;
}

/* ---------------------------------------------------------------- extents */

/* If records are outside the leaves, a section of the trailer has the places of the leaves. */
static int read_extents(struct stored_keys *keys)
{
    const ikv_info *info = keys->info;
    const uint64_t in_extent = EXTENT_SIZE / info->leaf_size;
    const uint64_t size = (info->index_pages + in_extent - 1) / in_extent * 8;
    const uint64_t footer = info->file_size - FOOTER;
    unsigned char bytes[SECTIONS_MAX * DIRECTORY_ENTRY];

    int status = read_at(keys, footer + FOOTER_SECTIONS, bytes, 4);
    const uint64_t sections = status == STATUS_DONE ? load(bytes, IKV_KEY_U32) : 0;
    if (status == STATUS_DONE && sections > SECTIONS_MAX)
        return damaged(keys, footer);
    if (status == STATUS_DONE)
        status = read_at(keys, footer - sections * DIRECTORY_ENTRY, bytes,
                         (size_t)sections * DIRECTORY_ENTRY);
    for (uint64_t i = 0; i < sections && status == STATUS_DONE; i++) {
        const unsigned char *section = bytes + i * DIRECTORY_ENTRY;
        if (load(section, IKV_KEY_U32) != SECTION_EXTENTS)
            continue;
        if (load(section + SECTION_LENGTH_AT, IKV_KEY_U64) != size)
            return damaged(keys, footer);
        keys->extents = malloc((size_t)size);
        if (keys->extents == NULL)
            return out_of_memory();
        return read_at(keys, load(section + SECTION_OFFSET_AT, IKV_KEY_U64), keys->extents,
                       (size_t)size);
    }
    return status;
}

static int prepare_leaves(struct stored_keys *keys)
{
    keys->leaf = malloc(keys->info->leaf_size);
    if (keys->leaf == NULL)
        return out_of_memory();
    return read_extents(keys);
}

/* ---------------------------------------------------------------- both */

int stored_keys_open(struct stored_keys *keys, const char *path, const ikv_info *info)
{
    struct stat st;

    *keys = (struct stored_keys){.info = info, .path = path};
    keys->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (keys->fd < 0 || fstat(keys->fd, &st) != 0) {
        message("%s: %s", path, strerror(errno));
        return STATUS_IO;
    }
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != info->file_size) {
        message("%s: the file was replaced during the measurement", path);
        return STATUS_IO;
    }
    platform_will_read_randomly(keys->fd);
    return info->has_v2_index ? STATUS_DONE : prepare_leaves(keys);
}

void stored_keys_close(struct stored_keys *keys)
{
    if (keys->fd >= 0)
        close(keys->fd);
    free(keys->leaf);
    free(keys->extents);
    *keys = (struct stored_keys){.fd = -1};
}

void stored_keys_will_read(const struct stored_keys *keys, uint64_t rank)
{
    double place;

    if (keys->info->has_v2_index)
        platform_will_read(keys->fd, (off_t)(entry_offset(keys, rank) / PAGE * PAGE), (off_t)PAGE);
    else
        platform_will_read(keys->fd, (off_t)leaf_offset(keys, leaf_of(keys, rank, &place)),
                           (off_t)keys->info->leaf_size);
}

int stored_keys_read(const struct stored_keys *keys, uint64_t rank,
                     unsigned char ret_stored[2][IKV_KEY_WIDTH_MAX], size_t *count)
{
    return keys->info->has_v2_index ? read_entries(keys, rank, ret_stored, count)
                                    : read_from_leaves(keys, rank, ret_stored, count);
}
