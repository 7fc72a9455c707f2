/*
 * Where the bytes of a store are: a local file, or a source of its own kind, such as an object at a
 * URL. Opening, scans and verification read whole buffers with ikv_file_read; lookups read through
 * a backend (io.h), which for a source is the source's own.
 */
#ifndef IKV_SOURCE_H
#define IKV_SOURCE_H

#include "core/base/error.h"
#include "core/io/io.h"

struct ikv_source;

struct ikv_source_type {
    const struct ikv_io_backend *backend; /* for lookups; requests name the source by their file */
    /* As ikv_file_read. From any thread, several at a time. */
    int (*read)(struct ikv_source *source, void *buf, size_t size, uint64_t offset,
                uint64_t *retries);
    /* [offset, offset + size) will be read next: a hint. */
    void (*will_read)(struct ikv_source *source, uint64_t offset, uint64_t size);
    /* Opening is done: release what was kept for it. */
    void (*opened)(struct ikv_source *source);
    /* Text about the failure that caused `code`, if it was the last one; "" otherwise. At most
     * `size` bytes, always terminated. Returns `buf`. */
    const char *(*explain)(struct ikv_source *source, int code, char *buf, size_t size);
    void (*close)(struct ikv_source *source);
};

/* Each kind extends this. Immutable while it is open. */
struct ikv_source {
    const struct ikv_source_type *type;
    const char *path;       /* as shown in messages: without passwords and signatures */
    uint64_t size;          /* in bytes */
    uint64_t identity;      /* of its bytes: another state has another number; 0: not known */
    uint32_t depth;         /* reads of lookups in flight per worker */
    uint64_t open_requests; /* requests that opening took, set by `opened` */
};

/* Read all `size` bytes; *retries (NULL is allowed) counts reads that had to be repeated. -errno,
 * IKV_E_TRUNCATED, or a code of the source. */
int ikv_file_read(const struct ikv_io_file *file, void *buf, size_t size, uint64_t offset,
                  uint64_t *retries);
/* A hint: this range will be read next. */
void ikv_file_will_read(const struct ikv_io_file *file, uint64_t offset, uint64_t size);
/* Text for an error message about a failed read: `what`, and why if the source knows. */
const char *ikv_file_explain(const struct ikv_io_file *file, int code, const char *what, char *buf,
                             size_t size);
/* Whether the code says that bytes could not be read, not that they are wrong. */
static inline bool ikv_is_read_failure(int code)
{
    return code < 0 && code > IKV_E_HEADER;
}

#endif
