#include "iouring/explain.h"

#include "indexkv.h"
#include "iouring/queue.h"
#include "iouring/uring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* ---------------------------------------------------------------- features */

/* A text that is truncated when its buffer is full. */
struct line {
    char *at;
    size_t left; /* including the terminator */
};

static void append(struct line *line, const char *text)
{
    size_t length = strlen(text);

    if (line->left == 0)
        return;
    if (length > line->left - 1)
        length = line->left - 1;
    memcpy(line->at, text, length);
    line->at += length;
    line->left -= length;
    *line->at = 0;
}

static void append_refusal(struct line *line, const struct ikv_ring *ring, unsigned feature)
{
    int code = -EINVAL; /* the only code for which setup drops features */

    if (feature == IKV_URING_BUFFERS)
        code = ring->buffers_code;
    if (feature == IKV_URING_FILES)
        code = ring->files_code;
    append(line, " (");
    append(line, ikv_strerror(code));
    append(line, ")");
}

/* NOLINTNEXTLINE(readability-non-const-parameter): it is written through `line` */
const char *ikv_uring_features(const struct ikv_io *io, char *buf, size_t size)
{
    const struct ikv_ring *ring = &io->ring;
    struct line line = {buf, size};
    const char *separator = "";

    append(&line, "");
    if (ring->uring.flags & IORING_SETUP_SQPOLL) {
        append(&line, "sqpoll");
        separator = ",";
    }
    if (ring->uring.flags & IORING_SETUP_IOPOLL) {
        append(&line, separator);
        append(&line, "iopoll");
        separator = ",";
    }
    for (unsigned feature = 1; feature < IKV_URING_FEATURES; feature <<= 1) {
        if (!(ring->features & feature))
            continue;
        append(&line, separator);
        append(&line, ikv_uring_feature_name(feature));
        separator = ",";
    }
    separator = " without ";
    for (unsigned feature = 1; feature < IKV_URING_FEATURES; feature <<= 1) {
        if (!(ring->refused & feature))
            continue;
        append(&line, separator);
        append(&line, ikv_uring_feature_name(feature));
        append_refusal(&line, ring, feature);
        separator = ",";
    }
    return buf;
}

/* ---------------------------------------------------------------- reasons */

/* The number after `label`, which starts a line of a file in /proc; negative: none. */
static int proc_number(const char *path, const char *label)
{
    char text[128];
    FILE *file = fopen(path, "re");
    int number = -1;

    if (!file)
        return -1;
    while (number < 0 && fgets(text, sizeof text, file))
        if (strncmp(text, label, strlen(label)) == 0)
            number = (int)strtol(text + strlen(label), NULL, 10);
    (void)fclose(file);
    return number;
}

static const char *explain_refusal(char *why, size_t size)
{
    int disabled = proc_number("/proc/sys/kernel/io_uring_disabled", "");

    if (disabled == 2)
        (void)snprintf(why, size,
                       "io_uring is disabled on this system (EPERM): sysctl "
                       "kernel.io_uring_disabled is 2");
    else if (disabled == 1)
        (void)snprintf(
            why, size,
            "io_uring is restricted to privileged processes on this system (EPERM): sysctl "
            "kernel.io_uring_disabled is 1");
    else if (proc_number("/proc/self/status", "Seccomp:") > 0)
        (void)snprintf(
            why, size,
            "io_uring is blocked for this process (EPERM) by its seccomp filter, such as "
            "those of container runtimes");
    else
        (void)snprintf(why, size,
                       "io_uring is blocked for this process (EPERM) by a security policy");
    return why;
}

static const char *explain_absence(char *why, size_t size)
{
    if (proc_number("/proc/self/status", "Seccomp:") > 0)
        (void)snprintf(why, size,
                       "io_uring is not available (ENOSYS): the kernel lacks it, or the process's "
                       "seccomp filter hides it");
    else
        (void)snprintf(why, size,
                       "io_uring is not available (ENOSYS): the kernel is older than Linux 5.1 or "
                       "was built without it");
    return why;
}

enum limit { LIMIT_MEMORY, LIMIT_FILES };

static const char *explain_limit(enum limit which, const char *format, char *why, size_t size)
{
    struct rlimit limit = {0};

    if (which == LIMIT_MEMORY)
        (void)getrlimit(RLIMIT_MEMLOCK, &limit);
    else
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    (void)snprintf(why, size, format, (unsigned long long)limit.rlim_cur);
    return why;
}

const char *ikv_uring_explain(int code, char *why, size_t size)
{
    switch (code) {
    case 0:
        (void)snprintf(why, size, "io_uring can be used");
        return why;
    case -ENOSYS:
        return explain_absence(why, size);
    case -EPERM:
    case -EACCES:
        return explain_refusal(why, size);
    case -ENOMEM:
        return explain_limit(
            LIMIT_MEMORY,
            "not enough memory for io_uring (ENOMEM): before Linux 5.12 it counts as "
            "locked memory, which is limited to %llu bytes (RLIMIT_MEMLOCK)",
            why, size);
    case -EMFILE:
        return explain_limit(LIMIT_FILES,
                             "no descriptor for io_uring (EMFILE): this process is limited to %llu "
                             "(RLIMIT_NOFILE)",
                             why, size);
    case -ENFILE:
        (void)snprintf(why, size,
                       "no descriptor for io_uring (ENFILE): the system limit is reached");
        return why;
    case -EOPNOTSUPP:
        (void)snprintf(why, size,
                       "the kernel's io_uring is too old (EOPNOTSUPP): Linux 5.6 or newer is "
                       "required");
        return why;
    default:
        (void)snprintf(why, size, "io_uring can't be set up: %s", ikv_strerror(code));
        return why;
    }
}

int ikv_uring_probe(char *why, size_t size)
{
    const struct ikv_io_options options = {.depth = 1};
    struct ikv_io *io = NULL;
    int code = ikv_io_uring.create(&options, &io);

    ikv_uring_explain(code, why, size);
    if (code == 0)
        ikv_io_uring.destroy(io);
    return code;
}
