/*
 * All errors of ikv_open but those of damaged trailers (test_bad_trailer.c): not a store,
 * incomplete, truncated, of another version, not a regular file. Each with its exact code, and a
 * message that names the file.
 */
#include "indexkv.h"

#include "model.h"
#include "open_checks.h"
#include "rng.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define HEADER_SIZE     24

/* ---------------------------------------------------------------- not a store */

static void other_content_is_not_a_store(void **state)
{
    static const char text[] = "To be, or not to be, that is the question: whether 'tis nobler\n";
    char *path = tmpdir_file(*state, "other");
    unsigned char bytes[5000];
    rng_state random = {1};

    for (size_t size = 0; size < HEADER_SIZE; size++) {
        memset(bytes, 2, sizeof(bytes));
        file_write(path, bytes, size);
        assert_open_fails(path, IKV_KEY_U64, IKV_E_NOT_STORE);
    }
    file_write(path, text, sizeof(text) - 1);
    assert_open_fails(path, IKV_KEY_U64, IKV_E_NOT_STORE);
    file_write(path,
               "\x7f"
               "ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\x3e\0\1\0\0\0",
               24);
    assert_open_fails(path, IKV_KEY_U64, IKV_E_NOT_STORE);
    memset(bytes, 0, sizeof(bytes));
    file_write(path, bytes, sizeof(bytes));
    assert_open_fails(path, IKV_KEY_U64, IKV_E_NOT_STORE);
    rng_fill(&random, bytes, sizeof(bytes));
    file_write(path, bytes, sizeof(bytes));
    assert_open_fails(path, IKV_KEY_U64, IKV_E_NOT_STORE);
    /* Version 2, but completed is neither 0 nor 1. */
    memcpy(bytes, "\2\0\2", 3);
    file_write(path, bytes, sizeof(bytes));
    assert_open_fails(path, IKV_KEY_U64, IKV_E_NOT_STORE);
    free(path);
}

static void other_versions_are_refused(void **state)
{
    static const unsigned versions[] = {1, 3, 4, 100, 255};
    char *path = tmpdir_file(*state, "version");

    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        unsigned char number[2] = {(unsigned char)versions[i], 0};

        write_plain(path, IKV_KEY_U64, 10, 0, NULL);
        file_patch(path, 0, number, 2);
        assert_open_fails(path, IKV_KEY_U64, IKV_E_VERSION);
        assert_open_fails(path, IKV_KEY_NONE, IKV_E_VERSION);
    }
    free(path);
}

static void unfinished_files_are_incomplete(void **state)
{
    char *path = tmpdir_file(*state, "unfinished");
    unsigned char header[HEADER_SIZE] = {2, 0, 0};
    store_image image;
    store_model model;

    file_write(path, header, sizeof(header));
    assert_open_fails(path, IKV_KEY_U64, IKV_E_INCOMPLETE);
    write_plain(path, IKV_KEY_U64, 10, 0, NULL);
    file_patch(path, 2, "\0", 1);
    assert_open_fails(path, IKV_KEY_U64, IKV_E_INCOMPLETE);
    /* A native store that is marked incomplete in all places. */
    write_native(path, IKV_KEY_U64, 10, &model);
    image_load(path, &image);
    image.bytes[2] = 0;
    image_repair_header(&image);
    image_repair_footer(&image);
    image_save(&image, path);
    assert_open_fails(path, IKV_KEY_NONE, IKV_E_INCOMPLETE);
    image_free(&image);
    model_free(&model);
    free(path);
}

/* ---------------------------------------------------------------- truncated */

/* A plain file ends with the index, so any truncation is detected. */
static void truncated_plain_files_are_refused(void **state)
{
    static const ikv_key_type types[] = {IKV_KEY_U8, IKV_KEY_I64, IKV_KEY_BYTES(20)};
    char *path = tmpdir_file(*state, "cut");

    for (size_t t = 0; t < COUNT_OF(types); t++) {
        uint64_t size;
        size_t bytes_size;
        unsigned char *bytes;

        write_plain(path, types[t], 9, 0, NULL);
        bytes = file_read(path, &bytes_size);
        size = bytes_size;
        for (uint64_t cut = 0; cut < size; cut++) {
            file_write(path, bytes, (size_t)cut);
            assert_open_fails(path, types[t],
                              cut < HEADER_SIZE ? IKV_E_NOT_STORE : IKV_E_TRUNCATED);
        }
        file_write(path, bytes, (size_t)size);
        assert_opens(path, types[t], 0);
        free(bytes);
    }
    free(path);
}

static void truncated_native_stores_are_refused(void **state)
{
    char *path = tmpdir_file(*state, "cut");
    store_model model;
    store_image image;
    size_t index_end;

    write_native(path, IKV_KEY_U64, 9, &model);
    image_load(path, &image);
    index_end = image_index_end(&image);
    for (size_t cut = 0; cut < image.size; cut++) {
        int expected = cut < HEADER_SIZE ? IKV_E_NOT_STORE
                       : cut < index_end ? IKV_E_TRUNCATED
                                         : IKV_E_FOOTER;
        /* Given a key type, the footer is still needed. */
        ikv_key_type type = cut % 2 == 0 ? IKV_KEY_NONE : IKV_KEY_U64;
        ikv_error err;

        file_write(path, image.bytes, cut);
        assert_failed(open_as(path, type, 0, &err), expected, &err, path);
    }
    image_free(&image);
    model_free(&model);
    free(path);
}

static void bytes_after_the_footer_are_refused(void **state)
{
    static const size_t extra[] = {1, 7, 96, 4096};
    char *path = tmpdir_file(*state, "longer");
    store_model model;
    size_t size;
    unsigned char *bytes;

    write_native(path, IKV_KEY_U64, 9, &model);
    bytes = file_read(path, &size);
    for (size_t i = 0; i < COUNT_OF(extra); i++) {
        unsigned char *longer = must_malloc(size + extra[i]);

        memcpy(longer, bytes, size);
        memset(longer + size, 0, extra[i]);
        file_write(path, longer, size + extra[i]);
        assert_open_fails(path, IKV_KEY_U64, IKV_E_FOOTER);
        /* A copy of the footer at the new end has another file size. */
        memcpy(longer + size + extra[i] - 96 * (extra[i] >= 96), bytes + size - 96,
               extra[i] >= 96 ? 96 : 0);
        file_write(path, longer, size + extra[i]);
        assert_open_fails(path, IKV_KEY_U64, IKV_E_FOOTER);
        free(longer);
    }
    free(bytes);
    model_free(&model);
    free(path);
}

static void header_fields_are_bounded(void **state)
{
    static const struct {
        size_t offset;
        uint64_t number;
        int expected;
    } cases[] = {
        {3, 11, IKV_E_TRUNCATED}, /* one pair too many */
        {3, UINT64_MAX, IKV_E_TRUNCATED},
        {3, UINT64_MAX / 16 + 2, IKV_E_TRUNCATED}, /* count * stride wraps to 16 */
        {3, UINT64_C(1) << 60, IKV_E_TRUNCATED},   /* ... to 0 */
        {3, UINT64_C(1) << 63, IKV_E_TRUNCATED},
        {11, 0, IKV_E_HEADER},
        {11, 23, IKV_E_HEADER},
        {11, 100000, IKV_E_TRUNCATED}, /* beyond the end */
        {11, UINT64_MAX, IKV_E_TRUNCATED},
        {11, UINT64_MAX - 159, IKV_E_TRUNCATED}, /* start + count * stride wraps to 0 */
        {11, UINT64_C(1) << 63, IKV_E_TRUNCATED},
        {11, 24, IKV_E_HEADER}, /* no room for the records of 10 pairs */
        {11, 24 + 4 * 9, IKV_E_HEADER},
    };
    char *path = tmpdir_file(*state, "fields");

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned char number[8];

        write_plain(path, IKV_KEY_U64, 10, 0, NULL);
        edit_store(number, 8, cases[i].number);
        file_patch(path, cases[i].offset, number, 8);
        assert_open_fails(path, IKV_KEY_U64, cases[i].expected);
    }
    free(path);
}

/* ---------------------------------------------------------------- not regular files */

static void other_kinds_of_files_are_refused(void **state)
{
    const tmpdir *dir = *state;
    char *path = tmpdir_file(dir, "thing");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener;

    assert_open_fails(dir->path, IKV_KEY_U64, IKV_E_NOT_REGULAR);
    assert_open_fails("/dev/null", IKV_KEY_U64, IKV_E_NOT_REGULAR);
    assert_open_fails("/dev/zero", IKV_KEY_U64, IKV_E_NOT_REGULAR);

    /* A FIFO without a writer: if opening it blocks, the alarm ends the test. */
    assert_int_equal(mkfifo(path, 0600), 0);
    (void)alarm(20);
    assert_open_fails(path, IKV_KEY_U64, IKV_E_NOT_REGULAR);
    (void)alarm(0);
    assert_int_equal(unlink(path), 0);

    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(listener >= 0);
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_open_fails(path, IKV_KEY_U64, IKV_E_NOT_REGULAR);
    assert_int_equal(close(listener), 0);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static void system_errors_are_returned(void **state)
{
    const tmpdir *dir = *state;
    char *path = tmpdir_file(dir, "absent");
    char *inside = tmpdir_file(dir, "file/inside");
    char *file = tmpdir_file(dir, "file");

    assert_open_fails(path, IKV_KEY_U64, -ENOENT);
    file_write(file, "x", 1);
    assert_open_fails(inside, IKV_KEY_U64, -ENOTDIR);
    assert_int_equal(symlink("absent", path), 0);
    assert_open_fails(path, IKV_KEY_U64, -ELOOP);
    assert_int_equal(unlink(path), 0);
    if (geteuid() != 0) {
        assert_int_equal(chmod(file, 0), 0);
        assert_open_fails(file, IKV_KEY_U64, -EACCES);
    }
    free(path);
    free(inside);
    free(file);
}

static void symbolic_links_are_followed(void **state)
{
    char *path = tmpdir_file(*state, "target");
    char *link = tmpdir_file(*state, "link");
    store_model model;

    write_native(path, IKV_KEY_U64, 100, &model);
    assert_int_equal(symlink("target", link), 0);
    assert_store_equals(link, &model);
    assert_int_equal(unlink(link), 0);
    model_free(&model);
    free(path);
    free(link);
}

static void long_paths_are_shortened(void **state)
{
    char name[200];
    char path[TMPDIR_PATH_MAX];
    const tmpdir *dir = *state;
    ikv_error err;

    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    snprintf(path, sizeof(path), "%.1000s/%s/%s/the-end", dir->path, name, name);
    assert_int_equal(open_as(path, IKV_KEY_U64, 0, &err), -ENOENT);
    assert_int_equal(strlen(err.file), sizeof(err.file) - 1);
    assert_memory_equal(err.file, "...", 3);
    assert_string_equal(err.file + strlen(err.file) - 7, "the-end");
    assert_non_null(strstr(err.message, err.file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_content_is_not_a_store),
        cmocka_unit_test(other_versions_are_refused),
        cmocka_unit_test(unfinished_files_are_incomplete),
        cmocka_unit_test(truncated_plain_files_are_refused),
        cmocka_unit_test(truncated_native_stores_are_refused),
        cmocka_unit_test(bytes_after_the_footer_are_refused),
        cmocka_unit_test(header_fields_are_bounded),
        cmocka_unit_test(other_kinds_of_files_are_refused),
        cmocka_unit_test(system_errors_are_returned),
        cmocka_unit_test(symbolic_links_are_followed),
        cmocka_unit_test(long_paths_are_shortened),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
