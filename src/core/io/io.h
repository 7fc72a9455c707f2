/*
 * The I/O contract that every backend implements.
 *
 * A backend object belongs to the thread that created it. It takes read requests, executes them in
 * any order, and returns them finished. A request finishes in exactly one of two ways:
 *     code == 0   at least `need` bytes of the file, from `offset` on, are in `buffer`
 *     code < 0    the read failed: -errno, or IKV_E_TRUNCATED if the file ends too early.
 *                 The buffer's content is undefined.
 * At most `length` bytes are written to the buffer. Short reads and interruptions are handled by
 * the backend and counted in `retries`.
 *
 * There are no callbacks. At most `depth` requests may be in the backend at a time; the caller
 * keeps count. After destroy() no buffer is written to.
 */
#ifndef IKV_IO_H
#define IKV_IO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Alignment sufficient for O_DIRECT on every device. */
#define IKV_ALIGN_MAX 4096u

struct ikv_source; /* source.h */

/* A file to read from. It must outlive the requests that refer to it. */
struct ikv_io_file {
    int fd;                    /* -1: read from `source` */
    struct ikv_source *source; /* NULL: a local file */
    bool direct;     /* opened with O_DIRECT: offset, length and buffer of a request are multiples
                        of `align`, and `length` may reach beyond the end of the file */
    uint64_t serial; /* makes (fd, serial) unique: descriptor numbers are reused */
    uint32_t align;  /* direct: a power of two */
};

struct ikv_io_request {
    const struct ikv_io_file *file;
    uint64_t offset;
    uint32_t length; /* > 0 */
    uint32_t need;   /* 1..length */
    void *buffer;
    void *owner; /* for the caller's use */
    /* NULL, or a flag that a slow backend watches: once it is set, the request may finish with
     * IKV_E_CANCELED. */
    const atomic_bool *canceled;
    bool nowait; /* a synchronous backend may fail with -EAGAIN instead of waiting for the disk,
                    or with -EOPNOTSUPP if the file system does not support that */
    int code;    /* set by the backend */
    uint32_t retries;
    uint32_t first_used; /* hint: bytes at the end that the caller looks at first; 0: any */
};

struct ikv_io_options {
    unsigned depth;       /* maximum number of requests in flight, at least 1 */
    unsigned connections; /* of a source: requests sent at a time; 0: half the depth */
    void *memory; /* holds most of the requests' buffers and outlives the backend object, which
                     may register it with the kernel */
    size_t memory_size;      /* 0: unknown */
    bool files_may_close;    /* while the object exists: it must hold no reference to them */
    uint32_t register_after; /* register it after this many requests, when that pays off; 0: at
                                once */
};

struct ikv_io; /* each backend has its own */

struct ikv_io_backend {
    const char *name;
    unsigned depth;   /* default number of requests in flight */
    bool synchronous; /* reap executes the reads, one after another */
    /* 0 or -errno. */
    int (*create)(const struct ikv_io_options *options, struct ikv_io **ret);
    /* Finish or cancel the requests in flight. NULL is allowed. */
    void (*destroy)(struct ikv_io *io);
    /* Take a request, to be started now or by the next reap. A negative code: not taken. */
    int (*submit)(struct ikv_io *io, struct ikv_io_request *request);
    /* Wait for a request to finish; NULL: none is in flight. */
    struct ikv_io_request *(*reap)(struct ikv_io *io);

    /* The functions below may be NULL. */

    /* Whether a finished request is ready, so that reap would not block. */
    bool (*has_finished)(const struct ikv_io *io);
    /* Number of system calls made for requests so far. */
    uint64_t (*system_calls)(const struct ikv_io *io);
    /* Features in use, as in ikv_stats.ring_features. */
    uint32_t (*features)(const struct ikv_io *io);
    /* Whether the object can execute no more reads, by this thread. */
    bool (*is_broken)(const struct ikv_io *io);
    /* Unregister the file, which will be closed. To be called on the object's own thread, with no
     * request on the file in flight. Unknown files are ignored. */
    void (*unregister_file)(struct ikv_io *io, const struct ikv_io_file *file);
};

#endif
