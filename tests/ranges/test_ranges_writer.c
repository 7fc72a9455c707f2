/* Writing ranges: what is refused, duplicates, and more of them than memory. */
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "written.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct given {
    int32_t first;
    int32_t last;
    const char *value;
} given;

static ikv_writer_options options_for(ikv_overlap on_overlap)
{
    ikv_writer_options options = store_options_with(IKV_KEY_I32, IKV_WRITE_RANGES);
    options.on_overlap = on_overlap;
    return options;
}

static int write_given(const char *path, const ikv_writer_options *options, const given *ranges,
                       size_t count, ikv_build_stats *stats, ikv_error *err)
{
    ikv_writer *writer = NULL;

    assert_ok(ikv_writer_new(path, options, &writer, err), err);
    for (size_t i = 0; i < count; i++)
        assert_ok(ikv_writer_add_range(writer, &ranges[i].first, &ranges[i].last, ranges[i].value,
                                       strlen(ranges[i].value), err),
                  err);
    return ikv_writer_finish(writer, stats, err);
}

/* The store has exactly these ranges. */
static void assert_ranges(const char *path, const given *ranges, size_t count)
{
    ikv_store *store = store_open(path, IKV_KEY_I32, 0, 0);
    ikv_scan *scan = NULL;
    ikv_item item;
    ikv_error err;

    assert_ok(ikv_scan_open(store, NULL, &scan, &err), &err);
    for (size_t i = 0; i < count; i++) {
        int32_t first;
        int32_t last;
        assert_ok(ikv_scan_next(scan, &item, &err), &err);
        memcpy(&first, item.key, sizeof first); /* no alignment is promised */
        assert_int_equal(ikv_range_last(store, &item, &last), 0);
        assert_int_equal(first, ranges[i].first);
        assert_int_equal(last, ranges[i].last);
        assert_int_equal(item.size, strlen(ranges[i].value));
        assert_memory_equal(item.value, ranges[i].value, item.size);
    }
    assert_int_equal(ikv_scan_next(scan, &item, &err), IKV_E_END);
    ikv_scan_close(scan);
    ikv_close(store);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void overlaps(void **state)
{
    static const given crossing[] = {{-5, 10, "a"}, {30, 40, "c"}, {7, 20, "b"}};
    static const given touching[] = {{-5, 10, "a"}, {11, 20, "b"}};
    static const given one_key[] = {{-5, 10, "a"}, {10, 20, "b"}};
    static const given inside[] = {{-5, 10, "a"}, {0, 0, "b"}};
    static const given cut[] = {{-5, -1, "a"}, {0, 0, "b"}, {1, 10, "a"}};
    char *path = tmpdir_file(*state, "store");
    ikv_writer_options options = options_for(IKV_OVERLAP_ERROR);
    ikv_error err;

    for (int policy = IKV_OVERLAP_ERROR; policy <= IKV_OVERLAP_INNERMOST; policy++) {
        options.on_overlap = (ikv_overlap)policy;
        assert_failed(write_given(path, &options, crossing, COUNT(crossing), NULL, &err),
                      IKV_E_OVERLAP, &err, path);
        assert_non_null(strstr(err.message, "ranges -5 to 10 and 7 to 20"));
        assert_int_equal(*(const int32_t *)(const void *)err.key, 7);
        assert_failed(write_given(path, &options, one_key, COUNT(one_key), NULL, &err),
                      IKV_E_OVERLAP, &err, path);
        assert_false(file_exists(path));
    }
    options.on_overlap = IKV_OVERLAP_ERROR;
    assert_failed(write_given(path, &options, inside, COUNT(inside), NULL, &err), IKV_E_OVERLAP,
                  &err, path);
    assert_int_equal(tmpdir_count(*state), 0);
    assert_ok(write_given(path, &options, touching, COUNT(touching), NULL, &err), &err);
    assert_ranges(path, touching, COUNT(touching));
    options.on_overlap = IKV_OVERLAP_INNERMOST;
    assert_ok(write_given(path, &options, inside, COUNT(inside), NULL, &err), &err);
    assert_ranges(path, cut, COUNT(cut));
    free(path);
}

static void duplicates(void **state)
{
    static const given ranges[] = {{1, 9, "old"}, {3, 5, "x"}, {1, 9, "new"}, {1, 9, "newest"}};
    static const given first[] = {{1, 2, "old"}, {3, 5, "x"}, {6, 9, "old"}};
    static const given last[] = {{1, 2, "newest"}, {3, 5, "x"}, {6, 9, "newest"}};
    char *path = tmpdir_file(*state, "store");
    ikv_writer_options options = options_for(IKV_OVERLAP_INNERMOST);
    ikv_build_stats stats;
    ikv_error err;

    assert_failed(write_given(path, &options, ranges, COUNT(ranges), NULL, &err), IKV_E_DUPLICATE,
                  &err, path);
    assert_non_null(strstr(err.message, "range 1 to 9"));
    options.on_duplicate = IKV_DUPLICATES_FIRST;
    assert_ok(write_given(path, &options, ranges, COUNT(ranges), &stats, &err), &err);
    assert_int_equal(stats.dropped, 2);
    assert_int_equal(stats.pairs, 3);
    assert_ranges(path, first, COUNT(first));
    options.on_duplicate = IKV_DUPLICATES_LAST;
    assert_ok(write_given(path, &options, ranges, COUNT(ranges), &stats, &err), &err);
    assert_int_equal(stats.dropped, 2);
    assert_ranges(path, last, COUNT(last));
    free(path);
}

static void a_range_is_refused(void **state)
{
    static const given good[] = {{4, 4, "one key"}, {5, 6, "two"}};
    char *path = tmpdir_file(*state, "store");
    ikv_writer_options options = options_for(IKV_OVERLAP_ERROR);
    ikv_writer *writer = NULL;
    const int32_t keys[] = {4, 5, 6};
    ikv_error err;

    assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
    assert_failed(ikv_writer_add_range(writer, &keys[1], &keys[0], "v", 1, &err), IKV_E_INVALID,
                  &err, path);
    assert_failed(ikv_writer_add_range(writer, &keys[0], NULL, "v", 1, &err), IKV_E_INVALID, &err,
                  NULL);
    if (SIZE_MAX > UINT32_MAX)
        assert_failed(ikv_writer_add_range(writer, &keys[0], &keys[1], "v",
                                           (options.layout == IKV_LAYOUT_CLUSTERED
                                                ? IKV_VALUE_SIZE_MAX_CLUSTERED
                                                : IKV_VALUE_SIZE_MAX) -
                                               3,
                                           &err),
                      IKV_E_VALUE_TOO_LARGE, &err, path);
    assert_ok(ikv_writer_add_range(writer, &keys[1], &keys[2], "two", 3, &err), &err);
    assert_ok(ikv_writer_add(writer, &keys[0], "one key", 7, &err), &err);
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
    assert_ranges(path, good, COUNT(good));

    options = store_options(IKV_KEY_I32);
    assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
    assert_failed(ikv_writer_add_range(writer, &keys[0], &keys[1], "v", 1, &err), IKV_E_INVALID,
                  &err, path);
    ikv_writer_abort(writer);
    free(path);
}

static void wrong_options(void **state)
{
    char *path = tmpdir_file(*state, "store");
    ikv_writer_options options = options_for(IKV_OVERLAP_ERROR);
    ikv_writer *writer = NULL;
    ikv_error err;

    options.key_type = IKV_KEY_BYTES(65);
    assert_failed(ikv_writer_new(path, &options, &writer, &err), IKV_E_INVALID, &err, NULL);
    options.key_type = IKV_KEY_BYTES(64);
    options.memory = (16u << 20) - 1;
    assert_failed(ikv_writer_new(path, &options, &writer, &err), IKV_E_INVALID, &err, NULL);
    options.memory = 16u << 20;
    assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
    ikv_writer_abort(writer);
    options.on_overlap = (ikv_overlap)2;
    assert_failed(ikv_writer_new(path, &options, &writer, &err), IKV_E_INVALID, &err, NULL);
    options = store_options(IKV_KEY_I32);
    options.on_overlap = IKV_OVERLAP_INNERMOST;
    assert_failed(ikv_writer_new(path, &options, &writer, &err), IKV_E_INVALID, &err, NULL);
    options = store_options_with(IKV_KEY_I32, IKV_WRITE_PLAIN | IKV_WRITE_RANGES);
    assert_failed(ikv_writer_new(path, &options, &writer, &err), IKV_E_INVALID, &err, NULL);
    assert_int_equal(tmpdir_count(*state), 0);
    free(path);
}

/* Lookups of ranges in other stores. */
static void no_store_of_ranges(void **state)
{
    char *paths[] = {tmpdir_file(*state, "ranges"), tmpdir_file(*state, "pairs"),
                     tmpdir_file(*state, "merged")};
    static const given range = {1, 9, "value"};
    ikv_writer_options options = options_for(IKV_OVERLAP_ERROR);
    ikv_get_options get = IKV_GET_OPTIONS_INIT;
    ikv_result *result = NULL;
    store_model model;
    const int32_t key = 1;
    int32_t last;
    ikv_error err;

    assert_ok(write_given(paths[0], &options, &range, 1, NULL, &err), &err);
    options = store_options(IKV_KEY_I32);
    model_init(&model, IKV_KEY_I32);
    model_add(&model, &key, "v", 1);
    store_write(paths[1], &model, &options);
    ikv_store *stores[] = {store_open(paths[0], IKV_KEY_I32, 0, 0),
                           store_open(paths[1], IKV_KEY_I32, 0, 0)};
    assert_int_equal(ikv_result_new(&result), 0);
    get.match = IKV_RANGE;
    assert_failed(ikv_get(stores[1], &key, &get, result, &err), IKV_E_UNSUPPORTED, &err, paths[1]);
    get.match = (ikv_match)4;
    assert_failed(ikv_get(stores[0], &key, &get, result, &err), IKV_E_INVALID, &err, NULL);
    assert_ok(ikv_get(stores[1], &key, NULL, result, &err), &err);
    assert_int_equal(ikv_range_last(stores[1], ikv_result_items(result), &last), IKV_E_INVALID);
    assert_failed(ikv_merge(paths[2], stores, 2, NULL, NULL, &err), IKV_E_UNSUPPORTED, &err,
                  paths[1]);
    ikv_result_free(result);
    ikv_close(stores[0]);
    ikv_close(stores[1]);
    model_free(&model);
    for (size_t i = 0; i < COUNT(paths); i++)
        free(paths[i]);
}

/* ---------------------------------------------------------------- much */

typedef struct nesting {
    size_t count;
    size_t depth; /* of ranges inside one another */
    size_t size;  /* of values */
} nesting;

static void write_shape(const char *path, const nesting *shape, uint64_t memory,
                        ikv_build_stats *stats)
{
    ikv_writer_options options = options_for(IKV_OVERLAP_INNERMOST);
    unsigned char *value = must_malloc(shape->size);
    ikv_writer *writer = NULL;
    ikv_error err;

    options.memory = memory;
    assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
    for (size_t n = 0; n < shape->count; n++) {
        const size_t i = n * 7919 % shape->count; /* any order */
        const int32_t base = (int32_t)(i / shape->depth * 3 * shape->depth);
        const int32_t inset = (int32_t)(i % shape->depth);
        const int32_t first = base + inset;
        const int32_t last = base + (int32_t)(2 * shape->depth) - inset;
        memset(value, (int)(i % 251), shape->size);
        assert_ok(ikv_writer_add_range(writer, &first, &last, value, shape->size, &err), &err);
    }
    assert_ok(ikv_writer_finish(writer, stats, &err), &err);
    free(value);
}

static void assert_shape(const char *path, const nesting *shape)
{
    ikv_store *store = store_open(path, IKV_KEY_I32, 0, 0);
    ikv_result *result = NULL;
    ikv_get_options options = IKV_GET_OPTIONS_INIT;

    options.match = IKV_RANGE;
    assert_int_equal(ikv_result_new(&result), 0);
    for (size_t i = 0; i < shape->count; i += 13) {
        const int32_t base = (int32_t)(i / shape->depth * 3 * shape->depth);
        const int32_t inset = (int32_t)(i % shape->depth);
        const int32_t key = base + (int32_t)(2 * shape->depth) - inset;
        assert_int_equal(ikv_get(store, &key, &options, result, NULL), 0);
        const ikv_item *item = ikv_result_items(result);
        assert_int_equal(item->size, shape->size);
        assert_int_equal(*(const unsigned char *)item->value, i % 251);
        const int32_t gap = base + (int32_t)(2 * shape->depth) + 1;
        if (shape->depth > 1)
            assert_int_equal(ikv_get(store, &gap, &options, result, NULL), IKV_E_NOT_FOUND);
    }
    ikv_result_free(result);
    ikv_close(store);
}

static void more_than_memory(void **state)
{
    static const nesting shapes[] = {
        {60000, 1, 200},   /* sorted in runs */
        {3000, 3000, 1000} /* one inside another: open ranges exceed the tape's buffer */
    };
    char *path = tmpdir_file(*state, "small");
    char *other = tmpdir_file(*state, "large");
    ikv_build_stats stats;

    for (size_t i = 0; i < COUNT(shapes); i++) {
        write_shape(path, &shapes[i], (uint64_t)16 << 20, &stats);
        if (i == 0)
            assert_true(stats.spilled_runs > 1);
        write_shape(other, &shapes[i], (uint64_t)512 << 20, &stats);
        assert_int_equal(stats.spilled_runs, 0);
        assert_same_file(path, other);
        assert_shape(path, &shapes[i]);
        assert_int_equal(tmpdir_count(*state), 2);
    }
    free(path);
    free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup, tmpdir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(overlaps),      TEST(duplicates),         TEST(a_range_is_refused),
        TEST(wrong_options), TEST(no_store_of_ranges), TEST(more_than_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
