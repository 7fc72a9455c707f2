/* Failing reads, refused requests, and destroying with reads in flight. */
#include "suite.h"

#include "platform.h"
#include "scale.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* Of reads from readable and unreadable files, only the latter fail. */
void errors_in_the_middle(void **state)
{
    enum { DEPTH = 64 };
    struct window window;
    struct content content;
    rng_state rng = {10};
    char path[TMPDIR_PATH_MAX + 32];
    struct ikv_io_file bad[3] = {{.fd = -1, .serial = 2000000},
                                 {.fd = INT_MAX, .serial = 2000001},
                                 {.serial = 2000002, .direct = tested.direct}};
    bool is_bad[DEPTH] = {false};

    (void)state;
    if (tested.is_remote)
        skip(); /* descriptors */
    content_make(&content, group_dir.path, 300000, 10, tested.direct);
    (void)snprintf(path, sizeof path, "%s/unreadable", group_dir.path);
    bad[2].fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    window_open(&window, &tested.backend, DEPTH, ROOM);
    for (size_t round = test_scaled_min(100, 20); round > 0; round--) {
        for (unsigned i = 0; i < DEPTH; i++) {
            read_begin_random(&window.requests[i], &content, &window.rooms[i], &rng);
            is_bad[i] = rng_below(&rng, 3) == 0;
            if (is_bad[i])
                window.requests[i].file = &bad[rng_below(&rng, 3)];
            window_submit(&window, i);
        }
        for (unsigned n = 0; n < DEPTH; n++) {
            unsigned i = window_reap(&window);
            if (is_bad[i]) {
                assert_int_equal(window.requests[i].code, -EBADF);
                read_check_guards(&window.requests[i], &window.rooms[i]);
            } else {
                read_check(&window.requests[i], &content, &window.rooms[i]);
            }
        }
    }
    window_close(&window);
    (void)close(bad[2].fd);
    (void)unlink(path);
    content_close(&content);
}

/* Errors of the kernel are passed on: of a directory, of memory that is not writable. */
void errors_by_name(void **state)
{
    struct window window;
    struct content content;

    (void)state;
    if (tested.is_remote)
        skip(); /* descriptors */
    content_make(&content, group_dir.path, 100000, 11, tested.direct);
    window_open(&window, &tested.backend, 2, ROOM);
    struct ikv_io_file folder = {.fd = open(group_dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                 .serial = 2000003};
    read_begin(&window.requests[0], &content, &window.rooms[0], 0, CONTENT_ALIGNMENT, 1);
    window.requests[0].file = &folder;
    window_submit(&window, 0);
    assert_int_equal(window_reap(&window), 0);
    /* With polling, the kernel first checks for support, which directories lack. */
    if (window.requests[0].code != -EOPNOTSUPP)
        assert_int_equal(window.requests[0].code, -EISDIR);
    (void)close(folder.fd);

    void *sealed = mmap(NULL, CONTENT_ALIGNMENT, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    read_begin(&window.requests[0], &content, &window.rooms[0], 0, CONTENT_ALIGNMENT, 1);
    window.requests[0].buffer = sealed;
    window_submit(&window, 0);
    assert_int_equal(window_reap(&window), 0);
    assert_int_equal(window.requests[0].code, -EFAULT);
    (void)munmap(sealed, CONTENT_ALIGNMENT);
    read_one(&window, &content, 0, CONTENT_ALIGNMENT, CONTENT_ALIGNMENT);
    window_close(&window);
    content_close(&content);
}

/* submit refuses one request more than `depth`, and it never completes. */
void more_than_depth(void **state)
{
    enum { DEPTH = 8 };
    struct window window;
    struct content content;
    struct read_room room;
    struct ikv_io_request surplus;

    (void)state;
    content_make(&content, group_dir.path, 100000, 12, tested.direct);
    read_room_make(&room, ROOM);
    window_open(&window, &tested.backend, DEPTH, ROOM);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < DEPTH; i++) {
            read_begin(&window.requests[i], &content, &window.rooms[i], i * CONTENT_ALIGNMENT,
                       CONTENT_ALIGNMENT, CONTENT_ALIGNMENT);
            window_submit(&window, i);
        }
        read_begin(&surplus, &content, &room, 0, CONTENT_ALIGNMENT, 1);
        assert_int_equal(window.backend->submit(window.io, &surplus), -EAGAIN);
        for (unsigned n = 0; n < DEPTH; n++) {
            unsigned i = window_reap(&window);
            read_check(&window.requests[i], &content, &window.rooms[i]);
        }
        assert_null(window.backend->reap(window.io));
    }
    window_close(&window);
    read_room_free(&room);
    content_close(&content);
}

void depth_zero(void **state)
{
    const struct ikv_io_options options = {.depth = 0};
    struct ikv_io *io = NULL;

    (void)state;
    if (tested.backend.create(&options, &io) == 0)
        tested.backend.destroy(io);
    else
        assert_null(io);
}

/* ---------------------------------------------------------------- destroying */

/* After destroy nothing writes to the buffers. */
void destroy_with_reads_in_flight(void **state)
{
    enum { DEPTH = 64 };
    struct content content;
    rng_state rng = {13};
    const size_t rounds = test_scaled(200);

    (void)state;
    watchdog(300);
    content_make(&content, group_dir.path, 16 << 20, 13, tested.direct);
    for (size_t round = 0; round < rounds; round++) {
        const size_t room = (size_t)16 * CONTENT_ALIGNMENT;
        struct window window;
        unsigned reaped = (unsigned)rng_below(&rng, DEPTH);
        window_open(&window, &tested.backend, DEPTH, room);
        if (!tested.direct)
            (void)test_drop_cache(content.file.fd, 0, 0);
        for (unsigned i = 0; i < DEPTH; i++) {
            read_begin_random(&window.requests[i], &content, &window.rooms[i], &rng);
            window_submit(&window, i);
        }
        for (unsigned n = 0; n < reaped; n++)
            (void)window_reap(&window);
        window_destroy_checked(&window);
        window_close(&window);
    }
    content_close(&content);
    watchdog(0);
}
