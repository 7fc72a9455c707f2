/* Lists of reads, one thread. */
#include "base/signals.h"
#include "disk/reader.h"
#include "disk/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int disk_lister_open(struct disk_lister *lister, int fd, enum disk_backend backend, unsigned depth,
                     uint32_t block, const char **ret_what)
{
    char features[8];
    *lister = (struct disk_lister){.fd = fd, .block = block};
    if (backend == DISK_URING)
        return disk_ring_open(&lister->ring, fd, depth, block, features, sizeof features, ret_what);
    *ret_what = "memory for reads";
    return posix_memalign(&lister->buffer, 4096, block) == 0 ? 0 : -ENOMEM;
}

void disk_lister_close(struct disk_lister *lister)
{
    disk_ring_close(lister->ring);
    free(lister->buffer);
    *lister = (struct disk_lister){.fd = -1};
}

int disk_lister_read(struct disk_lister *lister, const uint64_t *offsets, size_t count,
                     uint32_t length)
{
    if (lister->ring != NULL)
        return disk_ring_list(lister, offsets, count, length);
    for (size_t i = 0; i < count; i++) {
        const ssize_t got = pread(lister->fd, lister->buffer, length, (off_t)offsets[i]);
        lister->system_calls++;
        if (signals_caught())
            return -EINTR;
        if (got != (ssize_t)length)
            return got < 0 ? -errno : -EIO;
        lister->reads++;
    }
    return 0;
}
