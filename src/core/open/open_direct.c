#include "core/open/open_direct.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* For kernels (before Linux 6.1) and file systems that don't report the alignment of O_DIRECT: a
 * multiple of every logical block size in use, which is what O_DIRECT requires. */
#define ALIGN_DEFAULT 4096u

int ikv_store_open_direct(struct ikv_store *store, ikv_error *err)
{
    const struct ikv_where at = IKV_AT_FILE(store->path);
    struct stat first;
    struct stat now;

    if (!IKV_HAVE_DIRECT)
        return ikv_fail(err, IKV_E_UNSUPPORTED, at, "this system does not support O_DIRECT");
    int fd = ikv_platform_open_direct(store->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return ikv_fail(err, -errno, at,
                        errno == EINVAL ? "the file system does not support O_DIRECT"
                                        : "cannot open with O_DIRECT");
    const uint32_t align = ikv_platform_direct_align(fd);
    store->direct = (struct ikv_io_file){.fd = fd,
                                         .direct = true,
                                         .serial = store->file.serial,
                                         .align = align ? align : ALIGN_DEFAULT};
    if (fstat(store->file.fd, &first) != 0 || fstat(fd, &now) != 0)
        return ikv_fail(err, -errno, at, "cannot open with O_DIRECT");
    if (first.st_dev != now.st_dev || first.st_ino != now.st_ino)
        return ikv_fail(err, -ESTALE, at, "replaced while it was being opened");
    if (store->direct.align > IKV_ALIGN_MAX || (store->direct.align & (store->direct.align - 1)))
        return ikv_fail(err, IKV_E_UNSUPPORTED, at, "direct reads must be aligned to %u bytes",
                        store->direct.align);
    store->reads = &store->direct;
    return 0;
}
