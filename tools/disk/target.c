#include "disk/target.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/platform.h"
#include "report/report_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR_MAX = 4096 };

/* A hint to append to the message of a failed open. */
static const char *hint(const char *path, int code, bool direct)
{
    struct stat st;
    const bool device = stat(path, &st) == 0 && S_ISBLK(st.st_mode);
    if (code == EINVAL && direct)
        return " (the file system does not support O_DIRECT: try --cached)";
    if (code == EOPNOTSUPP && direct)
        return " (this system has no O_DIRECT: try --cached)";
    if ((code == EACCES || code == EPERM) && device)
        return " (reading a device needs root, or membership in its group)";
    if (code == EBUSY || code == EAGAIN || code == ETXTBSY)
        return " (in use by another program)";
    return "";
}

static int failed_to_open(const char *path, int code, bool direct)
{
    message("%s: %s%s", path, strerror(code), hint(path, code, direct));
    return STATUS_IO;
}

/* Finds the smallest size of direct reads by trying. */
static int find_sector(struct disk_target *target)
{
    void *buffer;
    if (!target->direct) {
        target->sector = 1;
        return STATUS_DONE;
    }
    if (posix_memalign(&buffer, SECTOR_MAX, SECTOR_MAX) != 0)
        return out_of_memory();
    ssize_t got = -1;
    uint32_t sector = 512;
    for (; sector <= SECTOR_MAX; sector *= 2) {
        got = pread(target->fd, buffer, sector, target->size >= 2 * (uint64_t)sector ? sector : 0);
        if (got >= 0 || errno != EINVAL)
            break;
    }
    const int code = errno;
    free(buffer);
    target->sector = sector;
    return got >= 0 ? STATUS_DONE : failed_to_open(target->path, code, target->direct);
}

static int find_size(struct disk_target *target, uint64_t min_size)
{
    struct stat st;
    if (fstat(target->fd, &st) != 0)
        return failed_to_open(target->path, errno, target->direct);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        message("%s: not a file, block device or directory", target->path);
        return STATUS_USAGE;
    }
    target->device = S_ISBLK(st.st_mode);
    const off_t end = target->device ? platform_device_size(target->fd) : st.st_size;
    if (end < 0)
        return failed_to_open(target->path, errno, target->direct);
    target->size = (uint64_t)end;
    if (target->size >= min_size)
        return STATUS_DONE;
    message("%s: too small: %s, must be at least %s", target->path,
            report_bytes_text((double)target->size).text, report_bytes_text((double)min_size).text);
    return STATUS_USAGE;
}

int disk_target_adopt(struct disk_target *target, int fd, const char *path, bool direct,
                      uint64_t min_size)
{
    *target = (struct disk_target){.path = path, .fd = fd, .direct = direct};
    int status = find_size(target, min_size);
    if (status == STATUS_DONE)
        status = find_sector(target);
    if (status != STATUS_DONE)
        disk_target_close(target);
    return status;
}

int disk_target_open(struct disk_target *target, const char *path, bool direct, uint64_t min_size)
{
    /* O_NONBLOCK: does not wait for the writer of a FIFO, or for the holder of a lease. */
    const int how = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    const int fd = direct ? platform_open_direct(path, how) : open(path, how);
    *target = (struct disk_target){.fd = -1};
    if (fd < 0)
        return failed_to_open(path, errno, direct);
    /* Reads must block. */
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0) {
        const int code = errno;
        (void)close(fd);
        return failed_to_open(path, code, direct);
    }
    return disk_target_adopt(target, fd, path, direct, min_size);
}

void disk_target_close(struct disk_target *target)
{
    if (target->fd >= 0)
        (void)close(target->fd);
    target->fd = -1;
}
