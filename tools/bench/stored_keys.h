/*
 * Reads the keys of a store by rank, directly from the file (FORMAT.md). Nothing that is read here
 * is verified.
 *
 * Ranks are exact if the file has a v2 index. Without it, the leaves of a clustered store are
 * assumed to be equally full: a rank is then a place in a leaf, and two ranks may have the same
 * key.
 */
#ifndef STORED_KEYS_H
#define STORED_KEYS_H

#include <indexkv.h>
#include <stddef.h>
#include <stdint.h>

struct stored_keys {
    const ikv_info *info;
    const char *path;
    int fd;                 /* -1: not open */
    unsigned char *leaf;    /* without v2 index: room for a leaf */
    unsigned char *extents; /* u64 where each extent of leaves begins; NULL: one at offset 0 */
    uint64_t extent_count;
};

/* Functions return an exit status, after reporting errors. */

/* `info` must describe the file. Close in any case. */
int stored_keys_open(struct stored_keys *keys, const char *path, const ikv_info *info);
void stored_keys_close(struct stored_keys *keys);

/* Announce to the kernel that this key will be read. */
void stored_keys_will_read(const struct stored_keys *keys, uint64_t rank);

/* Read *count (1 or 2) consecutive keys as stored, the first one at `rank`. After the last key of
 * the store *count is set to 1. */
int stored_keys_read(const struct stored_keys *keys, uint64_t rank,
                     unsigned char ret_stored[2][IKV_KEY_WIDTH_MAX], size_t *count);

#endif
