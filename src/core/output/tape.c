#include "core/output/tape.h"

#include "core/base/bytes.h"
#include "core/io/file_io.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)1 << 18)

void ikv_tape_init(struct ikv_tape *tape, const char *dir)
{
    *tape = (struct ikv_tape){.dir = dir, .fd = -1};
}

void ikv_tape_free(struct ikv_tape *tape)
{
    if (tape->fd >= 0)
        (void)close(tape->fd);
    free(tape->buffer);
    ikv_tape_init(tape, tape->dir);
}

static int spill(struct ikv_tape *tape)
{
    if (tape->fd < 0) {
        int fd = ikv_temp_open(tape->dir);
        if (fd < 0)
            return fd;
        tape->fd = fd;
    }
    int code = ikv_pwrite_all(tape->fd, tape->buffer, tape->used, tape->spilled);
    if (code < 0)
        return code;
    tape->spilled += tape->used;
    tape->used = 0;
    return 0;
}

int ikv_tape_append(struct ikv_tape *tape, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;

    if (!tape->buffer && !(tape->buffer = malloc(BUFFER_SIZE)))
        return -ENOMEM;
    while (size > 0) {
        if (tape->used == BUFFER_SIZE) {
            int code = spill(tape);
            if (code < 0)
                return code;
        }
        size_t n = (size_t)ikv_min(size, BUFFER_SIZE - tape->used);
        memcpy(tape->buffer + tape->used, from, n);
        tape->used += n;
        from += n;
        size -= n;
    }
    return 0;
}

uint64_t ikv_tape_size(const struct ikv_tape *tape)
{
    return tape->spilled + tape->used;
}

int ikv_tape_read(const struct ikv_tape *tape, uint64_t offset, void *buf, size_t size)
{
    unsigned char *to = buf;

    if (size > 0 && offset < tape->spilled) {
        size_t n = (size_t)ikv_min(size, tape->spilled - offset);
        int code = ikv_pread_all(tape->fd, to, n, offset, NULL);
        if (code < 0)
            return code;
        to += n;
        offset += n;
        size -= n;
    }
    if (size > 0)
        memcpy(to, tape->buffer + (offset - tape->spilled), size);
    return 0;
}

int ikv_tape_truncate(struct ikv_tape *tape, uint64_t size)
{
    if (size >= tape->spilled) {
        tape->used = (size_t)(size - tape->spilled);
        return 0;
    }
    /* The file must hold whole buffers: read the last, partial one back. */
    uint64_t whole = size / BUFFER_SIZE * BUFFER_SIZE;
    size_t rest = (size_t)(size - whole);
    int code = ikv_pread_all(tape->fd, tape->buffer, rest, whole, NULL);
    if (code < 0)
        return code;
    tape->spilled = whole;
    tape->used = rest;
    return 0;
}
