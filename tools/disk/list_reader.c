/* Reads lists of offsets, one thread. */
#include "base/signals.h"
#include "disk/reader.h"
#include "disk/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int disk_list_reader_open(struct disk_list_reader *reader, int fd, enum disk_backend backend,
                          unsigned depth, uint32_t block, const char **ret_what)
{
    char features[8];
    *reader = (struct disk_list_reader){.fd = fd, .block = block};
    if (backend == DISK_URING)
        return disk_ring_open(&reader->ring, fd, depth, block, features, sizeof features, ret_what);
    *ret_what = "allocating buffers";
    return posix_memalign(&reader->buffer, 4096, block) == 0 ? 0 : -ENOMEM;
}

void disk_list_reader_close(struct disk_list_reader *reader)
{
    disk_ring_close(reader->ring);
    free(reader->buffer);
    *reader = (struct disk_list_reader){.fd = -1};
}

int disk_list_reader_read(struct disk_list_reader *reader, const uint64_t *offsets, size_t count,
                          uint32_t length)
{
    if (reader->ring != NULL)
        return disk_ring_read_list(reader, offsets, count, length);
    for (size_t i = 0; i < count; i++) {
        const ssize_t got = pread(reader->fd, reader->buffer, length, (off_t)offsets[i]);
        reader->system_calls++;
        if (signals_caught())
            return -EINTR;
        if (got != (ssize_t)length)
            return got < 0 ? -errno : -EIO;
        reader->reads++;
    }
    return 0;
}
