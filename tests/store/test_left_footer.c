/*
 * Plain files of the crate that end with the footer of a native store, as an attacker, rewriting in
 * place or a failing disk may leave them; and native stores with a flipped bit in the header, which
 * look like such files but are damaged.
 */
#include "indexkv.h"

#include "fault_io.h"
#include "open_checks.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define HEADER_SIZE     24u
#define COMPLETED       2u  /* offset of the field */
#define SPARE           19u /* offset of the 5 bytes that are undefined in the crate's files */
#define PAIRS           100u

/* Values of the same size, except the first, so that the records end at `records_end`. */
static void fill_up_to(store_model *model, uint64_t records_end, uint32_t surplus)
{
    const uint64_t bytes = records_end - HEADER_SIZE - PAIRS * (4 + surplus);
    unsigned char *value = must_malloc((size_t)bytes);

    memset(value, 'v', (size_t)bytes);
    for (uint64_t key = 0; key < PAIRS; key++) {
        const uint64_t size = bytes / PAIRS;

        model_add(model, &key, value, (size_t)(key ? size : bytes - (PAIRS - 1) * size));
    }
    model_sort(model, MODEL_KEEP_ALL);
    free(value);
}

static void write_filled(const char *path, uint32_t flags, uint64_t records_end,
                         store_model *ret_model)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    store_model model;

    options.flags = flags;
    model_init(&model, IKV_KEY_U64);
    fill_up_to(&model, records_end, flags & IKV_WRITE_PLAIN ? 0 : 4);
    store_write(path, &model, &options);
    if (ret_model != NULL)
        *ret_model = model;
    else
        model_free(&model);
}

/* Overwrites the beginning of a file as the crate does. Keeps the header's spare bytes. */
static void rewrite_in_place(void **state, const char *path, uint64_t records_end,
                             store_model *ret_model)
{
    char *plain = tmpdir_file(*state, "plain");
    unsigned char *bytes;
    size_t size;

    write_filled(plain, IKV_WRITE_PLAIN, records_end, ret_model);
    bytes = file_read(plain, &size);
    file_patch(path, 0, bytes, SPARE);
    file_patch(path, HEADER_SIZE, bytes + HEADER_SIZE, size - HEADER_SIZE);
    assert_int_equal(unlink(plain), 0);
    free(bytes);
    free(plain);
}

static void assert_is_plain(const char *path, const store_model *model)
{
    ikv_store *store = store_open(path, IKV_KEY_U64, 0, 0);
    ikv_info info;

    ikv_store_info(store, &info);
    assert_int_equal(info.has_trailer, 0);
    ikv_close(store);
    assert_store_equals(path, model);
}

/* ---------------------------------------------------------------- rewritten in place */

/* With the same number of pairs and an index start that differs in one byte, only one byte of the
 * header changes. */
static void rewriting_may_change_one_byte_of_the_header(void **state)
{
    static const struct {
        uint64_t native;
        uint64_t plain;
    } index_starts[] = {
        {0x1000, 0x1001}, {0x1000, 0x1040},   {0x1000, 0x0e00},     {0x2000, 0x2001},
        {0x2000, 0x1000}, {0x31000, 0x11000}, {0x200000, 0x100000}, /* the first block is not the
                                                                       only one */
    };
    char *path = tmpdir_file(*state, "rewritten");

    for (size_t i = 0; i < COUNT_OF(index_starts); i++) {
        unsigned char *before;
        unsigned char *after;
        unsigned differing = 0;
        store_model model;
        size_t size;

        write_filled(path, 0, index_starts[i].native, NULL);
        before = file_read(path, &size);
        /* The leaves of a clustered store take more: its index starts later. */
        const uint64_t start = edit_load(before + 11, 8);
        const uint64_t plain = start ^ index_starts[i].native ^ index_starts[i].plain;
        if (plain < HEADER_SIZE + 8 * PAIRS ||
            plain > start + 0x40) { /* too few or too many bytes */
            free(before);
            continue;
        }
        rewrite_in_place(state, path, plain, &model);
        assert_int_equal(file_size(path), size);
        after = file_read(path, &size);
        for (size_t at = 0; at < HEADER_SIZE; at++)
            differing += before[at] != after[at];
        assert_int_equal(differing, 1);
        assert_memory_equal(before + size - EDIT_FOOTER_SIZE, after + size - EDIT_FOOTER_SIZE,
                            EDIT_FOOTER_SIZE);
        assert_open_fails(path, IKV_KEY_NONE, IKV_E_KEY_TYPE_MISSING);
        assert_is_plain(path, &model);
        model_free(&model);
        free(before);
        free(after);
    }
    free(path);
}

/* ---------------------------------------------------------------- a flipped bit */

static void flip_every_bit_of_the_header(const char *path)
{
    for (unsigned bit = 0; bit < 8 * HEADER_SIZE; bit++) {
        const int expected = bit == 8 * COMPLETED ? IKV_E_INCOMPLETE : IKV_E_HEADER;

        file_flip_bit(path, bit);
        assert_open_fails(path, IKV_KEY_U64, expected);
        assert_open_fails(path, IKV_KEY_NONE, expected);
        file_flip_bit(path, bit);
    }
    assert_opens(path, IKV_KEY_NONE, 0);
}

static void a_flipped_bit_is_damage(void **state)
{
    static const uint64_t index_starts[] = {0x1000, 0x2000, 0x31000, 0x200000};
    char *path = tmpdir_file(*state, "flipped");

    for (size_t i = 0; i < COUNT_OF(index_starts); i++) {
        write_filled(path, 0, index_starts[i], NULL);
        flip_every_bit_of_the_header(path);
    }
    free(path);
}

/* With few pairs or none, the record area has few bytes or none that reveal the damage. */
static void a_flipped_bit_of_a_small_store_is_damage(void **state)
{
    char *path = tmpdir_file(*state, "small");

    for (size_t count = 0; count < 4; count++) {
        write_native(path, IKV_KEY_U64, count, NULL);
        flip_every_bit_of_the_header(path);
    }
    free(path);
}

/* ---------------------------------------------------------------- forged footers */

/* A plain file with a valid footer that claims an index start in the header or anywhere else. */
static void a_forged_index_start(void **state)
{
    static const uint64_t index_starts[] = {0, 1, 3, 23, 24, 25, 4095, 1 << 20, UINT64_MAX};
    char *path = tmpdir_file(*state, "forged");

    for (size_t i = 0; i < COUNT_OF(index_starts); i++) {
        store_image image;
        store_model model;

        write_filled(path, 0, 0x2000, NULL);
        image_load(path, &image);
        edit_store(image.bytes + image_footer(&image) + 48 + 11, 8, index_starts[i]);
        image_repair_footer(&image);
        image_save(&image, path);
        image_free(&image);
        rewrite_in_place(state, path, 0x1000, &model);
        assert_is_plain(path, &model);
        model_free(&model);
    }
    free(path);
}

/* ---------------------------------------------------------------- failing reads */

/* A failed read is reported: the file is taken neither for a plain nor for a native store. */
static void read_errors_are_returned(void **state)
{
    static const int errors[] = {EIO, ENOMEM, ESTALE, EACCES, ETIMEDOUT, EPERM, ENXIO};
    char *path = tmpdir_file(*state, "rewritten");
    fault_plan plan = {.calls = FAULT_BIT(FAULT_READ), .action = FAULT_NOTHING};
    store_model model;
    ikv_error err;

    write_filled(path, 0, 0x2000, NULL);
    rewrite_in_place(state, path, 0x1000, &model);
    fault_start(&plan, NULL, NULL);
    assert_int_equal(open_as(path, IKV_KEY_U64, 0, &err), 0);
    const uint64_t reads = fault_stop().calls;
    /* Header, footer, directory, checksum of the first block, the block. */
    assert_in_range(reads, 5, 100);
    plan.action = FAULT_FAIL;
    for (plan.index = 0; plan.index < reads; plan.index++)
        for (size_t i = 0; i < COUNT_OF(errors); i++) {
            plan.error = errors[i];
            fault_start(&plan, NULL, NULL);
            int code = open_as(path, IKV_KEY_U64, 0, &err);
            assert_int_equal(fault_stop().faults, 1);
            assert_failed(code, -errors[i], &err, path);
        }
    assert_is_plain(path, &model);
    model_free(&model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewriting_may_change_one_byte_of_the_header),
        cmocka_unit_test(a_flipped_bit_is_damage),
        cmocka_unit_test(a_flipped_bit_of_a_small_store_is_damage),
        cmocka_unit_test(a_forged_index_start),
        cmocka_unit_test_teardown(read_errors_are_returned, stop_faults),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
