/* Repeated keys: refused with an error that names the key, or all but the first or last pair are
 * dropped. Then the file is the same as of the remaining pairs alone. */
#include "hostkey.h"
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

typedef struct fixture {
    tmpdir dir;
    char *path;
    char *expected;
} fixture;

static int set_up(void **state)
{
    fixture *f = must_malloc(sizeof(*f));
    tmpdir_make_in_memory(&f->dir);
    f->path = tmpdir_file(&f->dir, "store");
    f->expected = tmpdir_file(&f->dir, "expected");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    tmpdir_remove(&f->dir);
    free(f->path);
    free(f->expected);
    free(f);
    return 0;
}

typedef struct source {
    const store_model *model;
    size_t next;
} source;

static int next_pair(void *user, ikv_pair *pair)
{
    source *from = user;
    if (from->next == from->model->count)
        return 0;
    const model_pair *next = &from->model->pairs[from->next++];
    *pair = (ikv_pair){next->key, next->value, next->size};
    return 1;
}

static int build(const char *path, const store_model *model, const ikv_writer_options *options,
                 ikv_build_stats *stats, ikv_error *err)
{
    source from = {model, 0};
    return ikv_build(path, options, next_pair, &from, stats, err);
}

/* ---------------------------------------------------------------- first and last */

static void assert_stats(const ikv_build_stats *stats, const store_model *model, const char *path)
{
    uint64_t value_bytes = 0;
    for (size_t i = 0; i < model->sorted_count; i++)
        value_bytes += model->sorted[i]->size;
    assert_int_equal(stats->pairs, model->sorted_count);
    assert_int_equal(stats->dropped, model->count - model->sorted_count);
    assert_int_equal(stats->value_bytes, value_bytes);
    assert_int_equal(stats->file_size, file_size(path));
}

/* The statistics of values are those of the remaining pairs. */
static void assert_info(const char *path, const store_model *model)
{
    ikv_store *store = store_open(path, model->type, 0, 0);
    ikv_info info;
    uint32_t min = UINT32_MAX;
    uint32_t max = 0;
    bool in_order = true;

    ikv_store_info(store, &info);
    for (size_t i = 0; i < model->sorted_count; i++) {
        uint32_t size = (uint32_t)model->sorted[i]->size;
        min = size < min ? size : min;
        max = size > max ? size : max;
        in_order =
            in_order && (i == 0 || model->sorted[i]->arrival > model->sorted[i - 1]->arrival);
    }
    assert_int_equal(info.value_size_min, model->sorted_count > 0 ? min : 0);
    assert_int_equal(info.value_size_max, max);
    assert_in_range(info.value_size_p99, info.value_size_min, info.value_size_max);
    assert_int_equal(info.in_key_order, in_order || info.layout == IKV_LAYOUT_CLUSTERED);
    ikv_close(store);
}

static void remaining_only(const store_model *model, store_model *ret_remaining)
{
    const model_pair **order = model_by_arrival(model);
    model_init(ret_remaining, model->type);
    for (size_t i = 0; i < model->sorted_count; i++)
        model_add(ret_remaining, order[i]->key, order[i]->value, order[i]->size);
    free(order);
}

static void drop_and_compare(const fixture *f, store_model *model, ikv_duplicates policy,
                             uint32_t flags)
{
    ikv_writer_options options = store_options_with(model->type, flags);
    store_model remaining;
    ikv_build_stats stats;
    ikv_error err;

    if (options.layout == IKV_LAYOUT_CLUSTERED)
        options.leaf_size = 4096; /* by default it depends on dropped values, too */
    (void)model_sort(model, policy == IKV_DUPLICATES_FIRST ? MODEL_KEEP_FIRST : MODEL_KEEP_LAST);
    remaining_only(model, &remaining);
    assert_ok(build(f->expected, &remaining, &options, NULL, &err), &err);
    options.on_duplicate = policy;
    assert_ok(build(f->path, model, &options, &stats, &err), &err);
    assert_stats(&stats, model, f->path);
    assert_written(f->path, model, flags == IKV_WRITE_PLAIN, 0);
    assert_store_equals(f->path, model);
    if (flags == 0)
        assert_info(f->path, model);
    assert_same_file(f->path, f->expected);
    assert_int_equal(tmpdir_count(&f->dir), 2);
    model_free(&remaining);
}

static void every_policy_and_form(const fixture *f, store_model *model)
{
    for (int policy = IKV_DUPLICATES_FIRST; policy <= IKV_DUPLICATES_LAST; policy++)
        for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags++)
            drop_and_compare(f, model, (ikv_duplicates)policy, flags);
}

/* `count` pairs, with about `copies` of each key. */
static void fill_repeated(store_model *model, ikv_key_type type, size_t count, size_t copies,
                          size_t size_max)
{
    rng_state rng = {count * copies + type};
    unsigned char *value = must_malloc(size_max);
    uint64_t keys = count / copies > 0 ? count / copies : 1;

    model_init(model, type);
    rng_fill(&rng, value, size_max);
    for (size_t i = 0; i < count; i++) {
        unsigned char key[IKV_KEY_WIDTH_MAX];
        hostkey_nth(type, rng_below(&rng, keys) * 37, key);
        size_t size = (size_t)rng_below(&rng, size_max + 1);
        memcpy(value, &i, size < sizeof(i) ? size : sizeof(i));
        model_add(model, key, value, size);
    }
    free(value);
}

static void all_pairs_have_the_same_key(void **state)
{
    static const size_t counts[] = {2, 3, 100, 5000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        store_model model;
        fill_repeated(&model, IKV_KEY_U64, counts[i], counts[i], 30);
        every_policy_and_form(*state, &model);
        model_free(&model);
    }
}

static void half_of_the_pairs_are_repeated(void **state)
{
    static const ikv_key_type types[] = {IKV_KEY_U32, IKV_KEY_I64, IKV_KEY_U128, IKV_KEY_BYTES(20)};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        store_model model;
        fill_repeated(&model, types[i], 4000, 2, 300);
        every_policy_and_form(*state, &model);
        model_free(&model);
    }
}

/* One repeated key, at any place and of any earlier pair. */
static void one_repeated_key(void **state)
{
    const size_t count = 40;
    for (size_t at = 1; at < count; at += 3) {
        for (size_t of = 0; of < at; of += 4) {
            store_model model;
            model_init(&model, IKV_KEY_U16);
            for (size_t i = 0; i < count; i++) {
                uint16_t key = (uint16_t)((i == at ? of : i) * 7);
                model_add(&model, &key, &i, i % 9);
            }
            every_policy_and_form(*state, &model);
            model_free(&model);
        }
    }
}

/* Sorted input with adjacent repeats is recognized as sorted. */
static void sorted_input_with_repeats(void **state)
{
    store_model model;
    model_init(&model, IKV_KEY_I32);
    for (int i = 0; i < 3000; i++) {
        int32_t key = i / 3 - 500;
        model_add(&model, &key, "0123456789", (size_t)(i % 11));
    }
    every_policy_and_form(*state, &model);
    model_free(&model);
}

/* Values of several MiB, so that many blocks are moved. */
static void large_values_are_dropped(void **state)
{
    const size_t large = (size_t)3 << 20;
    unsigned char *value = must_malloc(large);
    rng_state rng = {12};
    store_model model;

    rng_fill(&rng, value, large);
    model_init(&model, IKV_KEY_U8);
    model_add(&model, "c", value, 100);
    model_add(&model, "a", value, large);
    model_add(&model, "b", value, large - 1);
    model_add(&model, "a", value + 1, large / 2);
    model_add(&model, "d", value, 0);
    model_add(&model, "b", value, 7);
    model_add(&model, "e", value + 7, large - 7);
    model_add(&model, "a", value, 1);
    model_add(&model, "d", value, 2 * large / 3);
    every_policy_and_form(*state, &model);
    model_free(&model);
    free(value);
}

/* Dropped records that begin or end at boundaries of blocks of 1 MiB. */
static void drops_at_block_boundaries(void **state)
{
    const size_t edge = ((size_t)1 << 20) - 24;
    unsigned char *value = must_malloc(edge);
    rng_state rng = {13};

    rng_fill(&rng, value, edge);
    for (size_t size = edge - 16; size <= edge; size += 4) {
        store_model model;
        model_init(&model, IKV_KEY_U8);
        model_add(&model, "a", value, size);
        model_add(&model, "b", value, 12);
        model_add(&model, "a", value, 20);
        model_add(&model, "c", value, edge / 2);
        model_add(&model, "b", value, edge);
        every_policy_and_form(*state, &model);
        model_free(&model);
    }
    free(value);
}

static void random_models(void **state)
{
    rng_state rng = {2024};
    for (size_t n = test_scaled(60); n > 0; n--) {
        store_model model;
        size_t count = (size_t)rng_below(&rng, 3000) + 1;
        size_t copies = (size_t)rng_below(&rng, 20) + 1;
        ikv_key_type type = hostkey_types[rng_below(&rng, hostkey_type_count)];
        fill_repeated(&model, type, count, copies, (size_t)rng_below(&rng, 2000) + 1);
        every_policy_and_form(*state, &model);
        model_free(&model);
    }
}

/* ---------------------------------------------------------------- error */

static bool is_repeated(const store_model *model, const void *key)
{
    size_t copies = 0;
    for (size_t i = 0; i < model->count; i++)
        copies += hostkey_compare(model->type, model->pairs[i].key, key) == 0;
    return copies > 1;
}

static void refused_with_the_key(void **state)
{
    const fixture *f = *state;
    for (size_t t = 0; t < hostkey_type_count; t++) {
        for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags++) {
            store_model model;
            ikv_error err;
            ikv_build_stats stats;
            ikv_writer_options options = store_options_with(hostkey_types[t], flags);
            char text[IKV_KEY_TEXT_MAX];

            fill_repeated(&model, hostkey_types[t], 6, 2, 20);
            file_write(f->path, "previous bytes", 14);
            memset(&stats, 0x11, sizeof(stats));
            assert_failed(build(f->path, &model, &options, &stats, &err), IKV_E_DUPLICATE, &err,
                          f->path);
            assert_int_equal(err.key_type, model.type);
            assert_true(is_repeated(&model, err.key));
            assert_true(ikv_key_format(model.type, IKV_SYNTAX_AUTO, err.key, text, sizeof(text)) >
                        0);
            if (strstr(err.message, text) == NULL)
                fail_msg("'%s' does not name the key %s", err.message, text);
            assert_int_equal(stats.pairs, UINT64_C(0x1111111111111111));
            assert_int_equal(file_size(f->path), 14);
            model_free(&model);
        }
    }
}

static int empty_directory(void **state)
{
    fixture *f = *state;
    tmpdir_remove(&f->dir);
    free(f->path);
    free(f->expected);
    tmpdir_make_in_memory(&f->dir);
    f->path = tmpdir_file(&f->dir, "store");
    f->expected = tmpdir_file(&f->dir, "expected");
    return 0;
}

static void refused_builds_leave_nothing(void **state)
{
    const fixture *f = *state;
    ikv_writer_options options = store_options(IKV_KEY_U64);
    store_model model;
    ikv_error err;

    fill_repeated(&model, IKV_KEY_U64, 1000, 3, 100);
    assert_failed(build(f->path, &model, &options, NULL, &err), IKV_E_DUPLICATE, &err, f->path);
    assert_int_equal(tmpdir_count(&f->dir), 0);
    model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_pairs_have_the_same_key),
        cmocka_unit_test(half_of_the_pairs_are_repeated),
        cmocka_unit_test(one_repeated_key),
        cmocka_unit_test(sorted_input_with_repeats),
        cmocka_unit_test(large_values_are_dropped),
        cmocka_unit_test(drops_at_block_boundaries),
        cmocka_unit_test(random_models),
        cmocka_unit_test(refused_with_the_key),
        cmocka_unit_test_setup(refused_builds_leave_nothing, empty_directory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
