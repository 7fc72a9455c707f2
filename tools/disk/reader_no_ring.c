/* Stubs of reader_ring.c for builds without liburing. */
#include "disk/worker.h"

#include <indexkv.h>

int disk_ring_open(void **ret_ring, int fd, unsigned depth, uint32_t block, char *features,
                   size_t size, const char **ret_what)
{
    (void)ret_ring, (void)fd, (void)depth, (void)block;
    if (size > 0)
        features[0] = '\0';
    *ret_what = "io_uring";
    return IKV_E_UNSUPPORTED;
}

void disk_ring_close(void *ring)
{
    (void)ring;
}

int disk_ring_loop(struct disk_worker *worker)
{
    (void)worker;
    return IKV_E_UNSUPPORTED;
}

int disk_ring_read_list(struct disk_list_reader *reader, const uint64_t *offsets, size_t count,
                        uint32_t length)
{
    (void)reader, (void)offsets, (void)count, (void)length;
    return IKV_E_UNSUPPORTED;
}
