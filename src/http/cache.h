/*
 * A local file that keeps blocks of remote objects, shared by any number of processes and objects.
 * It needs no locks: every slot has a checksum over object, block number and content, so a slot
 * that is half written, or was overwritten by another process, is a miss. Nothing in it is ever
 * trusted more than a response of the server.
 *
 *     header (4096 bytes) | group | group | ...
 *
 * A group has 16 slots for 16 consecutive blocks of an object, so that they are read at once. Its
 * has two places, determined by a hash of object and block number: a new group displaces an old
 * one.
 */
#ifndef IKV_HTTP_CACHE_H
#define IKV_HTTP_CACHE_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define IKV_CACHE_BLOCK 4096u

struct ikv_http_cache;

/* Open the file, or create it with about `size` bytes. `object` identifies the object and its
 * state. -errno, or IKV_E_INVALID if the file is no cache. */
int ikv_http_cache_open(const char *path, uint64_t size, uint64_t object, uint64_t object_size,
                        struct ikv_http_cache **ret, ikv_error *err);
void ikv_http_cache_close(struct ikv_http_cache *cache);

/* Copy [offset, offset + size) of the object. False: not all of it is there. */
bool ikv_http_cache_read(struct ikv_http_cache *cache, void *buf, size_t size, uint64_t offset);

/* Keep the whole blocks among bytes that arrive in pieces, each following the one before. */
struct ikv_http_piece {
    uint64_t next;                        /* offset in the object of the next byte */
    unsigned char block[IKV_CACHE_BLOCK]; /* that contains `next` */
};
void ikv_http_cache_add(struct ikv_http_cache *cache, struct ikv_http_piece *piece, uint64_t offset,
                        const unsigned char *bytes, size_t size);

#endif
