#include "input/decompress.h"

#include "base/platform.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef INDEXKV_ZLIB
#include <zlib.h>
#endif
#ifdef INDEXKV_ZSTD
#include <zstd.h>
#endif

enum { IN_SIZE = 1 << 20, OUT_SIZE = 1 << 18 };

struct decompressor {
    pthread_t thread;
    bool joined;
    int fd, pipe; /* read from, write to */
    enum compression compression;
    size_t in_size;       /* bytes in `in` */
    bool begin_pending;   /* they are the beginning, still to be used */
    bool between_members; /* all members or frames so far are complete */
    bool closed;          /* nobody reads the pipe */
    atomic_uint_fast64_t position;
    char problem[160]; /* "": none */
#ifdef INDEXKV_ZLIB
    z_stream gzip;
#endif
#ifdef INDEXKV_ZSTD
    ZSTD_DStream *zstd;
#endif
    unsigned char in[IN_SIZE];
    /* cppcheck-suppress unusedStructMember ; without zlib and libzstd */
    unsigned char out[OUT_SIZE];
};

enum compression compression_detect(const void *bytes, size_t size, bool *ret_partial)
{
    static const struct {
        enum compression compression;
        size_t length;
        const char *magic;
    } formats[] = {{COMPRESSION_GZIP, 3, "\x1f\x8b\b"},
                   {COMPRESSION_ZSTD, 4, "\x28\xb5\x2f\xfd"},
                   {COMPRESSION_XZ, 6,
                    "\xfd"
                    "7zXZ"},
                   {COMPRESSION_BZIP2, 10, "BZh91AY&SY"}};
    *ret_partial = false;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        size_t known = size < formats[i].length ? size : formats[i].length;
        if (memcmp(bytes, formats[i].magic, known) != 0)
            continue;
        if (known == formats[i].length)
            return formats[i].compression;
        *ret_partial = true;
    }
    return COMPRESSION_NONE;
}

const char *compression_advice(enum compression compression)
{
    switch (compression) {
    case COMPRESSION_XZ:
        return "compressed with xz, which is not supported: use a pipe from 'xz -dc'";
    case COMPRESSION_BZIP2:
        return "compressed with bzip2, which is not supported: use a pipe from 'bzip2 -dc'";
    case COMPRESSION_GZIP:
        return "compressed, but this indexkv was built without zlib";
    default:
        return "compressed, but this indexkv was built without libzstd";
    }
}

/* ---------------------------------------------------------------- the thread */

#if defined INDEXKV_ZLIB || defined INDEXKV_ZSTD
static bool write_out(struct decompressor *d, size_t size)
{
    const unsigned char *p = d->out;
    while (size > 0) {
        ssize_t written = write(d->pipe, p, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) { /* EPIPE */
            d->closed = true;
            return false;
        }
        p += written;
        size -= (size_t)written;
    }
    return true;
}
#endif

#ifdef INDEXKV_ZLIB
static bool gzip_next(struct decompressor *d)
{
    z_stream *gzip = &d->gzip;
    gzip->next_in = d->in;
    gzip->avail_in = (uInt)d->in_size;
    do {
        /* Files may be padded with zeros. */
        while (d->between_members && gzip->avail_in > 0 && *gzip->next_in == 0) {
            gzip->next_in++;
            gzip->avail_in--;
        }
        if (d->between_members && gzip->avail_in == 0)
            return true;
        gzip->next_out = d->out;
        gzip->avail_out = OUT_SIZE;
        int code = inflate(gzip, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
            snprintf(d->problem, sizeof d->problem, "damaged gzip data: %s",
                     gzip->msg ? gzip->msg : "out of memory");
            return false;
        }
        d->between_members = code == Z_STREAM_END;
        if (!write_out(d, OUT_SIZE - gzip->avail_out))
            return false;
        if (d->between_members)
            (void)inflateReset(gzip);
    } while (gzip->avail_in > 0 || gzip->avail_out == 0);
    return true;
}
#endif

#ifdef INDEXKV_ZSTD
static bool zstd_next(struct decompressor *d)
{
    ZSTD_inBuffer in = {d->in, d->in_size, 0};
    ZSTD_outBuffer out;
    do {
        out = (ZSTD_outBuffer){d->out, OUT_SIZE, 0};
        size_t code = ZSTD_decompressStream(d->zstd, &out, &in);
        if (ZSTD_isError(code)) {
            snprintf(d->problem, sizeof d->problem, "damaged zstd data: %s",
                     ZSTD_getErrorName(code));
            return false;
        }
        d->between_members = code == 0;
        if (!write_out(d, out.pos))
            return false;
    } while (in.pos < in.size || (out.pos == OUT_SIZE && !d->between_members));
    return true;
}
#endif

static bool decompress_next(struct decompressor *d)
{
#ifdef INDEXKV_ZLIB
    if (d->compression == COMPRESSION_GZIP)
        return gzip_next(d);
#endif
#ifdef INDEXKV_ZSTD
    if (d->compression == COMPRESSION_ZSTD)
        return zstd_next(d);
#endif
    (void)d;
    return false;
}

/* Read more input. Returns its size, 0 at the end, or -1. */
static ssize_t read_in(struct decompressor *d)
{
    if (d->begin_pending) {
        d->begin_pending = false;
        return (ssize_t)d->in_size;
    }
    for (;;) {
        /* The input may be a pipe that stays silent after our reader is gone. */
        struct pollfd fds[2] = {{.fd = d->fd, .events = POLLIN}, {.fd = d->pipe}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return -1;
        if (fds[1].revents & (POLLERR | POLLHUP)) {
            d->closed = true;
            return 0;
        }
        if (fds[0].revents == 0)
            continue;
        ssize_t size = read(d->fd, d->in, IN_SIZE);
        if (size >= 0 || errno != EINTR)
            return size;
    }
}

static void *run(void *argument)
{
    struct decompressor *d = argument;
    for (;;) {
        ssize_t size = read_in(d);
        if (size < 0)
            snprintf(d->problem, sizeof d->problem, "%s", strerror(errno));
        if (size == 0 && !d->between_members && !d->closed)
            snprintf(d->problem, sizeof d->problem, "the compressed data ends too early");
        if (size <= 0)
            break;
        d->in_size = (size_t)size;
        atomic_fetch_add_explicit(&d->position, (uint_fast64_t)size, memory_order_relaxed);
        if (!decompress_next(d))
            break;
    }
    (void)close(d->pipe);
    return NULL;
}

/* ---------------------------------------------------------------- start and stop */

static bool codec_init(struct decompressor *d)
{
#ifdef INDEXKV_ZLIB
    if (d->compression == COMPRESSION_GZIP)
        return inflateInit2(&d->gzip, 15 + 16) == Z_OK; /* gzip only */
#endif
#ifdef INDEXKV_ZSTD
    if (d->compression == COMPRESSION_ZSTD)
        return (d->zstd = ZSTD_createDStream()) != NULL;
#endif
    (void)d;
    return false;
}

static void codec_free(struct decompressor *d)
{
#ifdef INDEXKV_ZLIB
    if (d->compression == COMPRESSION_GZIP)
        (void)inflateEnd(&d->gzip);
#endif
#ifdef INDEXKV_ZSTD
    if (d->compression == COMPRESSION_ZSTD)
        (void)ZSTD_freeDStream(d->zstd);
#endif
    free(d);
}

static bool is_supported(enum compression compression)
{
#ifdef INDEXKV_ZLIB
    if (compression == COMPRESSION_GZIP)
        return true;
#endif
#ifdef INDEXKV_ZSTD
    if (compression == COMPRESSION_ZSTD)
        return true;
#endif
    (void)compression;
    return false;
}

/* Signals are for the thread that reads the pipe. */
static int start_thread(struct decompressor *d)
{
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&d->thread, NULL, run, d);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

int decompressor_start(int fd, enum compression compression, const void *begin, size_t size,
                       int *ret_pipe, struct decompressor **ret_decompressor)
{
    if (!is_supported(compression))
        return EOPNOTSUPP;
    if (size > IN_SIZE)
        return EINVAL;
    struct decompressor *d = calloc(1, sizeof *d);
    if (d == NULL)
        return ENOMEM;
    d->fd = fd;
    d->compression = compression;
    d->in_size = size;
    d->begin_pending = true;
    memcpy(d->in, begin, size);
    int ends[2];
    if (!codec_init(d)) {
        free(d);
        return ENOMEM;
    }
    int code = platform_pipe(ends) == 0 ? 0 : errno;
    if (code == 0) {
        platform_enlarge_pipe(ends[1]);
        d->pipe = ends[1];
        code = start_thread(d);
        if (code != 0) {
            (void)close(ends[0]);
            (void)close(ends[1]);
        }
    }
    if (code != 0) {
        codec_free(d);
        return code;
    }
    *ret_pipe = ends[0];
    *ret_decompressor = d;
    return 0;
}

uint64_t decompressor_position(const struct decompressor *d)
{
    return atomic_load_explicit(&d->position, memory_order_relaxed);
}

const char *decompressor_problem(struct decompressor *d)
{
    if (!d->joined)
        (void)pthread_join(d->thread, NULL);
    d->joined = true;
    return d->problem[0] ? d->problem : NULL;
}

void decompressor_stop(struct decompressor *d)
{
    if (d == NULL)
        return;
    (void)decompressor_problem(d);
    codec_free(d);
}
