/*
 * Valid trailers that differ from those of the writer: unknown optional sections, absent or longer
 * sections, another order. So the format can be extended.
 */
#include "indexkv.h"

#include "bad_files.h"
#include "model.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct good_store {
    char *path;
    store_model model;
    store_image image;
} good_store;

static void set_up(void **state, good_store *ret)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    rng_state random = {7};

    ret->path = tmpdir_file(*state, "good");
    options.metadata = "m";
    options.metadata_size = 1;
    model_init(&ret->model, IKV_KEY_U64);
    model_fill(&ret->model, &random, 700, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
    store_write(ret->path, &ret->model, &options);
    image_load(ret->path, &ret->image);
}

static void tear_down(good_store *good)
{
    image_free(&good->image);
    model_free(&good->model);
    free(good->path);
}

/* Recomputes checksums and saves: the store has its pairs, and verify finds no problem. */
static void assert_good(good_store *good)
{
    ikv_error err;

    image_repair(&good->image);
    image_save(&good->image, good->path);
    assert_store_equals(good->path, &good->model);
    assert_never_wrong(good->path, &good->model, IKV_KEY_NONE);
    assert_ok(ikv_verify(good->path, NULL, NULL, NULL, &err), &err);
}

static void recomputed_checksums_are_the_same(void **state)
{
    good_store good;
    store_image before;

    set_up(state, &good);
    before = image_copy(&good.image);
    image_repair(&good.image);
    assert_int_equal(good.image.size, before.size);
    assert_memory_equal(good.image.bytes, before.bytes, before.size);
    image_free(&before);
    assert_good(&good);
    tear_down(&good);
}

static void unknown_optional_sections_are_skipped(void **state)
{
    static const char content[16] = "from the future";
    good_store good;
    size_t directory;
    ikv_error err;

    set_up(state, &good);
    directory = image_directory(&good.image);
    image_splice(&good.image, directory, 0, content, sizeof(content));
    image_add_entry(&good.image, 1000, EDIT_FLAG_OPTIONAL, directory, sizeof(content));
    assert_good(&good);

    /* Readers skip it, but verify checks its checksum. */
    good.image.bytes[directory] ^= 1;
    image_save(&good.image, good.path);
    assert_store_equals(good.path, &good.model);
    assert_failed(ikv_verify(good.path, NULL, NULL, NULL, &err), IKV_E_SECTION, &err, good.path);
    good.image.bytes[directory] ^= 1;

    /* Without the flag. */
    edit_store(good.image.bytes + image_entry(&good.image, 1000) + EDIT_FLAGS, 4, 0);
    image_repair(&good.image);
    image_save(&good.image, good.path);
    assert_failed(ikv_open(good.path, NULL, &(ikv_store *){NULL}, &err), IKV_E_UNSUPPORTED, &err,
                  good.path);
    tear_down(&good);
}

/* Lookups and scans need no optional section. */
static void optional_sections_may_be_absent(void **state)
{
    static const uint32_t types[] = {EDIT_FENCES, EDIT_PAGE_SUMS, EDIT_BLOCK_SUMS, EDIT_METADATA};

    for (unsigned absent = 1; absent < 16; absent++) {
        good_store good;

        set_up(state, &good);
        image_repair(&good.image);
        for (uint32_t i = 0; i < 4; i++)
            if (absent >> i & 1 && image_has(&good.image, types[i])) {
                unsigned char *entry = good.image.bytes + image_entry(&good.image, types[i]);

                assert_int_equal(edit_load(entry + EDIT_FLAGS, 4), EDIT_FLAG_OPTIONAL);
                edit_store(entry + EDIT_TYPE, 4, 1000 + i);
            }
        image_repair_directory(&good.image);
        image_repair_footer(&good.image);
        image_save(&good.image, good.path);
        assert_store_equals(good.path, &good.model);
        assert_ok(ikv_verify(good.path, NULL, NULL, NULL, NULL), NULL);
        tear_down(&good);
    }
}

/* Appends bytes to a section, as later versions may. */
static void lengthen(good_store *good, uint32_t type)
{
    const size_t length = image_section_length(&good->image, type);
    const size_t directory = image_directory(&good->image);
    unsigned char *longer = must_malloc(length + 40);
    size_t entry;

    memset(longer, 0x77, length + 40);
    memcpy(longer, good->image.bytes + image_section(&good->image, type), length);
    image_splice(&good->image, directory, 0, longer, length + 40);
    entry = image_entry(&good->image, type);
    edit_store(good->image.bytes + entry + EDIT_OFFSET, 8, directory);
    edit_store(good->image.bytes + entry + EDIT_LENGTH, 8, length + 40);
    edit_store(good->image.bytes + image_footer(&good->image) + 16, 8, good->image.size);
    free(longer);
}

static void longer_sections_are_read(void **state)
{
    static const uint32_t types[] = {EDIT_PROPERTIES, EDIT_LEAVES};

    for (size_t i = 0; i < 2; i++) {
        good_store good;

        set_up(state, &good);
        if (image_has(&good.image, types[i])) {
            lengthen(&good, types[i]);
            image_repair(&good.image);
            image_save(&good.image, good.path);
            assert_store_equals(good.path, &good.model);
        }
        tear_down(&good);
    }
}

static void sections_may_be_listed_in_any_order(void **state)
{
    unsigned char spare[EDIT_ENTRY_SIZE];
    unsigned char *first;
    unsigned char *last;
    good_store good;

    set_up(state, &good);
    first = good.image.bytes + image_directory(&good.image);
    last = good.image.bytes + image_footer(&good.image) - EDIT_ENTRY_SIZE;
    memcpy(spare, first, sizeof(spare));
    memcpy(first, last, sizeof(spare));
    memcpy(last, spare, sizeof(spare));
    assert_good(&good);
    tear_down(&good);
}

static void metadata_is_returned(void **state)
{
    static const size_t sizes[] = {0, 1, 7, 8, 9, 4096, 1 << 20};
    char *path = tmpdir_file(*state, "metadata");

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ikv_writer_options options = store_options(IKV_KEY_U8);
        unsigned char *metadata = must_malloc(sizes[i]);
        rng_state random = {i};
        store_model model;
        ikv_store *store;
        ikv_info info;

        rng_fill(&random, metadata, sizes[i]);
        options.metadata = metadata;
        options.metadata_size = sizes[i];
        model_init(&model, IKV_KEY_U8);
        model_fill(&model, &random, 10, MODEL_KEYS_DENSE, MODEL_SIZES_SMALL);
        store_write(path, &model, &options);
        store = store_open(path, 0, 0, 0);
        ikv_store_info(store, &info);
        assert_int_equal(info.metadata_size, sizes[i]);
        if (sizes[i] > 0)
            assert_memory_equal(info.metadata, metadata, sizes[i]);
        else
            assert_null(info.metadata);
        assert_memory_equal(info.store_id, options.store_id, 16);
        ikv_close(store);
        model_free(&model);
        free(metadata);
    }
    free(path);
}

/* Statistics of values in the trailer, compared with the model. */
static void info_on_values(void **state)
{
    char *path = tmpdir_file(*state, "values");

    for (size_t count = 1; count < 3000; count = count * 3 + 1) {
        ikv_writer_options options = store_options(IKV_KEY_U32);
        rng_state random = {count};
        size_t at_most_p99 = 0;
        size_t min = SIZE_MAX;
        size_t max = 0;
        uint64_t sum = 0;
        store_model model;
        ikv_store *store;
        ikv_info info;

        model_init(&model, IKV_KEY_U32);
        model_fill(&model, &random, count, MODEL_KEYS_UNIFORM, MODEL_SIZES_MIXED);
        store_write(path, &model, &options);
        store = store_open(path, 0, 0, 0);
        ikv_store_info(store, &info);
        for (size_t i = 0; i < model.count; i++) {
            size_t size = model.pairs[i].size;

            sum += size;
            min = size < min ? size : min;
            max = size > max ? size : max;
            at_most_p99 += size <= info.value_size_p99;
        }
        assert_int_equal(info.has_trailer, 1);
        assert_int_equal(info.value_bytes, sum);
        assert_int_equal(info.value_size_min, min);
        assert_int_equal(info.value_size_max, max);
        assert_true(info.value_size_p99 <= max);
        assert_true(at_most_p99 * 100 >= model.count * 99);
        assert_int_equal(info.file_size, file_size(path));
        const bool is_clustered = info.layout == IKV_LAYOUT_CLUSTERED;
        assert_int_equal(info.in_key_order, model.count == 1 || is_clustered);
        assert_int_equal(info.index_start % 4096, info.has_v2_index ? 0 : 24);
        assert_true(is_clustered || info.records_end == 24 + sum + 8 * model.count);
        ikv_close(store);
        model_free(&model);
    }
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recomputed_checksums_are_the_same),
        cmocka_unit_test(unknown_optional_sections_are_skipped),
        cmocka_unit_test(optional_sections_may_be_absent),
        cmocka_unit_test(longer_sections_are_read),
        cmocka_unit_test(sections_may_be_listed_in_any_order),
        cmocka_unit_test(metadata_is_returned),
        cmocka_unit_test(info_on_values),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
