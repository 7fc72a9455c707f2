#include "input/rejects.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/utf8.h"
#include "text/same_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

int rejects_open(struct rejects *rejects, const struct rejects_options *options,
                 const char *const *inputs, size_t count, const char *store)
{
    *rejects = (struct rejects){.options = *options};
    const char *path = options->path;
    if (path == NULL)
        return STATUS_DONE;
    bool in_use = same_file(path, store);
    for (size_t i = 0; i < count; i++)
        in_use = in_use || same_file(path, inputs[i]);
    if (in_use) {
        message("%s: --rejects can't be the store or an input file", path);
        return STATUS_USAGE;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        message("%s: %s", path, strerror(errno));
        return STATUS_IO;
    }
    int status = output_open_file(&rejects->file, fd, path);
    rejects->file_is_open = status == STATUS_DONE;
    return status;
}

void rejects_begin(struct rejects *rejects, const char *name, uint64_t line, const char *reason)
{
    rejects->count++;
    if (rejects->count > rejects->options.max)
        message("%s:%" PRIu64 ": %s; more than %" PRIu64 " bad lines", name, line, reason,
                rejects->options.max);
    else if (rejects->count == 1 && !rejects->file_is_open && !rejects->options.quiet)
        message("%s:%" PRIu64 ": %s; bad lines are skipped", name, line, reason);
    if (!rejects->file_is_open)
        return;
    char escaped[UTF8_ESCAPE_MAX * PATH_MAX + 1];
    size_t length = utf8_escape(escaped, sizeof escaped, name, strlen(name));
    output_bytes(&rejects->file, escaped, length);
    output_format(&rejects->file, "\t%" PRIu64 "\t", line);
    output_text(&rejects->file, reason); /* input in it is escaped */
    output_text(&rejects->file, "\t");
}

void rejects_part(struct rejects *rejects, const char *part, size_t size)
{
    if (rejects->file_is_open)
        output_bytes(&rejects->file, part, size);
}

int rejects_end(struct rejects *rejects)
{
    if (rejects->file_is_open)
        output_bytes(&rejects->file, &rejects->options.line_end, 1);
    if (rejects->count > rejects->options.max)
        return STATUS_USAGE;
    /* rejects_close reports the error. */
    return rejects->file_is_open && rejects->file.error != 0 ? STATUS_IO : STATUS_DONE;
}

int rejects_close(struct rejects *rejects)
{
    if (!rejects->file_is_open)
        return STATUS_DONE;
    rejects->file_is_open = false;
    return output_close(&rejects->file);
}
