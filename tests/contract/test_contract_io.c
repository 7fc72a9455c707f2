/*
 * The I/O contract, held against a backend: test_contract_io [VARIANT]. The backend that does the
 * simplest thing, pread, is the default.
 */
#include "content.h"
#include "scale.h"
#include "tmpdir.h"
#include "variants.h"
#include "window.h"

#include "indexkv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOM ((size_t)5 * CONTENT_ALIGNMENT)

static struct variant tested;
static tmpdir directory;

/* One read through a window that is open. */
static void read_one(struct window *window, const struct content *content, uint64_t offset,
                     uint32_t length, uint32_t need)
{
    read_begin(&window->requests[0], content, &window->rooms[0], offset, length, need);
    window_submit(window, 0);
    assert_int_equal(window_reap(window), 0);
    assert_null(window->backend->reap(window->io));
    read_check(&window->requests[0], content, &window->rooms[0]);
}

static size_t many(size_t count)
{
    return test_scaled(count) / tested.patience + 1;
}

/* What the file can be asked for without breaking the rules of O_DIRECT. */
static uint32_t unit(void)
{
    return tested.direct ? CONTENT_ALIGNMENT : 1;
}

/* ---------------------------------------------------------------- single reads */

static void nothing_to_do(void **state)
{
    struct window window;

    (void)state;
    tested.backend.destroy(NULL);
    window_open(&window, &tested.backend, 1, ROOM);
    assert_null(window.backend->reap(window.io));
    assert_null(window.backend->reap(window.io));
    window_close(&window);
}

static void offsets_and_lengths(void **state)
{
    static const uint32_t offsets[] = {0, 1, 7, 511, 512, 4095, 4096, 4097, 8191, 65536, 99999};
    static const uint32_t lengths[] = {1, 2, 3, 16, 511, 513, 4095, 4096, 4097, 8192, 12289};
    struct window window;
    struct content content;

    (void)state;
    content_make(&content, directory.path, 200000, 1, tested.direct);
    window_open(&window, &tested.backend, 4, ROOM);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
        for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
            uint32_t offset = offsets[i] - offsets[i] % unit();
            uint32_t length = (lengths[j] + unit() - 1) / unit() * unit();
            read_one(&window, &content, offset, length, length);
            read_one(&window, &content, offset, length, 1);
            read_one(&window, &content, offset, length, length / 2 + 1);
        }
    window_close(&window);
    content_close(&content);
}

/* Sizes on both sides of a page's and a sector's end; every read that ends, begins or lies around
 * the end of the file, for every need. */
static void end_of_file(void **state)
{
    static const uint64_t sizes[] = {0, 1, 100, 511, 512, 513, 4095, 4096, 4097, 5000, 8192, 12289};
    struct window window;

    (void)state;
    window_open(&window, &tested.backend, 2, ROOM);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct content content;
        const uint64_t size = sizes[i];
        content_make(&content, directory.path, size, 2 + i, tested.direct);
        for (uint64_t back = 0; back <= 2 * CONTENT_ALIGNMENT; back += back < 3 ? 1 : 1021) {
            uint64_t offset = size > back ? size - back : 0;
            offset -= offset % unit();
            uint32_t length = 3 * CONTENT_ALIGNMENT;
            uint32_t there = size - offset > length ? length : (uint32_t)(size - offset);
            if (there > 0)
                read_one(&window, &content, offset, length, there);
            if (there > 1)
                read_one(&window, &content, offset, length, there - 1);
            if (there < length)
                read_one(&window, &content, offset, length, there + 1);
            read_one(&window, &content, offset, length, length);
        }
        content_close(&content);
    }
    window_close(&window);
}

static void beyond_the_end(void **state)
{
    struct window window;
    struct content content;

    (void)state;
    content_make(&content, directory.path, 10000, 3, tested.direct);
    window_open(&window, &tested.backend, 1, ROOM);
    for (unsigned shift = 14; shift < 43; shift++) {
        uint64_t offset = (uint64_t)1 << shift;
        read_one(&window, &content, offset, CONTENT_ALIGNMENT, 1);
        read_one(&window, &content, offset, CONTENT_ALIGNMENT, CONTENT_ALIGNMENT);
    }
    window_close(&window);
    content_close(&content);
}

/* No file has these offsets. -1 stands for "the current position" in some interfaces. */
static void impossible_offsets(void **state)
{
    static const uint64_t offsets[] = {(uint64_t)INT64_MAX + 1, UINT64_MAX - 4095, UINT64_MAX};
    struct window window;
    struct content content;

    (void)state;
    content_make(&content, directory.path, 10000, 4, tested.direct);
    window_open(&window, &tested.backend, 1, ROOM);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        struct ikv_io_request *request = &window.requests[0];
        read_begin(request, &content, &window.rooms[0], offsets[i], CONTENT_ALIGNMENT, 1);
        int code = window.backend->submit(window.io, request);
        if (code == 0) {
            assert_ptr_equal(window.backend->reap(window.io), request);
            code = request->code;
        }
        assert_true(code < 0);
        assert_null(window.backend->reap(window.io));
        read_check_guards(request, &window.rooms[0]);
    }
    window_close(&window);
    content_close(&content);
}

static void large_reads(void **state)
{
    const uint32_t size = 9 << 20;
    struct window window;
    struct content content;

    (void)state;
    content_make(&content, directory.path, size + 777, 5, tested.direct);
    window_open(&window, &tested.backend, 2, (size_t)size + CONTENT_ALIGNMENT);
    read_one(&window, &content, 0, size, size);
    read_one(&window, &content, CONTENT_ALIGNMENT, size, size - CONTENT_ALIGNMENT);
    read_one(&window, &content, 0, size + CONTENT_ALIGNMENT, size + 777);
    read_one(&window, &content, 0, size + CONTENT_ALIGNMENT, size + 778);
    window_close(&window);
    content_close(&content);
}

/* More than one system call moves: a file of holes, read into one piece of memory that is mapped
 * over and over. Only with O_DIRECT, since it would fill the page cache. */
static void more_than_one_call_can(void **state)
{
    const size_t piece = (size_t)4 << 20;
    const size_t length = (size_t)3 << 30; /* more than 0x7ffff000 */
    char path[TMPDIR_PATH_MAX + 32];
    struct ikv_io_file file = {.direct = true, .serial = 1000000};

    (void)state;
    if (!tested.direct || sizeof(void *) < 8 || test_is_sanitized())
        skip();
    (void)snprintf(path, sizeof path, "%s/holes", directory.path);
    file.fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
    assert_true(file.fd >= 0);
    assert_int_equal(ftruncate(file.fd, (off_t)length), 0);
    int pieces = memfd_create("pieces", MFD_CLOEXEC);
    assert_int_equal(ftruncate(pieces, (off_t)piece), 0);
    unsigned char *memory =
        mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (size_t at = 0; at < length; at += piece)
        assert_ptr_equal(
            mmap(memory + at, piece, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, pieces, 0),
            memory + at);
    memset(memory, 0xff, piece);
    const struct ikv_io_options options = {.depth = 1};
    struct ikv_io *io;
    assert_int_equal(tested.backend.create(&options, &io), 0);
    struct ikv_io_request request = {
        .file = &file, .length = (uint32_t)length, .need = (uint32_t)length, .buffer = memory};
    assert_int_equal(tested.backend.submit(io, &request), 0);
    assert_ptr_equal(tested.backend.reap(io), &request);
    assert_int_equal(request.code, 0);
    assert_true(request.retries >= 1);
    for (size_t i = 0; i < piece; i++)
        assert_int_equal(memory[i], 0);
    tested.backend.destroy(io);
    (void)munmap(memory, length);
    (void)close(pieces);
    (void)close(file.fd);
    (void)unlink(path);
}

/* ---------------------------------------------------------------- many reads */

/* `count` random reads from several files through a window of their own. */
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
    content_make(&content, directory.path, 3333333, depth, tested.direct);
    random_reads(depth, count, &content, 1, depth);
    content_close(&content);
    watchdog(0);
}

static void huge_count_at_depth_1(void **state)
{
    (void)state;
    random_reads_at_depth(1, many(tested.direct ? 10000 : 100000));
}

static void huge_count_at_depth_2(void **state)
{
    (void)state;
    random_reads_at_depth(2, many(tested.direct ? 20000 : 100000));
}

static void huge_count_at_depth_256(void **state)
{
    (void)state;
    random_reads_at_depth(256, many(tested.direct ? 50000 : 100000));
}

static void odd_depths(void **state)
{
    static const unsigned depths[] = {3, 5, 17, 100, 257, 1000};

    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++)
        random_reads_at_depth(depths[i], many(3000));
}

/* More than any table of files holds, each read several times. */
static void many_files(void **state)
{
    enum { FILES = 40 };
    struct content files[FILES];

    (void)state;
    for (unsigned i = 0; i < FILES; i++)
        content_make(&files[i], directory.path, 20000 + 1000 * i, 100 + i, tested.direct);
    random_reads(32, many(20000), files, FILES, 6);
    /* One after the other, so that each has its turn in the table. */
    for (unsigned i = 0; i < FILES; i++)
        random_reads(4, 1500, &files[i], 1, 7 + i);
    for (unsigned i = 0; i < FILES; i++)
        content_close(&files[i]);
}

/* A descriptor's number comes back for another file, between reads of one backend object. */
static void file_replaced_under_the_number(void **state)
{
    struct window window;
    struct content first;

    (void)state;
    window_open(&window, &tested.backend, 8, ROOM);
    content_make(&first, directory.path, 50000, 8, tested.direct);
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
        content_make(&other, directory.path, 50000, 1000 + round, tested.direct);
        assert_int_equal(dup3(other.file.fd, number, O_CLOEXEC), number);
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

/* Buffers that the backend was not told about, or that lie only partly in what it was. */
static void buffers_elsewhere(void **state)
{
    const size_t known = (size_t)4 * CONTENT_ALIGNMENT;
    const size_t span = read_room_span(8 * CONTENT_ALIGNMENT);
    struct content content;
    void *memory = NULL;
    struct ikv_io *io;

    (void)state;
    content_make(&content, directory.path, 100000, 9, tested.direct);
    assert_int_equal(posix_memalign(&memory, CONTENT_ALIGNMENT, span), 0);
    /* The room reaches from before the known memory to behind it. */
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

/* ---------------------------------------------------------------- errors */

/* Files that can't be read stand among good ones; only what was asked of them fails. */
static void errors_in_the_middle(void **state)
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
    content_make(&content, directory.path, 300000, 10, tested.direct);
    (void)snprintf(path, sizeof path, "%s/unreadable", directory.path);
    bad[2].fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    window_open(&window, &tested.backend, DEPTH, ROOM);
    for (unsigned round = 0; round < 100; round++) {
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

/* The kernel's own errors come through: a directory, memory that can't be written. */
static void errors_by_name(void **state)
{
    struct window window;
    struct content content;

    (void)state;
    content_make(&content, directory.path, 100000, 11, tested.direct);
    window_open(&window, &tested.backend, 2, ROOM);
    struct ikv_io_file folder = {.fd = open(directory.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                 .serial = 2000003};
    read_begin(&window.requests[0], &content, &window.rooms[0], 0, CONTENT_ALIGNMENT, 1);
    window.requests[0].file = &folder;
    window_submit(&window, 0);
    assert_int_equal(window_reap(&window), 0);
    /* A ring that polls asks for a way of polling first, which directories do not have. */
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

/* One more than `depth` is not taken, and does not turn up later. */
static void more_than_depth(void **state)
{
    enum { DEPTH = 8 };
    struct window window;
    struct content content;
    struct read_room room;
    struct ikv_io_request surplus;

    (void)state;
    content_make(&content, directory.path, 100000, 12, tested.direct);
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

static void depth_zero(void **state)
{
    const struct ikv_io_options options = {.depth = 0};
    struct ikv_io *io = NULL;

    (void)state;
    if (tested.backend.create(&options, &io) == 0)
        tested.backend.destroy(io);
    else
        assert_null(io);
}

/* ---------------------------------------------------------------- the end */

/* After destroy nobody writes to the buffers: what is put there then stays. */
static void destroy_with_reads_under_way(void **state)
{
    enum { DEPTH = 64 };
    struct content content;
    rng_state rng = {13};
    const size_t rounds = test_scaled(200);

    (void)state;
    watchdog(300);
    content_make(&content, directory.path, 16 << 20, 13, tested.direct);
    for (size_t round = 0; round < rounds; round++) {
        const size_t room = (size_t)16 * CONTENT_ALIGNMENT;
        const size_t span = read_room_span(room);
        struct window window;
        unsigned reaped = (unsigned)rng_below(&rng, DEPTH);
        window_open(&window, &tested.backend, DEPTH, room);
        if (!tested.direct)
            (void)posix_fadvise(content.file.fd, 0, 0, POSIX_FADV_DONTNEED);
        for (unsigned i = 0; i < DEPTH; i++) {
            read_begin_random(&window.requests[i], &content, &window.rooms[i], &rng);
            window_submit(&window, i);
        }
        for (unsigned n = 0; n < reaped; n++)
            (void)window_reap(&window);
        window.backend->destroy(window.io);
        window.io = NULL;
        memset(window.memory, 0x3c, DEPTH * span);
        const struct timespec pause = {.tv_nsec = 2000000};
        (void)nanosleep(&pause, NULL);
        for (size_t i = 0; i < DEPTH * span; i++)
            if (window.memory[i] != 0x3c)
                fail_msg("byte %zu was written after destroy", i);
        window_close(&window);
    }
    content_close(&content);
    watchdog(0);
}

/* A ring that polls for completions needs a device that can be polled. */
static void require_support(void)
{
    struct window window;
    struct content content;

    content_make(&content, directory.path, CONTENT_ALIGNMENT, 14, tested.direct);
    window_open(&window, &tested.backend, 1, ROOM);
    read_begin(&window.requests[0], &content, &window.rooms[0], 0, CONTENT_ALIGNMENT, 1);
    window_submit(&window, 0);
    (void)window_reap(&window);
    int code = window.requests[0].code;
    window_close(&window);
    content_close(&content);
    if (code != -EOPNOTSUPP)
        return;
    tmpdir_remove(&directory);
    (void)fprintf(stderr, "skipped: the device can't do this: %s\n", ikv_strerror(code));
    exit(77);
}

static int group_setup(void **state)
{
    (void)state;
    tmpdir_make(&directory);
    require_support();
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    tmpdir_remove(&directory);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_do),
        cmocka_unit_test(offsets_and_lengths),
        cmocka_unit_test(end_of_file),
        cmocka_unit_test(beyond_the_end),
        cmocka_unit_test(impossible_offsets),
        cmocka_unit_test(large_reads),
        cmocka_unit_test(more_than_one_call_can),
        cmocka_unit_test(huge_count_at_depth_1),
        cmocka_unit_test(huge_count_at_depth_2),
        cmocka_unit_test(huge_count_at_depth_256),
        cmocka_unit_test(odd_depths),
        cmocka_unit_test(many_files),
        cmocka_unit_test(file_replaced_under_the_number),
        cmocka_unit_test(buffers_elsewhere),
        cmocka_unit_test(errors_in_the_middle),
        cmocka_unit_test(errors_by_name),
        cmocka_unit_test(more_than_depth),
        cmocka_unit_test(depth_zero),
        cmocka_unit_test(destroy_with_reads_under_way),
    };
    const char *name = argc > 1 ? argv[1] : "pread";

    if (!variant_find(name, &tested)) {
        (void)fprintf(stderr, "no such backend: %s\n", name);
        return 2;
    }
    variant_require(&tested);
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    return cmocka_run_group_tests_name(name, tests, group_setup, group_teardown);
}
