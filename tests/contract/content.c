#include "content.h"

#include "core/io/source.h"
#include "indexkv.h"
#include "platform.h"
#include "scale.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GUARD   CONTENT_ALIGNMENT
#define PATTERN 0xa5

/* ---------------------------------------------------------------- files */

static void drop_from_cache(int fd, const char *path)
{
    const int code = fsync(fd) == 0 ? test_drop_cache(fd, 0, 0) : errno;

    if (code != 0 && code != EOPNOTSUPP)
        test_die("%s: %s", path, strerror(code));
}

/* Set before the tests start. NULL: files. */
static int (*open_source)(const char *path, struct ikv_source **ret);

void content_set_source(int (*open)(const char *path, struct ikv_source **ret))
{
    open_source = open;
}

void content_make(struct content *ret, const char *directory, uint64_t size, uint64_t seed,
                  bool direct)
{
    static uint64_t serials;
    rng_state rng = {seed};
    char name[64];

    (void)snprintf(name, sizeof name, "%s/content-%llu", "", (unsigned long long)++serials);
    ret->path = must_malloc(strlen(directory) + sizeof name);
    (void)sprintf(ret->path, "%s%s", directory, name);
    ret->size = size;
    ret->bytes = must_malloc(size ? size : 1);
    rng_fill(&rng, ret->bytes, size);
    file_write(ret->path, ret->bytes, size);
    ret->file.direct = direct;
    ret->file.align = direct ? CONTENT_ALIGNMENT : 1;
    ret->file.serial = serials;
    ret->file.source = NULL;
    if (open_source) {
        ret->file.fd = -1;
        const int code = open_source(ret->path, &ret->file.source);
        if (code < 0)
            test_die("%s: %s", ret->path, ikv_strerror(code));
        ret->file.source->type->opened(ret->file.source);
        return;
    }
    ret->file.fd = direct ? test_open_direct(ret->path, O_RDONLY | O_CLOEXEC, 0)
                          : open(ret->path, O_RDONLY | O_CLOEXEC);
    if (ret->file.fd < 0 && direct && errno == EINVAL) {
        (void)fprintf(stderr, "skipped: no O_DIRECT on the file system of %s\n", directory);
        exit(77);
    }
    if (ret->file.fd < 0)
        test_die("%s: %s", ret->path, strerror(errno));
    if (direct)
        drop_from_cache(ret->file.fd, ret->path);
}

void content_close(struct content *content)
{
    if (content->file.source)
        content->file.source->type->close(content->file.source);
    else
        (void)close(content->file.fd);
    (void)unlink(content->path);
    free(content->path);
    free(content->bytes);
    content->path = NULL;
    content->bytes = NULL;
}

/* ---------------------------------------------------------------- rooms */

size_t read_room_span(size_t room)
{
    return 2 * GUARD + (room + CONTENT_ALIGNMENT - 1) / CONTENT_ALIGNMENT * CONTENT_ALIGNMENT;
}

void read_room_place(struct read_room *ret, unsigned char *memory, size_t room)
{
    *ret = (struct read_room){.memory = NULL, .buffer = memory + GUARD, .room = room};
    memset(memory, PATTERN, read_room_span(room));
}

void read_room_make(struct read_room *ret, size_t room)
{
    void *memory = NULL;

    if (posix_memalign(&memory, CONTENT_ALIGNMENT, read_room_span(room)) != 0)
        test_die("out of memory");
    read_room_place(ret, memory, room);
    ret->memory = memory;
}

void read_room_free(struct read_room *room)
{
    free(room->memory);
    room->memory = NULL;
}

/* ---------------------------------------------------------------- requests */

void read_begin(struct ikv_io_request *ret, const struct content *content, struct read_room *room,
                uint64_t offset, uint32_t length, uint32_t need)
{
    if (length > room->room || need > length || need == 0)
        test_die("invalid request: length %u, need %u, room %zu", length, need, room->room);
    memset(room->buffer, PATTERN, room->room);
    *ret = (struct ikv_io_request){.file = &content->file,
                                   .offset = offset,
                                   .length = length,
                                   .need = need,
                                   .buffer = room->buffer,
                                   .owner = room,
                                   .code = 1};
}

void read_begin_random(struct ikv_io_request *ret, const struct content *content,
                       struct read_room *room, rng_state *rng)
{
    /* Sometimes at or after the end of the file. */
    uint64_t span = rng_below(rng, 16) == 0 ? content->size + 3 * CONTENT_ALIGNMENT : content->size;
    uint64_t offset = rng_below(rng, span ? span : 1);
    uint32_t length = (uint32_t)(1 + rng_below(rng, room->room));
    uint32_t shift = 0;

    if (rng_below(rng, 2) == 0) /* short, as most reads of the library are */
        length = 1 + length % 600;
    if (content->file.direct) {
        offset -= offset % CONTENT_ALIGNMENT;
        length = (length + CONTENT_ALIGNMENT - 1) / CONTENT_ALIGNMENT * CONTENT_ALIGNMENT;
        if (length > room->room)
            length = (uint32_t)(room->room - room->room % CONTENT_ALIGNMENT);
    } else if (length + 64 < room->room) {
        shift = (uint32_t)rng_below(rng, 64);
    }
    uint32_t need = length;
    if (rng_below(rng, 4) == 0)
        need = (uint32_t)(1 + rng_below(rng, length));
    read_begin(ret, content, room, offset, length, need);
    ret->buffer = room->buffer + shift;
}

static bool is_pattern(const unsigned char *at, size_t size)
{
    return size == 0 || (at[0] == PATTERN && memcmp(at, at + 1, size - 1) == 0);
}

void read_check_guards(const struct ikv_io_request *request, const struct read_room *room)
{
    const unsigned char *begin = room->buffer - GUARD;
    const unsigned char *end = begin + read_room_span(room->room);
    const unsigned char *buffer = request->buffer;
    const unsigned char *after = buffer + request->length;

    if (!is_pattern(begin, (size_t)(buffer - begin)))
        fail_msg("bytes before the buffer were written");
    if (!is_pattern(after, (size_t)(end - after)))
        fail_msg("bytes after the buffer of %u were written", request->length);
}

void read_check(const struct ikv_io_request *request, const struct content *content,
                const struct read_room *room)
{
    uint64_t there = request->offset < content->size ? content->size - request->offset : 0;
    int expected = request->need <= there ? 0 : IKV_E_TRUNCATED;

    if (request->code != expected)
        fail_msg("offset %llu, length %u, need %u, size %llu: code %d, not %d",
                 (unsigned long long)request->offset, request->length, request->need,
                 (unsigned long long)content->size, request->code, expected);
    if (request->code == 0)
        assert_memory_equal(request->buffer, content->bytes + request->offset, request->need);
    read_check_guards(request, room);
}

/* ---------------------------------------------------------------- hanging */

static void on_alarm(int number)
{
    static const char text[] = "watchdog: the test hangs\n";

    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    (void)signal(SIGALRM, SIG_DFL);
    (void)raise(SIGALRM);
}

void watchdog(unsigned seconds)
{
    (void)signal(SIGALRM, on_alarm);
    (void)alarm(test_is_sanitized() ? 4 * seconds : seconds);
}
