/* The lock of a table: a lock of fcntl on a file in its directory. */
#include "shards/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME ".ikv-lock"

struct ikv_table_lock {
    int dir, fd;
};

/* Returns 0, also if the file system has no locks, -EBUSY, or -errno. */
static int lock_file(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &whole) == 0 || errno == ENOLCK || errno == ENOSYS ||
        errno == EOPNOTSUPP || errno == EINVAL)
        return 0;
    return errno == EACCES || errno == EAGAIN ? -EBUSY : -errno;
}

/* Whether the directory still has the file: its last owner may have removed it meanwhile. */
static bool is_in_place(int dir, int fd)
{
    struct stat file, named;
    return fstat(fd, &file) == 0 && fstatat(dir, LOCK_NAME, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           file.st_dev == named.st_dev && file.st_ino == named.st_ino;
}

static int open_locked(int dir, int *ret_fd)
{
    for (;;) {
        const int fd = openat(dir, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0)
            return -errno;
        const int code = lock_file(fd);
        if (code == 0 && is_in_place(dir, fd)) {
            *ret_fd = fd;
            return 0;
        }
        (void)close(fd);
        if (code < 0)
            return code;
    }
}

int ikv_table_lock(const char *dir, struct ikv_table_lock **ret, ikv_error *err)
{
    struct ikv_table_lock *lock = malloc(sizeof *lock);
    if (lock == NULL)
        return ikv_shards_fail(err, -ENOMEM, dir, "%s", ikv_strerror(-ENOMEM));
    *lock = (struct ikv_table_lock){.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .fd = -1};
    const int code = lock->dir < 0 ? -errno : open_locked(lock->dir, &lock->fd);
    if (code == 0) {
        *ret = lock;
        return 0;
    }
    if (lock->dir >= 0)
        (void)close(lock->dir);
    free(lock);
    return code == -EBUSY
               ? ikv_shards_fail(err, code, dir, "another command is writing this table")
               : ikv_shards_fail(err, code, dir, "%s: %s", LOCK_NAME, ikv_strerror(code));
}

void ikv_table_unlock(struct ikv_table_lock *lock)
{
    if (lock == NULL)
        return;
    (void)unlinkat(lock->dir, LOCK_NAME, 0); /* before it is unlocked: nobody else has it */
    (void)close(lock->fd);
    (void)close(lock->dir);
    free(lock);
}
