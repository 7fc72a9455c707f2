/*
 * The I/O contract: what the query driver needs of a backend, and nothing more.
 *
 * A backend object belongs to the thread that created it. It takes read requests, carries them out
 * in any order, and hands them back finished. A request is finished in exactly one of two ways:
 *     code == 0   at least `need` bytes of the file from `offset` on lie at `buffer`
 *     code < 0    they could not be read: -errno, or IKV_E_TRUNCATED if the file ends before.
 *                 The buffer's content is undefined.
 * Up to `length` bytes are written to the buffer, never more. Short reads and interruptions do not
 * reach the caller; `retries` counts them.
 *
 * Nothing is called back. At most `depth` requests may be in the backend at a time; the caller
 * keeps count. After destroy() nobody writes to any buffer any more.
 */
#ifndef IKV_IO_H
#define IKV_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file to read from. It outlives the requests that name it. */
struct ikv_io_file {
    int fd;
    bool direct;     /* opened with O_DIRECT: offset, length and buffer of a request are aligned as
                        the file needs it, and `length` may reach beyond the end of the file */
    uint64_t serial; /* with fd, never another file's: a descriptor's number alone may be */
    uint32_t align;  /* direct: of offset, length and buffer, a power of two */
};

struct ikv_io_request {
    const struct ikv_io_file *file;
    uint64_t offset;
    uint32_t length; /* > 0 */
    uint32_t need;   /* 1..length */
    void *buffer;
    void *owner; /* the caller's */
    bool nowait; /* a synchronous backend may fail with -EAGAIN instead of waiting for the disk,
                    or with -EOPNOTSUPP if it can't tell whether it would */
    int code;    /* set by the backend */
    uint32_t retries;
};

struct ikv_io_options {
    unsigned depth; /* most requests in flight, at least 1 */
    void *memory;   /* where most buffers of requests lie; it may be registered with the kernel. */
    size_t memory_size;    /* It outlives the backend object. 0: nothing is known. */
    uint32_t memory_after; /* so many requests tell that registering it is worth the time; 0: at
                              once */
};

struct ikv_io; /* a backend's own */

struct ikv_io_backend {
    const char *name;
    unsigned depth;   /* requests that are worth having in flight */
    bool synchronous; /* reap carries the reads out, one after another */
    /* 0 or -errno. */
    int (*create)(const struct ikv_io_options *options, struct ikv_io **ret);
    /* Finishes or cancels what is in flight. NULL is allowed. */
    void (*destroy)(struct ikv_io *io);
    /* Take a request. It may be started now or with the next reap. 0, or a code that says that this
     * request was not taken. */
    int (*submit)(struct ikv_io *io, struct ikv_io_request *request);
    /* Wait until a request is finished; NULL: none is in flight. */
    struct ikv_io_request *(*reap)(struct ikv_io *io);

    /* The rest may be NULL. */
    /* Whether a finished request waits to be reaped, so that reap will hardly have to wait. */
    bool (*has_finished)(const struct ikv_io *io);
    /* System calls made so far for requests. */
    uint64_t (*system_calls)(const struct ikv_io *io);
    /* What the object has of the backend's features, as ikv_stats.ring_features says it. */
    uint32_t (*features)(const struct ikv_io *io);
    /* It will not carry out any more reads. */
    bool (*is_broken)(const struct ikv_io *io);
    /* The file will be closed: let go of it. On the object's own thread, no request on the file
     * being in flight. Unknown files are no error. */
    void (*forget_file)(struct ikv_io *io, const struct ikv_io_file *file);
};

#endif
