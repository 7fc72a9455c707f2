#include "core/io/source.h"

#include "core/io/file_io.h"
#include "core/platform/platform.h"

#include <stdio.h>

int ikv_file_read(const struct ikv_io_file *file, void *buf, size_t size, uint64_t offset,
                  uint64_t *retries)
{
    if (file->source)
        return file->source->type->read(file->source, buf, size, offset, retries);
    return ikv_pread_all(file->fd, buf, size, offset, retries);
}

void ikv_file_will_read(const struct ikv_io_file *file, uint64_t offset, uint64_t size)
{
    if (file->source)
        file->source->type->will_read(file->source, offset, size);
    else
        IKV_ADVISE_WILLNEED(file->fd, (off_t)offset, (off_t)size);
}

const char *ikv_file_explain(const struct ikv_io_file *file, int code, const char *what, char *buf,
                             size_t size)
{
    char why[200];

    if (!file->source || !*file->source->type->explain(file->source, code, why, sizeof why))
        return what;
    (void)snprintf(buf, size, "%s: %s", what, why);
    return buf;
}
