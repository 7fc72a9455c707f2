/*
 * Native stores rewritten in place by the crate: it overwrites the beginning of the file with
 * header, records and index, but does not truncate it, so the footer is still there. Such files are
 * plain v2 files. Native stores with damaged headers, which look similar, are not.
 */
#include "indexkv.h"

#include "hostkey.h"
#include "model.h"
#include "open_checks.h"
#include "rng.h"
#include "stores.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HEADER_SIZE 24
#define SPARE       19 /* offset of the 5 bytes that are undefined in the crate's files */

typedef enum spare_bytes { SPARE_KEPT, SPARE_ZERO, SPARE_GARBAGE, SPARE_CASES } spare_bytes;

/* Overwrites an existing file as the crate does. */
static void rewrite_as_crate(tmpdir *dir, const char *path, const store_model *model,
                             spare_bytes spare)
{
    ikv_writer_options options = store_options(model->type);
    char *plain = tmpdir_file(dir, "plain");
    rng_state random = {9};
    unsigned char *bytes;
    size_t size;

    options.flags = IKV_WRITE_PLAIN;
    store_write(plain, model, &options);
    bytes = file_read(plain, &size);
    if (spare == SPARE_GARBAGE)
        rng_fill(&random, bytes + SPARE, HEADER_SIZE - SPARE);
    file_patch(path, 0, bytes, spare == SPARE_KEPT ? SPARE : HEADER_SIZE);
    file_patch(path, HEADER_SIZE, bytes + HEADER_SIZE, size - HEADER_SIZE);
    free(bytes);
    assert_int_equal(unlink(plain), 0);
    free(plain);
}

static void a_rewritten_store_is_plain(void **state)
{
    static const size_t counts[] = {0, 1, 10, 99, 100, 101, 150};
    char *path = tmpdir_file(*state, "rewritten");

    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
        for (int spare = 0; spare < SPARE_CASES; spare++) {
            rng_state random = {counts[c]};
            store_model model;
            uint64_t size;
            ikv_store *store;
            ikv_info info;

            write_native(path, IKV_KEY_I64, 100, NULL);
            size = file_size(path);
            model_init(&model, IKV_KEY_I64);
            model_fill(&model, &random, counts[c], MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
            rewrite_as_crate(*state, path, &model, (spare_bytes)spare);
            assert_int_equal(file_size(path), size); /* the footer is still there */
            assert_open_fails(path, IKV_KEY_NONE, IKV_E_KEY_TYPE_MISSING);
            store = store_open(path, IKV_KEY_I64, 0, 0);
            ikv_store_info(store, &info);
            assert_int_equal(info.has_trailer, 0);
            ikv_close(store);
            assert_store_equals(path, &model);
            model_free(&model);
        }
    free(path);
}

/* A longer file: the footer is overwritten. */
static void a_store_rewritten_with_more_pairs_is_plain(void **state)
{
    char *path = tmpdir_file(*state, "longer");

    for (size_t count = 300; count < 3000; count += 900) {
        rng_state random = {count};
        store_model model;

        write_native(path, IKV_KEY_U32, 100, NULL);
        model_init(&model, IKV_KEY_U32);
        model_fill(&model, &random, count, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
        rewrite_as_crate(*state, path, &model, SPARE_KEPT);
        assert_store_equals(path, &model);
        model_free(&model);
    }
    free(path);
}

/* Rewriting that was interrupted: the crate writes completed = 0 first. */
static void interrupted_rewriting_is_incomplete(void **state)
{
    char *path = tmpdir_file(*state, "unfinished");
    unsigned char header[HEADER_SIZE] = {2};

    for (int spare = 0; spare < 2; spare++) {
        write_native(path, IKV_KEY_U64, 100, NULL);
        file_patch(path, 0, header, spare == SPARE_KEPT ? SPARE : HEADER_SIZE);
        assert_open_fails(path, IKV_KEY_U64, IKV_E_INCOMPLETE);
        assert_open_fails(path, IKV_KEY_NONE, IKV_E_INCOMPLETE);
    }
    free(path);
}

/* ---------------------------------------------------------------- damage */

/* Even with a key type given, a native store with a damaged header is not opened as a plain file,
 * whose values would include checksums. */
static void a_damaged_header_is_not_plain(void **state)
{
    char *path = tmpdir_file(*state, "damaged");
    unsigned char *bytes;
    size_t size;

    write_native(path, IKV_KEY_U64, 100, NULL);
    bytes = file_read(path, &size);
    for (size_t at = 0; at < HEADER_SIZE; at++)
        for (unsigned change = 1; change < 256; change++) {
            ikv_error err;
            unsigned char byte = (unsigned char)(bytes[at] ^ change);

            file_patch(path, at, &byte, 1);
            if (open_as(path, IKV_KEY_U64, 0, &err) == 0 || open_as(path, 0, 0, &err) == 0)
                fail_msg("opens with byte %zu of the header changed by %#x", at, change);
            file_patch(path, at, bytes + at, 1);
        }
    free(bytes);
    free(path);
}

/* The header differs from the copy in the footer, but the records are unchanged: the header is
 * damaged, not rewritten. */
static void a_widely_damaged_header_is_not_plain(void **state)
{
    static const struct {
        size_t offset;
        size_t size;
        const char *bytes;
    } cases[] = {
        {SPARE, 5, "\0\0\0\0\0"},    {SPARE, 5, "abcde"}, {3, 2, "\5\1"},
        {3, 8, "\60\0\0\0\0\0\0\0"}, {12, 2, "\1\1"},
    };
    char *path = tmpdir_file(*state, "damaged");

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ikv_error err;
        int code;

        write_native(path, IKV_KEY_U64, 1000, NULL);
        file_patch(path, cases[i].offset, cases[i].bytes, cases[i].size);
        code = open_as(path, IKV_KEY_U64, 0, &err);
        if (code == 0)
            fail_msg("case %zu opens", i);
        assert_failed(code, code, &err, path);
    }
    free(path);
}

/* A store without a v2 index has the header of an empty one of the crate, except for the tag. */
static void a_damaged_tag_does_not_hide_pairs(void **state)
{
    static const char *const tags[] = {"\0\0\0\0\0", "abcde", "\377\377\377\377\377"};
    char *path = tmpdir_file(*state, "damaged");

    for (size_t count = 1; count < 3000; count *= 7)
        for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
            ikv_writer_options options = store_options(IKV_KEY_U64);
            rng_state random = {count};
            store_model model;

            options.layout = IKV_LAYOUT_CLUSTERED;
            options.flags = IKV_WRITE_NO_V2_INDEX;
            model_init(&model, IKV_KEY_U64);
            model_fill(&model, &random, count, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
            store_write(path, &model, &options);
            model_free(&model);
            assert_opens(path, IKV_KEY_U64, 0);
            file_patch(path, SPARE, tags[i], HEADER_SIZE - SPARE);
            assert_open_fails(path, IKV_KEY_U64, IKV_E_HEADER);
            assert_open_fails(path, IKV_KEY_NONE, IKV_E_HEADER);
        }
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rewritten_store_is_plain),
        cmocka_unit_test(a_store_rewritten_with_more_pairs_is_plain),
        cmocka_unit_test(interrupted_rewriting_is_incomplete),
        cmocka_unit_test(a_damaged_header_is_not_plain),
        cmocka_unit_test(a_widely_damaged_header_is_not_plain),
        cmocka_unit_test(a_damaged_tag_does_not_hide_pairs),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
