/* Many reads at a time, from many files, into all kinds of memory. */
#include "suite.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Makes `count` random reads from the files. */
static void random_reads(unsigned depth, size_t count, const struct content *files,
                         unsigned file_count, uint64_t seed)
{
    struct window window;

    window_open(&window, &tested.backend, depth, ROOM);
    (void)window_random_reads(&window, count, files, file_count, seed, NULL);
    window_close(&window);
}

static void random_reads_at_depth(unsigned depth, size_t count)
{
    struct content content;

    watchdog(300);
    content_make(&content, group_dir.path, 3333333, depth, tested.direct);
    random_reads(depth, count, &content, 1, depth);
    content_close(&content);
    watchdog(0);
}

void huge_count_at_depth_1(void **state)
{
    (void)state;
    random_reads_at_depth(1, many(tested.direct ? 10000 : 100000));
}

void huge_count_at_depth_2(void **state)
{
    (void)state;
    random_reads_at_depth(2, many(tested.direct ? 20000 : 100000));
}

void huge_count_at_depth_256(void **state)
{
    (void)state;
    random_reads_at_depth(256, many(tested.direct ? 50000 : 100000));
}

void odd_depths(void **state)
{
    static const unsigned depths[] = {3, 5, 17, 100, 257, 1000};

    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++)
        random_reads_at_depth(depths[i], many(3000));
}

/* More files than any table of registered files has entries, each read several times. */
void many_files(void **state)
{
    enum { FILES = 40 };
    struct content files[FILES];

    (void)state;
    for (unsigned i = 0; i < FILES; i++)
        content_make(&files[i], group_dir.path, 20000 + 1000 * i, 100 + i, tested.direct);
    random_reads(32, many(20000), files, FILES, 6);
    /* One after another, so that each file is in the table at some time. */
    for (unsigned i = 0; i < FILES; i++)
        random_reads(4, many(1500), &files[i], 1, 7 + i);
    for (unsigned i = 0; i < FILES; i++)
        content_close(&files[i]);
}

/* A descriptor's number is reused for another file between reads of one backend object. */
void file_replaced_under_the_number(void **state)
{
    struct window window;
    struct content first;

    (void)state;
    if (tested.is_remote)
        skip(); /* descriptors */
    window_open(&window, &tested.backend, 8, ROOM);
    content_make(&first, group_dir.path, 50000, 8, tested.direct);
    const int number = first.file.fd;
    for (unsigned round = 0; round < 50; round++) {
        struct content other;
        for (unsigned i = 0; i < 8; i++) {
            uint64_t offset = (i * CONTENT_ALIGNMENT) % (50000 - CONTENT_ALIGNMENT);
            offset -= offset % unit();
            read_begin(&window.requests[i], &first, &window.rooms[i], offset, CONTENT_ALIGNMENT,
                       CONTENT_ALIGNMENT);
            window_submit(&window, i);
        }
        for (unsigned n = 0; n < 8; n++) {
            unsigned i = window_reap(&window);
            read_check(&window.requests[i], &first, &window.rooms[i]);
        }
        content_make(&other, group_dir.path, 50000, 1000 + round, tested.direct);
        assert_int_equal(dup2(other.file.fd, number), number);
        (void)close(other.file.fd);
        (void)unlink(first.path);
        free(first.path);
        free(first.bytes);
        first = other;
        first.file.fd = number;
    }
    window_close(&window);
    content_close(&first);
}

/* Buffers outside the memory passed to create, or only partly inside. */
void buffers_elsewhere(void **state)
{
    const size_t known = (size_t)4 * CONTENT_ALIGNMENT;
    const size_t span = read_room_span(8 * CONTENT_ALIGNMENT);
    struct content content;
    void *memory = NULL;
    struct ikv_io *io;

    (void)state;
    content_make(&content, group_dir.path, 100000, 9, tested.direct);
    assert_int_equal(posix_memalign(&memory, CONTENT_ALIGNMENT, span), 0);
    /* The room extends from before the memory passed to create to after it. */
    const struct ikv_io_options options = {.depth = 2,
                                           .memory =
                                               (unsigned char *)memory + 3 * CONTENT_ALIGNMENT,
                                           .memory_size = known};
    assert_int_equal(tested.backend.create(&options, &io), 0);
    for (uint32_t shift = 0; shift < 8 * CONTENT_ALIGNMENT; shift += tested.direct ? unit() : 1000)
        for (uint32_t length = unit(); length <= 8 * CONTENT_ALIGNMENT - shift;
             length += tested.direct ? unit() : 3333) {
            struct read_room room;
            struct ikv_io_request request;
            read_room_place(&room, memory, 8 * CONTENT_ALIGNMENT);
            read_begin(&request, &content, &room, 2 * CONTENT_ALIGNMENT, length, length);
            request.buffer = room.buffer + shift;
            assert_int_equal(tested.backend.submit(io, &request), 0);
            assert_ptr_equal(tested.backend.reap(io), &request);
            read_check(&request, &content, &room);
        }
    tested.backend.destroy(io);
    free(memory);
    content_close(&content);
}
