#include "core/fetch/partial.h"

#include "core/base/bytes.h"
#include "core/format/checksum.h"
#include "core/io/file_io.h"
#include "core/platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".partial"

/* ---------------------------------------------------------------- the state */

/* 0 u64 magic, 8 u64 identity, 16 u64 size, 24 u64 done, 32 zeros, 56 u64 checksum of 0 to 55. */
#define STATE_SIZE  64u
#define STATE_MAGIC UINT64_C(0x3148435446564b49) /* "IKVFTCH1" */

static void state_encode(const struct ikv_partial *partial, unsigned char state[STATE_SIZE])
{
    memset(state, 0, STATE_SIZE);
    ikv_store64(state, STATE_MAGIC);
    ikv_store64(state + 8, partial->identity);
    ikv_store64(state + 16, partial->size);
    ikv_store64(state + 24, partial->done);
    ikv_store64(state + 56, ikv_checksum(state, 56));
}

/* The number of bytes done; 0: the state is of another object, or damaged. */
static uint64_t state_decode(const struct ikv_partial *partial,
                             const unsigned char state[STATE_SIZE])
{
    const uint64_t done = ikv_load64(state + 24);

    if (ikv_load64(state) != STATE_MAGIC || ikv_load64(state + 56) != ikv_checksum(state, 56) ||
        partial->identity == 0 || ikv_load64(state + 8) != partial->identity ||
        ikv_load64(state + 16) != partial->size || done > partial->size)
        return 0;
    return done;
}

/* ---------------------------------------------------------------- open */

/* By flock: a lock of fcntl would end when the process closes any descriptor of the file, as after
 * verifying it. The lock ends with the process, so that none is left behind. */
static int lock(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno == ENOLCK || errno == EOPNOTSUPP)
        return 0;
    return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

/* Open and lock the file. *ret_current: the path names it still, so another process has not
 * published it meanwhile. */
static int open_once(struct ikv_partial *partial, bool *ret_current, ikv_error *err)
{
    const struct ikv_where at = IKV_AT_FILE(partial->path);
    struct stat st;
    struct stat named;

    partial->fd = open(partial->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0666);
    if (partial->fd < 0 || fstat(partial->fd, &st) != 0)
        return ikv_fail(err, -errno, at, "cannot create");
    if (!S_ISREG(st.st_mode))
        return ikv_fail(err, IKV_E_NOT_REGULAR, at, "cannot create");
    const int code = lock(partial->fd);
    if (code < 0)
        return ikv_fail(err, code, at,
                        code == -EBUSY ? "it is being fetched already" : "cannot lock");
    *ret_current =
        lstat(partial->path, &named) == 0 && named.st_dev == st.st_dev && named.st_ino == st.st_ino;
    return 0;
}

static void close_file(struct ikv_partial *partial)
{
    if (partial->fd < 0)
        return;
    (void)flock(partial->fd, LOCK_UN); /* a forked child may have the descriptor, too */
    (void)close(partial->fd);
    partial->fd = -1;
}

static int open_file(struct ikv_partial *partial, ikv_error *err)
{
    unsigned char state[STATE_SIZE];
    bool is_current = false;
    int code = open_once(partial, &is_current, err);

    while (code == 0 && !is_current) {
        close_file(partial);
        code = open_once(partial, &is_current, err);
    }
    if (code < 0)
        return code;
    code = ikv_pread_all(partial->fd, state, sizeof state, partial->size, NULL);
    partial->done = partial->saved = code == 0 ? state_decode(partial, state) : 0;
    if (partial->done == 0 && ftruncate(partial->fd, 0) != 0)
        return ikv_fail(err, -errno, IKV_AT_FILE(partial->path), "cannot truncate");
    return 0;
}

int ikv_partial_open(struct ikv_partial *partial, const char *path, uint64_t size,
                     uint64_t identity, ikv_error *err)
{
    const size_t length = strlen(path);

    *partial = IKV_NO_PARTIAL;
    partial->size = size;
    partial->identity = identity;
    int code = ikv_target_open(&partial->target, path, err);
    if (code < 0)
        return code;
    partial->path = malloc(length + sizeof SUFFIX);
    if (partial->path) {
        memcpy(partial->path, path, length);
        memcpy(partial->path + length, SUFFIX, sizeof SUFFIX);
        code = open_file(partial, err);
    } else {
        code = ikv_fail(err, -ENOMEM, IKV_AT_FILE(path), "cannot create");
    }
    if (code < 0)
        ikv_partial_close(partial);
    return code;
}

/* ---------------------------------------------------------------- save, end */

int ikv_partial_save(struct ikv_partial *partial)
{
    unsigned char state[STATE_SIZE];

    if (partial->done == partial->saved)
        return 0;
    if (ikv_platform_sync(partial->fd) != 0)
        return -errno;
    state_encode(partial, state);
    const int code = ikv_pwrite_all(partial->fd, state, sizeof state, partial->size);
    if (code == 0)
        partial->saved = partial->done;
    return code;
}

int ikv_partial_end(struct ikv_partial *partial)
{
    partial->saved = 0;
    if (ftruncate(partial->fd, (off_t)partial->size) != 0 || ikv_platform_sync(partial->fd) != 0)
        return -errno;
    return 0;
}

void ikv_partial_close(struct ikv_partial *partial)
{
    close_file(partial);
    ikv_target_close(&partial->target);
    free(partial->path);
    *partial = IKV_NO_PARTIAL;
}
