#include "disk/cold.h"

#include "base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* In parts, so that large files fit into the address space of a 32-bit process. */
static bool count_by_mincore(int fd, uint64_t size, uint64_t page, uint64_t *ret_pages)
{
    const uint64_t part = UINT64_C(64) << 20;
    unsigned char *resident = malloc((size_t)(part / page));
    bool known = resident != NULL;
    *ret_pages = 0;
    for (uint64_t at = 0; at < size && known; at += part) {
        const size_t length = (size_t)(size - at < part ? size - at : part);
        void *map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t)at);
        known = map != MAP_FAILED && platform_in_core(map, length, resident) == 0;
        for (size_t i = 0; known && i < (length + page - 1) / page; i++)
            *ret_pages += resident[i] & 1;
        if (map != MAP_FAILED)
            (void)munmap(map, length);
    }
    free(resident);
    return known;
}

bool cold_resident(int fd, uint64_t size, uint64_t *ret_bytes, const char **ret_how)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t pages;
    *ret_how = "cachestat";
    if (platform_cached_pages(fd, size, &pages) != 0) {
        *ret_how = "mincore";
        if (!count_by_mincore(fd, size, page, &pages))
            return false;
    }
    *ret_bytes = pages * page < size ? pages * page : size;
    return true;
}

int cold_drop(int fd)
{
    /* May fail on a read-only descriptor. Then dirty pages stay, and cold_begin counts them as
     * resident. */
    (void)platform_sync_data(fd);
    return platform_drop_cache(fd) == 0 ? 0 : -errno;
}

int cold_drop_all(void)
{
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int code = write(fd, "1\n", 2) == 2 ? 0 : -errno;
    (void)close(fd);
    return code;
}

void cold_begin(struct cold *cold, int fd, uint64_t size, bool direct)
{
    *cold = (struct cold){.direct = direct, .size = size, .how = ""};
    if (!direct)
        cold->known = cold_resident(fd, size, &cold->resident, &cold->how);
    process_io_now(&cold->io);
}

bool cold_end(const struct cold *cold, uint64_t bytes, char *text, size_t size)
{
    const struct process_io io = process_io_since(&cold->io);
    const double fetched = (double)io.read_bytes / (double)(bytes ? bytes : 1);
    const double resident = (double)cold->resident / (double)(cold->size ? cold->size : 1);
    char before[64] = "O_DIRECT";
    if (!cold->direct && cold->known)
        snprintf(before, sizeof before, "%.1f %% resident before (%s)", 100 * resident, cold->how);
    if (!cold->direct && !cold->known) {
        snprintf(text, size, "not proved: the kernel does not report what is in the page cache");
        return false;
    }
    if (!io.known) {
        snprintf(text, size, "not proved: %s, but /proc/self/io cannot be read", before);
        return false;
    }
    /* Tolerates a few pages that are read twice, or fetched by other processes. */
    const bool proved = bytes > 0 && resident <= 0.01 && fetched >= 0.95;
    snprintf(text, size, "%s: %s, %" PRIu64 " of %" PRIu64 " bytes came from the device",
             proved ? "proved" : "not proved", before, io.read_bytes, bytes);
    return proved;
}
