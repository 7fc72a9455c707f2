/* Single reads: offsets, lengths, the end of the file. */
#include "suite.h"

#include "platform.h"
#include "scale.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

void nothing_to_do(void **state)
{
    struct window window;

    (void)state;
    tested.backend.destroy(NULL);
    window_open(&window, &tested.backend, 1, ROOM);
    assert_null(window.backend->reap(window.io));
    assert_false(window_has_finished(&window));
    assert_null(window.backend->reap(window.io));
    window_close(&window);
}

void offsets_and_lengths(void **state)
{
    static const uint32_t offsets[] = {0, 1, 7, 511, 512, 4095, 4096, 4097, 8191, 65536, 99999};
    static const uint32_t lengths[] = {1, 2, 3, 16, 511, 513, 4095, 4096, 4097, 8192, 12289};
    struct window window;
    struct content content;

    (void)state;
    content_make(&content, group_dir.path, 200000, 1, tested.direct);
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

/* Direct reads of single sectors, if the disk has sectors of 512 bytes. */
void sectors(void **state)
{
    const uint32_t sector = 512;
    struct window window;
    struct content content;

    (void)state;
    if (!tested.direct)
        skip();
    content_make(&content, group_dir.path, 20000, 15, true);
    content.file.align = sector;
    window_open(&window, &tested.backend, 2, ROOM);
    read_begin(&window.requests[0], &content, &window.rooms[0], sector, sector, sector);
    window_submit(&window, 0);
    (void)window_reap(&window);
    bool can = window.requests[0].code != -EINVAL;
    for (uint32_t offset = 0; can && offset < 24 * 1024; offset += sector)
        for (uint32_t length = sector; length <= ROOM; length += 5 * sector) {
            read_one(&window, &content, offset, length, 1);
            read_one(&window, &content, offset, length, length);
            read_one(&window, &content, offset, length, length - 100);
        }
    window_close(&window);
    content_close(&content);
    if (!can)
        skip();
}

/* Files with sizes around page and sector boundaries; reads that end at, begin at or extend past
 * the end of the file, with every kind of `need`. */
void end_of_file(void **state)
{
    static const uint64_t sizes[] = {0, 1, 100, 511, 512, 513, 4095, 4096, 4097, 5000, 8192, 12289};
    struct window window;

    (void)state;
    window_open(&window, &tested.backend, 2, ROOM);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct content content;
        const uint64_t size = sizes[i];
        if (size == 0 && tested.is_remote)
            continue; /* refused when it is opened */
        content_make(&content, group_dir.path, size, 2 + i, tested.direct);
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

void beyond_the_end(void **state)
{
    struct window window;
    struct content content;

    (void)state;
    content_make(&content, group_dir.path, 10000, 3, tested.direct);
    window_open(&window, &tested.backend, 1, ROOM);
    for (unsigned shift = 14; shift < 43; shift++) {
        uint64_t offset = (uint64_t)1 << shift;
        read_one(&window, &content, offset, CONTENT_ALIGNMENT, 1);
        read_one(&window, &content, offset, CONTENT_ALIGNMENT, CONTENT_ALIGNMENT);
    }
    window_close(&window);
    content_close(&content);
}

/* Offsets that no file can have. -1 means the current position in some interfaces. */
void impossible_offsets(void **state)
{
    static const uint64_t offsets[] = {(uint64_t)INT64_MAX + 1, UINT64_MAX - 4095, UINT64_MAX};
    struct window window;
    struct content content;

    (void)state;
    content_make(&content, group_dir.path, 10000, 4, tested.direct);
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

void large_reads(void **state)
{
    const uint32_t size = 9 << 20;
    struct window window;
    struct content content;

    (void)state;
    content_make(&content, group_dir.path, size + 777, 5, tested.direct);
    window_open(&window, &tested.backend, 2, (size_t)size + CONTENT_ALIGNMENT);
    read_one(&window, &content, 0, size, size);
    read_one(&window, &content, CONTENT_ALIGNMENT, size, size - CONTENT_ALIGNMENT);
    read_one(&window, &content, 0, size + CONTENT_ALIGNMENT, size + 777);
    read_one(&window, &content, 0, size + CONTENT_ALIGNMENT, size + 778);
    window_close(&window);
    content_close(&content);
}

/* A read longer than one system call can transfer: a sparse file, read into pages that are mapped
 * repeatedly. Only with O_DIRECT, since it would fill the page cache. */
void more_than_one_call_can(void **state)
{
    const size_t piece = (size_t)4 << 20;
    const size_t length = ((size_t)2 << 30) + piece; /* more than 0x7ffff000 */
    char path[TMPDIR_PATH_MAX + 32];
    char path_of_pieces[TMPDIR_PATH_MAX + 32];
    struct ikv_io_file file = {.direct = true, .align = CONTENT_ALIGNMENT, .serial = 1000000};

    (void)state;
    if (!tested.direct || sizeof(void *) < 8 || test_is_sanitized())
        skip();
    (void)snprintf(path, sizeof path, "%s/holes", group_dir.path);
    (void)snprintf(path_of_pieces, sizeof path_of_pieces, "%s/pieces", group_dir.path);
    file.fd = test_open_direct(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file.fd >= 0);
    assert_int_equal(ftruncate(file.fd, (off_t)length), 0);
    int pieces = open(path_of_pieces, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(unlink(path_of_pieces), 0);
    assert_int_equal(ftruncate(pieces, (off_t)piece), 0);
    unsigned char *memory =
        mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | TEST_MAP_NORESERVE, -1, 0);
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
