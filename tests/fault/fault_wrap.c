#include "fault_io.h"
#include "platform.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * The wrappers. glibc gives many calls a second name for 64-bit file offsets and a third for
 * fortified calls. The linker sees these names, so each of them is wrapped. --wrap calls the
 * original __real_NAME.
 */

static bool takes_mode(int flags)
{
    return (flags & O_CREAT) != 0 || test_is_unnamed(flags);
}

#define WRAP_OPEN(name)                                                                            \
    int __real_##name(const char *path, int flags, ...);                                           \
    int __wrap_##name(const char *path, int flags, ...);                                           \
    static int64_t real_##name(const fault_event *e)                                               \
    {                                                                                              \
        return __real_##name(e->path, e->flags, (mode_t)e->size);                                  \
    }                                                                                              \
    int __wrap_##name(const char *path, int flags, ...)                                            \
    {                                                                                              \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        size_t mode = takes_mode(flags) ? va_arg(more, unsigned) : 0;                              \
        va_end(more);                                                                              \
        fault_event e = {.call = FAULT_OPEN, .fd = -1, .flags = flags, .path = path};              \
        e.size = mode;                                                                             \
        return (int)fault_run(e, real_##name);                                                     \
    }

#define WRAP_OPENAT(name)                                                                          \
    int __real_##name(int at, const char *path, int flags, ...);                                   \
    int __wrap_##name(int at, const char *path, int flags, ...);                                   \
    static int64_t real_##name(const fault_event *e)                                               \
    {                                                                                              \
        return __real_##name((int)e->offset, e->path, e->flags, (mode_t)e->size);                  \
    }                                                                                              \
    int __wrap_##name(int at, const char *path, int flags, ...)                                    \
    {                                                                                              \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        size_t mode = takes_mode(flags) ? va_arg(more, unsigned) : 0;                              \
        va_end(more);                                                                              \
        fault_event e = {.call = FAULT_OPEN, .fd = -1, .flags = flags, .path = path};              \
        e.size = mode;                                                                             \
        e.offset = (uint64_t)(int64_t)at;                                                          \
        return (int)fault_run(e, real_##name);                                                     \
    }

#define WRAP_READ(name)                                                                            \
    ssize_t __real_##name(int fd, void *buffer, size_t size);                                      \
    ssize_t __wrap_##name(int fd, void *buffer, size_t size);                                      \
    static int64_t real_##name(const fault_event *e)                                               \
    {                                                                                              \
        return __real_##name(e->fd, e->buffer, e->size);                                           \
    }                                                                                              \
    ssize_t __wrap_##name(int fd, void *buffer, size_t size)                                       \
    {                                                                                              \
        fault_event e = {.call = FAULT_READ, .fd = fd, .buffer = buffer, .size = size};            \
        return (ssize_t)fault_run(e, real_##name);                                                 \
    }

#define WRAP_READ_CHK(name, plain)                                                                 \
    ssize_t __wrap_##name(int fd, void *buffer, size_t size, size_t room);                         \
    ssize_t __wrap_##name(int fd, void *buffer, size_t size, size_t room)                          \
    {                                                                                              \
        check_room(size, room);                                                                    \
        return __wrap_##plain(fd, buffer, size);                                                   \
    }

#define WRAP_WRITE(name)                                                                           \
    ssize_t __real_##name(int fd, const void *data, size_t size);                                  \
    ssize_t __wrap_##name(int fd, const void *data, size_t size);                                  \
    static int64_t real_##name(const fault_event *e)                                               \
    {                                                                                              \
        return __real_##name(e->fd, e->data, e->size);                                             \
    }                                                                                              \
    ssize_t __wrap_##name(int fd, const void *data, size_t size)                                   \
    {                                                                                              \
        fault_event e = {.call = FAULT_WRITE, .fd = fd, .data = data, .size = size};               \
        return (ssize_t)fault_run(e, real_##name);                                                 \
    }

#define WRAP_PREAD(name)                                                                           \
    ssize_t __real_##name(int fd, void *buffer, size_t size, off_t offset);                        \
    ssize_t __wrap_##name(int fd, void *buffer, size_t size, off_t offset);                        \
    static int64_t real_##name(const fault_event *e)                                               \
    {                                                                                              \
        return __real_##name(e->fd, e->buffer, e->size, (off_t)e->offset);                         \
    }                                                                                              \
    ssize_t __wrap_##name(int fd, void *buffer, size_t size, off_t offset)                         \
    {                                                                                              \
        fault_event e = {.call = FAULT_READ, .fd = fd, .buffer = buffer, .size = size};            \
        e.offset = (uint64_t)offset;                                                               \
        e.at_offset = true;                                                                        \
        return (ssize_t)fault_run(e, real_##name);                                                 \
    }

#define WRAP_PREAD_CHK(name, plain)                                                                \
    ssize_t __wrap_##name(int fd, void *buffer, size_t size, off_t offset, size_t room);           \
    ssize_t __wrap_##name(int fd, void *buffer, size_t size, off_t offset, size_t room)            \
    {                                                                                              \
        check_room(size, room);                                                                    \
        return __wrap_##plain(fd, buffer, size, offset);                                           \
    }

#define WRAP_PWRITE(name)                                                                          \
    ssize_t __real_##name(int fd, const void *data, size_t size, off_t offset);                    \
    ssize_t __wrap_##name(int fd, const void *data, size_t size, off_t offset);                    \
    static int64_t real_##name(const fault_event *e)                                               \
    {                                                                                              \
        return __real_##name(e->fd, e->data, e->size, (off_t)e->offset);                           \
    }                                                                                              \
    ssize_t __wrap_##name(int fd, const void *data, size_t size, off_t offset)                     \
    {                                                                                              \
        fault_event e = {.call = FAULT_WRITE, .fd = fd, .data = data, .size = size};               \
        e.offset = (uint64_t)offset;                                                               \
        e.at_offset = true;                                                                        \
        return (ssize_t)fault_run(e, real_##name);                                                 \
    }

#define WRAP_FTRUNCATE(name)                                                                       \
    int __real_##name(int fd, off_t size);                                                         \
    int __wrap_##name(int fd, off_t size);                                                         \
    static int64_t real_##name(const fault_event *e)                                               \
    {                                                                                              \
        return __real_##name(e->fd, (off_t)e->offset);                                             \
    }                                                                                              \
    int __wrap_##name(int fd, off_t size)                                                          \
    {                                                                                              \
        fault_event e = {.call = FAULT_FTRUNCATE, .fd = fd, .offset = (uint64_t)size};             \
        return (int)fault_run(e, real_##name);                                                     \
    }

#define WRAP_FSTAT(name)                                                                           \
    int __real_##name(int fd, void *st);                                                           \
    int __wrap_##name(int fd, void *st);                                                           \
    static int64_t real_##name(const fault_event *e)                                               \
    {                                                                                              \
        return __real_##name(e->fd, e->buffer);                                                    \
    }                                                                                              \
    int __wrap_##name(int fd, void *st)                                                            \
    {                                                                                              \
        fault_event e = {.call = FAULT_STAT, .fd = fd, .buffer = st};                              \
        return (int)fault_run(e, real_##name);                                                     \
    }

#define WRAP_STAT(name)                                                                            \
    int __real_##name(const char *path, void *st);                                                 \
    int __wrap_##name(const char *path, void *st);                                                 \
    static int64_t real_##name(const fault_event *e)                                               \
    {                                                                                              \
        return __real_##name(e->path, e->buffer);                                                  \
    }                                                                                              \
    int __wrap_##name(const char *path, void *st)                                                  \
    {                                                                                              \
        fault_event e = {.call = FAULT_STAT, .fd = -1, .path = path, .buffer = st};                \
        return (int)fault_run(e, real_##name);                                                     \
    }

#define WRAP_FSTATAT(name)                                                                         \
    int __real_##name(int at, const char *path, void *st, int flags);                              \
    int __wrap_##name(int at, const char *path, void *st, int flags);                              \
    static int64_t real_##name(const fault_event *e)                                               \
    {                                                                                              \
        return __real_##name((int)e->offset, e->path, e->buffer, e->flags);                        \
    }                                                                                              \
    int __wrap_##name(int at, const char *path, void *st, int flags)                               \
    {                                                                                              \
        fault_event e = {                                                                          \
            .call = FAULT_STAT, .fd = -1, .flags = flags, .path = path, .buffer = st};             \
        e.offset = (uint64_t)(int64_t)at;                                                          \
        return (int)fault_run(e, real_##name);                                                     \
    }

#define WRAP_FADVISE(name)                                                                         \
    int __real_##name(int fd, off_t offset, off_t size, int advice);                               \
    int __wrap_##name(int fd, off_t offset, off_t size, int advice);                               \
    static int64_t real_##name(const fault_event *e)                                               \
    {                                                                                              \
        return __real_##name(e->fd, (off_t)e->offset, (off_t)e->size, e->flags);                   \
    }                                                                                              \
    int __wrap_##name(int fd, off_t offset, off_t size, int advice)                                \
    {                                                                                              \
        fault_event e = {.call = FAULT_ADVISE, .fd = fd, .flags = advice, .size = (size_t)size};   \
        e.offset = (uint64_t)offset;                                                               \
        return (int)fault_run(e, real_##name);                                                     \
    }

/* Calls with one descriptor and nothing else. */
#define WRAP_FD(name, kind)                                                                        \
    int __real_##name(int fd);                                                                     \
    int __wrap_##name(int fd);                                                                     \
    static int64_t real_##name(const fault_event *e)                                               \
    {                                                                                              \
        return __real_##name(e->fd);                                                               \
    }                                                                                              \
    int __wrap_##name(int fd)                                                                      \
    {                                                                                              \
        return (int)fault_run((fault_event){.call = (kind), .fd = fd}, real_##name);               \
    }

WRAP_OPEN(open)
WRAP_OPENAT(openat)
WRAP_READ(read)
WRAP_WRITE(write)
WRAP_PREAD(pread)
WRAP_PWRITE(pwrite)
WRAP_FTRUNCATE(ftruncate)
WRAP_FSTAT(fstat)
WRAP_STAT(stat)
WRAP_STAT(lstat)
WRAP_FSTATAT(fstatat)
WRAP_FADVISE(posix_fadvise)
WRAP_FD(fsync, FAULT_FSYNC)
WRAP_FD(fdatasync, FAULT_FSYNC)
WRAP_FD(close, FAULT_CLOSE)
#if TEST_GLIBC_NAMES

/* Fortified calls also pass the size of the buffer. */
static void check_room(size_t size, size_t room)
{
    if (size > room)
        raise(SIGABRT);
}

WRAP_OPEN(open64)
WRAP_OPENAT(openat64)
WRAP_PREAD(pread64)
WRAP_PWRITE(pwrite64)
WRAP_FTRUNCATE(ftruncate64)
WRAP_FSTAT(fstat64)
WRAP_STAT(stat64)
WRAP_STAT(lstat64)
WRAP_FSTATAT(fstatat64)
WRAP_FADVISE(posix_fadvise64)
WRAP_READ_CHK(__read_chk, read)
WRAP_PREAD_CHK(__pread_chk, pread)
WRAP_PREAD_CHK(__pread64_chk, pread64)

int __wrap___open_2(const char *path, int flags);
int __wrap___open_2(const char *path, int flags)
{
    return __wrap_open(path, flags);
}

int __wrap___open64_2(const char *path, int flags);
int __wrap___open64_2(const char *path, int flags)
{
    return __wrap_open64(path, flags);
}

int __wrap___openat_2(int at, const char *path, int flags);
int __wrap___openat_2(int at, const char *path, int flags)
{
    return __wrap_openat(at, path, flags);
}

int __wrap___openat64_2(int at, const char *path, int flags);
int __wrap___openat64_2(int at, const char *path, int flags)
{
    return __wrap_openat64(at, path, flags);
}
#endif

/* ---------------------------------------------------------------- names */

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
static int64_t real_rename(const fault_event *e)
{
    return __real_rename(e->path, e->to);
}
int __wrap_rename(const char *from, const char *to)
{
    fault_event e = {.call = FAULT_RENAME, .fd = -1, .path = from, .to = to};
    return (int)fault_run(e, real_rename);
}

int __real_renameat(int from_at, const char *from, int to_at, const char *to);
int __wrap_renameat(int from_at, const char *from, int to_at, const char *to);
static int64_t real_renameat(const fault_event *e)
{
    return __real_renameat((int)e->offset, e->path, e->flags, e->to);
}
int __wrap_renameat(int from_at, const char *from, int to_at, const char *to)
{
    fault_event e = {.call = FAULT_RENAME, .fd = -1, .flags = to_at, .path = from, .to = to};
    e.offset = (uint64_t)(int64_t)from_at;
    return (int)fault_run(e, real_renameat);
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
static int64_t real_unlink(const fault_event *e)
{
    return __real_unlink(e->path);
}
int __wrap_unlink(const char *path)
{
    fault_event e = {.call = FAULT_UNLINK, .fd = -1, .path = path};
    return (int)fault_run(e, real_unlink);
}

int __real_unlinkat(int at, const char *path, int flags);
int __wrap_unlinkat(int at, const char *path, int flags);
static int64_t real_unlinkat(const fault_event *e)
{
    return __real_unlinkat((int)e->offset, e->path, e->flags);
}
int __wrap_unlinkat(int at, const char *path, int flags)
{
    fault_event e = {.call = FAULT_UNLINK, .fd = -1, .flags = flags, .path = path};
    e.offset = (uint64_t)(int64_t)at;
    return (int)fault_run(e, real_unlinkat);
}

/* ---------------------------------------------------------------- others */

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
static int64_t real_fchmod(const fault_event *e)
{
    return __real_fchmod(e->fd, (mode_t)e->flags);
}
int __wrap_fchmod(int fd, mode_t mode)
{
    fault_event e = {.call = FAULT_FCHMOD, .fd = fd, .flags = (int)mode};
    return (int)fault_run(e, real_fchmod);
}

ssize_t __real_getrandom(void *buffer, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned flags);
static int64_t real_getrandom(const fault_event *e)
{
    return __real_getrandom(e->buffer, e->size, (unsigned)e->flags);
}
ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned flags)
{
    fault_event e = {.call = FAULT_GETRANDOM, .fd = -1, .flags = (int)flags};
    e.buffer = buffer;
    e.size = size;
    return (ssize_t)fault_run(e, real_getrandom);
}

/* Returns all bytes or fails: hide the size so that the layer returns no short count. */
int __real_getentropy(void *buffer, size_t size);
int __wrap_getentropy(void *buffer, size_t size);
static int64_t real_getentropy(const fault_event *e)
{
    return __real_getentropy(e->buffer, (size_t)e->offset);
}
int __wrap_getentropy(void *buffer, size_t size)
{
    fault_event e = {.call = FAULT_GETRANDOM, .fd = -1, .buffer = buffer};
    e.offset = size;
    return (int)fault_run(e, real_getentropy);
}

int __real_sync_file_range(int fd, off_t offset, off_t size, unsigned flags);
int __wrap_sync_file_range(int fd, off_t offset, off_t size, unsigned flags);
static int64_t real_sync_file_range(const fault_event *e)
{
    return __real_sync_file_range(e->fd, (off_t)e->offset, (off_t)e->size, (unsigned)e->flags);
}
/* A hint, too, but unlike posix_fadvise it reports errors in errno. */
int __wrap_sync_file_range(int fd, off_t offset, off_t size, unsigned flags)
{
    fault_event e = {.call = FAULT_ADVISE, .fd = fd, .flags = (int)flags, .size = (size_t)size};
    e.offset = (uint64_t)offset;
    return fault_run(e, real_sync_file_range) == 0 ? 0 : -1;
}
