/* Merging stores, compared with a naive model: the pairs of all inputs in a list, sorted; equal
 * keys settled by the order of the inputs. The file equals one that was written directly. */
#include "hostkey.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "written.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INPUTS_MAX 6

typedef struct fixture {
    ikv_key_type type;
    size_t count;
    store_model input[INPUTS_MAX];
    char *path[INPUTS_MAX];
    ikv_store *store[INPUTS_MAX];
    store_model list; /* keys to delete or to select */
} fixture;

static char *input_path(const tmpdir *dir, size_t number)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "input%zu", number);
    return tmpdir_file(dir, name);
}

/* Random stores in all forms that share some of their keys. */
static void make_inputs(fixture *f, const tmpdir *dir, ikv_key_type type, rng_state *rng,
                        size_t pairs)
{
    f->type = type;
    f->count = 1 + (size_t)rng_below(rng, INPUTS_MAX);
    for (size_t i = 0; i < f->count; i++) {
        const bool plain = rng_below(rng, 4) == 0;
        ikv_writer_options options = store_options_with(type, plain ? IKV_WRITE_PLAIN : 0);
        if (!plain && rng_below(rng, 2) == 0) {
            options.flags = 0;
            options.filter_bits = 0;
            options.layout = IKV_LAYOUT_ARRIVAL;
        }
        model_init(&f->input[i], type);
        model_fill(&f->input[i], rng, (size_t)rng_below(rng, pairs + 1), MODEL_KEYS_DENSE,
                   rng_below(rng, 2) ? MODEL_SIZES_SMALL : MODEL_SIZES_MIXED);
        f->path[i] = input_path(dir, i);
        store_write(f->path[i], &f->input[i], &options);
        f->store[i] = store_open(f->path[i], type, 0, 0);
    }
    model_init(&f->list, type);
    for (size_t i = 0; i < pairs / 2; i++) {
        unsigned char key[IKV_KEY_WIDTH_MAX];
        model_probe_key(rng, &f->input[rng_below(rng, f->count)], key);
        model_add(&f->list, key, "", 0);
    }
    (void)model_sort(&f->list, MODEL_KEEP_ALL);
}

static void free_inputs(fixture *f)
{
    for (size_t i = 0; i < f->count; i++) {
        ikv_close(f->store[i]);
        model_free(&f->input[i]);
        free(f->path[i]);
    }
    model_free(&f->list);
}

typedef struct supply {
    const store_model *list;
    size_t next;
    int end; /* returned after the last key */
} supply;

static int next_key(void *user, ikv_pair *pair)
{
    supply *from = user;
    if (from->next == from->list->count)
        return from->end;
    *pair = (ikv_pair){.key = from->list->pairs[from->next++].key};
    return 1;
}

/* What the merge must write, in key order. */
static void expect(const fixture *f, model_keep keep, bool deletes, bool selects,
                   store_model *ret_expected, ikv_merge_stats *ret_stats)
{
    store_model all;
    model_init(&all, f->type);
    model_init(ret_expected, f->type);
    *ret_stats = (ikv_merge_stats){.read = 0};
    for (size_t i = 0; i < f->count; i++) {
        for (size_t n = 0; n < f->input[i].sorted_count; n++) {
            const model_pair *pair = f->input[i].sorted[n];
            const bool listed = model_find(&f->list, pair->key, IKV_EXACT) != NULL;
            ret_stats->read++;
            ret_stats->deleted += listed && deletes;
            if (!(listed && deletes) && (listed || !selects))
                model_add(&all, pair->key, pair->value, pair->size);
        }
    }
    ret_stats->written.dropped = model_sort(&all, keep);
    for (size_t i = 0; i < all.sorted_count; i++)
        model_add(ret_expected, all.sorted[i]->key, all.sorted[i]->value, all.sorted[i]->size);
    ret_stats->written.pairs = all.sorted_count;
    (void)model_sort(ret_expected, MODEL_KEEP_ALL);
    model_free(&all);
}

static void merge_and_compare(const fixture *f, const tmpdir *dir, rng_state *rng)
{
    const bool deletes = rng_below(rng, 2) == 0;
    const bool selects = !deletes && rng_below(rng, 2) == 0;
    const bool last = rng_below(rng, 2) == 0;
    const bool plain = rng_below(rng, 4) == 0;
    ikv_writer_options writer = store_options_with(f->type, plain ? IKV_WRITE_PLAIN : 0);
    ikv_merge_options options = IKV_MERGE_OPTIONS_INIT;
    supply from = {.list = &f->list};
    char *path = tmpdir_file(dir, "merged");
    char *direct = tmpdir_file(dir, "direct");
    store_model expected;
    ikv_merge_stats stats;
    ikv_merge_stats wanted;
    ikv_error err;

    expect(f, last ? MODEL_KEEP_LAST : MODEL_KEEP_FIRST, deletes, selects, &expected, &wanted);
    store_write(direct, &expected, &writer);
    writer.on_duplicate = last ? IKV_DUPLICATES_LAST : IKV_DUPLICATES_FIRST;
    writer.key_type = IKV_KEY_NONE;
    options.writer = &writer;
    options.next_delete = deletes ? next_key : NULL;
    options.next_select = selects ? next_key : NULL;
    options.user = &from;
    assert_ok(ikv_merge(path, f->store, f->count, &options, &stats, &err), &err);
    assert_written(path, &expected, plain, 0);
    assert_same_file(path, direct);
    assert_int_equal(stats.read, wanted.read);
    assert_int_equal(stats.deleted, wanted.deleted);
    assert_int_equal(stats.written.dropped, wanted.written.dropped);
    assert_int_equal(stats.written.pairs, wanted.written.pairs);
    assert_int_equal(stats.written.file_size, file_size(path));
    model_free(&expected);
    free(path);
    free(direct);
}

static void random_stores_of_all_types(void **state)
{
    const size_t rounds = test_scaled_min(8, 2);
    rng_state rng = {1401};

    for (size_t t = 0; t < hostkey_type_count; t++)
        for (size_t round = 0; round < rounds; round++) {
            fixture f;
            make_inputs(&f, *state, hostkey_types[t], &rng, 300);
            merge_and_compare(&f, *state, &rng);
            free_inputs(&f);
        }
}

/* More pairs than memory: lists are spilled, values are read ahead in pieces. */
static void more_than_memory(void **state)
{
    ikv_writer_options writer = store_options(IKV_KEY_BYTES(128));
    ikv_merge_options options = IKV_MERGE_OPTIONS_INIT;
    rng_state rng = {1402};
    fixture f = {.type = IKV_KEY_BYTES(128), .count = 2};
    supply from = {.list = &f.list};
    char *path = tmpdir_file(*state, "merged");
    ikv_merge_stats wanted;
    store_model expected;
    ikv_error err;

    model_init(&f.list, f.type);
    for (size_t i = 0; i < f.count; i++) {
        model_init(&f.input[i], f.type);
        model_fill(&f.input[i], &rng, 30000, MODEL_KEYS_UNIFORM, MODEL_SIZES_EIGHT);
        for (size_t n = 0; n < f.input[i].count; n++)
            if (rng_below(&rng, 3) > 0)
                model_add(&f.list, f.input[i].pairs[n].key, "", 0);
        f.path[i] = input_path(*state, i);
        store_write(f.path[i], &f.input[i], &writer);
        f.store[i] = store_open(f.path[i], f.type, 0, 0);
    }
    (void)model_sort(&f.list, MODEL_KEEP_ALL);
    expect(&f, MODEL_KEEP_LAST, true, false, &expected, &wanted);
    writer.memory = options.memory = (uint64_t)8 << 20;
    options.writer = &writer;
    options.next_delete = next_key;
    options.user = &from;
    assert_ok(ikv_merge(path, f.store, f.count, &options, NULL, &err), &err);
    assert_written(path, &expected, false, 0);
    assert_int_equal(tmpdir_count(*state), 3 + 0); /* two inputs, and the result */
    model_free(&expected);
    free_inputs(&f);
    free(path);
}

/* ---------------------------------------------------------------- the daily update */

static void write_pair(const char *path, uint64_t key, const char *value)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    store_model model;
    model_init(&model, IKV_KEY_U64);
    model_add(&model, &key, value, strlen(value));
    store_write(path, &model, &options);
    model_free(&model);
}

static void assert_value(const char *path, uint64_t key, const char *value)
{
    ikv_store *store = store_open(path, IKV_KEY_U64, 0, 0);
    ikv_result *result = NULL;
    ikv_error err;
    assert_int_equal(ikv_result_new(&result), 0);
    assert_ok(ikv_get(store, &key, NULL, result, &err), &err);
    assert_int_equal(ikv_result_items(result)->size, strlen(value));
    assert_memory_equal(ikv_result_items(result)->value, value, strlen(value));
    ikv_result_free(result);
    ikv_close(store);
}

static void an_input_is_replaced(void **state)
{
    char *base = tmpdir_file(*state, "base");
    char *delta = tmpdir_file(*state, "delta");
    ikv_writer_options writer = store_options(IKV_KEY_U64);
    ikv_merge_options options = IKV_MERGE_OPTIONS_INIT;
    ikv_merge_stats stats;
    ikv_error err;

    write_pair(base, 7, "old");
    write_pair(delta, 7, "new");
    ikv_store *const stores[] = {store_open(base, IKV_KEY_U64, 0, 0),
                                 store_open(delta, IKV_KEY_U64, 0, 0)};
    options.writer = &writer;
    assert_failed(ikv_merge(base, stores, 2, &options, NULL, &err), IKV_E_DUPLICATE, &err, base);
    assert_int_equal(err.key_type, IKV_KEY_U64);
    assert_int_equal(*(const uint64_t *)(const void *)err.key, 7);
    assert_value(base, 7, "old");
    writer.on_duplicate = IKV_DUPLICATES_LAST;
    assert_ok(ikv_merge(base, stores, 2, &options, &stats, &err), &err);
    assert_int_equal(stats.written.dropped, 1);
    assert_value(base, 7, "new");
    ikv_close(stores[0]);
    ikv_close(stores[1]);
    free(base);
    free(delta);
}

/* ---------------------------------------------------------------- failures */

static int count_and_cancel(void *user, const ikv_progress *progress)
{
    int *left = user;
    (void)progress;
    return (*left)-- == 0;
}

static void canceled_at_every_report(void **state)
{
    char *path = tmpdir_file(*state, "merged");
    char *input = tmpdir_file(*state, "input");
    ikv_writer_options writer = store_options(IKV_KEY_U64);
    ikv_merge_options options = IKV_MERGE_OPTIONS_INIT;
    ikv_error err;
    int code = IKV_E_CANCELED;
    int reports;

    write_pair(input, 1, "one");
    ikv_store *const stores[] = {store_open(input, IKV_KEY_U64, 0, 0)};
    options.writer = &writer;
    for (reports = 0; code != 0; reports++) {
        int left = reports;
        writer.on_progress = count_and_cancel;
        writer.progress_user = &left;
        assert_false(file_exists(path));
        code = ikv_merge(path, stores, 1, &options, NULL, &err);
        if (code != 0)
            assert_failed(code, IKV_E_CANCELED, &err, path);
        assert_int_equal(tmpdir_count(*state), code == 0 ? 2 : 1);
    }
    assert_in_range(reports, 3, 20);
    ikv_close(stores[0]);
    free(path);
    free(input);
}

static void damaged_records_fail_the_merge(void **state)
{
    char *path = tmpdir_file(*state, "merged");
    char *input = tmpdir_file(*state, "input");
    ikv_error err;

    write_pair(input, 1, "one");
    file_flip_bit(input, 8 * 28); /* the value begins at offset 28 in every layout */
    ikv_store *const stores[] = {store_open(input, IKV_KEY_U64, 0, 0)};
    assert_failed(ikv_merge(path, stores, 1, NULL, NULL, &err), IKV_E_RECORD, &err, input);
    assert_false(file_exists(path));
    ikv_close(stores[0]);
    free(path);
    free(input);
}

static void wrong_arguments(void **state)
{
    char *path = tmpdir_file(*state, "merged");
    char *one = tmpdir_file(*state, "one");
    char *other = tmpdir_file(*state, "other");
    ikv_writer_options writer = store_options(IKV_KEY_I16);
    ikv_merge_options options = IKV_MERGE_OPTIONS_INIT;
    store_model model;
    supply from = {.list = &model, .end = -EPERM};
    ikv_error err;

    write_pair(one, 1, "one");
    model_init(&model, IKV_KEY_I16);
    store_write(other, &model, &writer);
    ikv_store *const stores[] = {store_open(one, IKV_KEY_U64, 0, 0),
                                 store_open(other, IKV_KEY_I16, 0, 0), NULL};
    assert_failed(ikv_merge(NULL, stores, 1, NULL, NULL, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_merge(path, NULL, 1, NULL, NULL, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_merge(path, stores, 0, NULL, NULL, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_merge(path, stores + 1, 2, NULL, NULL, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_merge(path, stores, 2, NULL, NULL, &err), IKV_E_KEY_TYPE_MISMATCH, &err,
                  other);
    options.writer = &writer;
    assert_failed(ikv_merge(path, stores, 1, &options, NULL, &err), IKV_E_INVALID, &err, NULL);
    writer.key_type = IKV_KEY_NONE;
    options.memory = 1;
    assert_failed(ikv_merge(path, stores, 1, &options, NULL, &err), IKV_E_INVALID, &err, NULL);
    options.memory = 0;
    options.next_select = next_key;
    options.user = &from;
    assert_failed(ikv_merge(path, stores, 1, &options, NULL, &err), -EPERM, &err, path);
    from.end = 2;
    assert_failed(ikv_merge(path, stores, 1, &options, NULL, &err), IKV_E_INVALID, &err, path);
    assert_false(file_exists(path));
    ikv_close(stores[0]);
    ikv_close(stores[1]);
    model_free(&model);
    free(path);
    free(one);
    free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup, tmpdir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(random_stores_of_all_types),     TEST(more_than_memory),
        TEST(an_input_is_replaced),           TEST(canceled_at_every_report),
        TEST(damaged_records_fail_the_merge), TEST(wrong_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
