/* The same pairs, options and store id give the same bytes, whatever the interface, memory and
 * heap. The writer's statistics are right. */
#include "hostkey.h"
#include "rng.h"
#include "stores.h"
#include "tmpdir.h"
#include "written.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct fixture {
    tmpdir dir;
    char *a;
    char *b;
    store_model model;
} fixture;

static int set_up(void **state)
{
    fixture *f = must_malloc(sizeof(*f));
    rng_state rng = {99};
    tmpdir_make_in_memory(&f->dir);
    f->a = tmpdir_file(&f->dir, "a");
    f->b = tmpdir_file(&f->dir, "b");
    model_init(&f->model, IKV_KEY_I64);
    model_fill(&f->model, &rng, 5000, MODEL_KEYS_CLUSTERED, MODEL_SIZES_MIXED);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    tmpdir_remove(&f->dir);
    model_free(&f->model);
    free(f->a);
    free(f->b);
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

static ikv_build_stats build(const char *path, const store_model *model,
                             const ikv_writer_options *options)
{
    ikv_build_stats stats;
    source from = {model, 0};
    ikv_error err;
    memset(&stats, 0xff, sizeof(stats));
    assert_ok(ikv_build(path, options, next_pair, &from, &stats, &err), &err);
    return stats;
}

/* ---------------------------------------------------------------- the same bytes */

static void repeated_and_by_callback(void **state)
{
    fixture *f = *state;
    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags++) {
        const ikv_writer_options options = store_options_with(f->model.type, flags);
        store_write(f->a, &f->model, &options);
        store_write(f->b, &f->model, &options);
        assert_same_file(f->a, f->b);
        (void)build(f->b, &f->model, &options);
        assert_same_file(f->a, f->b);
    }
}

static void any_hint_and_memory(void **state)
{
    static const uint64_t hints[] = {1, 100, 5000, 4999, 1000000, UINT64_MAX};
    static const uint64_t memories[] = {8u << 20, 9u << 20, 64u << 20, UINT64_C(1) << 40};
    fixture *f = *state;
    ikv_writer_options options = store_options(f->model.type);

    store_write(f->a, &f->model, &options);
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        options.expected_pairs = hints[i];
        store_write(f->b, &f->model, &options);
        assert_same_file(f->a, f->b);
    }
    options.expected_pairs = 0;
    for (size_t i = 0; i < sizeof(memories) / sizeof(memories[0]); i++) {
        options.memory = memories[i];
        store_write(f->b, &f->model, &options);
        assert_same_file(f->a, f->b);
    }
}

/* Without duplicates, the policy makes no difference. */
static void any_duplicate_policy(void **state)
{
    fixture *f = *state;
    ikv_writer_options options = store_options(f->model.type);
    store_write(f->a, &f->model, &options);
    for (int policy = IKV_DUPLICATES_FIRST; policy <= IKV_DUPLICATES_LAST; policy++) {
        options.on_duplicate = (ikv_duplicates)policy;
        store_write(f->b, &f->model, &options);
        assert_same_file(f->a, f->b);
    }
}

#define PERTURB_OUTPUT "INDEXKV_TEST_PERTURB_OUTPUT"

/* Runs in a child process started with this environment variable: see main. */
static void build_for_parent(const char *path)
{
    store_model model;
    rng_state rng = {3};
    static const unsigned char metadata[] = {1, 2, 3};
    ikv_writer_options options = store_options(IKV_KEY_BYTES(13));

    options.metadata = metadata;
    options.metadata_size = sizeof(metadata);
    options.on_duplicate = IKV_DUPLICATES_LAST;
    model_init(&model, IKV_KEY_BYTES(13));
    model_fill(&model, &rng, 3000, MODEL_KEYS_UNIFORM, MODEL_SIZES_MIXED);
    for (size_t i = 0; i < 300; i++) {
        unsigned char key[IKV_KEY_WIDTH_MAX];
        memcpy(key, model.pairs[i * 7].key, 13);
        model_add(&model, key, &i, 5);
    }
    store_write(path, &model, &options);
    model_free(&model);
}

static const char *program_name;

static void build_in_child(const char *path, const char *perturb)
{
    pid_t child = fork();
    if (child == 0) {
        setenv(PERTURB_OUTPUT, path, 1);
        if (perturb != NULL)
            setenv("MALLOC_PERTURB_", perturb, 1);
        else
            unsetenv("MALLOC_PERTURB_");
        execlp(program_name, program_name, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* An uninitialised byte would have the contents of the heap. */
static void any_contents_of_the_heap(void **state)
{
    fixture *f = *state;
    build_in_child(f->a, NULL);
    build_in_child(f->b, "85");
    assert_same_file(f->a, f->b);
    build_in_child(f->b, "170");
    assert_same_file(f->a, f->b);
}

/* ---------------------------------------------------------------- order of arrival */

/* Adds the pairs in key order or in reverse. */
static void add_in_order(const store_model *from, store_model *to, bool reversed)
{
    for (size_t i = 0; i < from->sorted_count; i++) {
        const model_pair *pair = from->sorted[reversed ? from->sorted_count - 1 - i : i];
        model_add(to, pair->key, pair->value, pair->size);
    }
    (void)model_sort(to, MODEL_KEEP_ALL);
}

static void assert_stats(const ikv_build_stats *stats, const store_model *model, const char *path)
{
    uint64_t value_bytes = 0;
    uint64_t spooled = 0; /* by the sorter of pairs, which copies no long values */
    for (size_t i = 0; i < model->sorted_count; i++) {
        value_bytes += model->sorted[i]->size;
        spooled += model->sorted[i]->size > 65536 ? model->sorted[i]->size : 0;
    }
    assert_int_equal(stats->pairs, model->sorted_count);
    assert_int_equal(stats->dropped, model->count - model->sorted_count);
    assert_int_equal(stats->value_bytes, value_bytes);
    assert_int_equal(stats->file_size, file_size(path));
    assert_int_equal(stats->spilled_runs, 0);
    assert_int_equal(stats->spilled_bytes, store_layout() == IKV_LAYOUT_CLUSTERED ? spooled : 0);
    assert_int_equal(stats->merge_passes, 0);
}

/* Whether records are in key order, as always in clustered stores. */
static int in_key_order(const char *path)
{
    ikv_store *store = store_open(path, IKV_KEY_NONE, 0, 0);
    ikv_info info;
    ikv_store_info(store, &info);
    ikv_close(store);
    return info.in_key_order;
}

static void sorted_reversed_and_shuffled(void **state)
{
    fixture *f = *state;
    ikv_writer_options options = store_options(f->model.type);
    store_model sorted;
    store_model reversed;

    model_init(&sorted, f->model.type);
    model_init(&reversed, f->model.type);
    add_in_order(&f->model, &sorted, false);
    add_in_order(&f->model, &reversed, true);

    ikv_build_stats stats = build(f->a, &sorted, &options);
    assert_stats(&stats, &sorted, f->a);
    assert_int_equal(stats.input_sorted, 1);
    assert_int_equal(in_key_order(f->a), 1);
    assert_written(f->a, &sorted, false, 0);
    assert_store_equals(f->a, &sorted);

    stats = build(f->a, &reversed, &options);
    assert_stats(&stats, &reversed, f->a);
    assert_int_equal(stats.input_sorted, 0);
    assert_int_equal(in_key_order(f->a), store_layout() == IKV_LAYOUT_CLUSTERED);
    assert_written(f->a, &reversed, false, 0);
    assert_store_equals(f->a, &reversed);

    stats = build(f->a, &f->model, &options);
    assert_stats(&stats, &f->model, f->a);
    assert_int_equal(stats.input_sorted, 0);
    assert_int_equal(in_key_order(f->a), store_layout() == IKV_LAYOUT_CLUSTERED);
    model_free(&sorted);
    model_free(&reversed);
}

static void empty_and_single_pair_input(void **state)
{
    fixture *f = *state;
    ikv_writer_options options = store_options(IKV_KEY_U8);
    store_model model;
    model_init(&model, IKV_KEY_U8);
    for (size_t count = 0; count < 2; count++) {
        (void)model_sort(&model, MODEL_KEEP_ALL);
        ikv_build_stats stats = build(f->a, &model, &options);
        assert_stats(&stats, &model, f->a);
        assert_int_equal(stats.input_sorted, 1);
        assert_int_equal(in_key_order(f->a), 1);
        model_add(&model, "k", "value", 5);
    }
    model_free(&model);
}

/* ---------------------------------------------------------------- store id and metadata */

static void get_id(const char *path, unsigned char *ret_id)
{
    ikv_store *store = store_open(path, IKV_KEY_NONE, 0, 0);
    ikv_info info;
    ikv_store_info(store, &info);
    memcpy(ret_id, info.store_id, 16);
    ikv_close(store);
}

static void store_ids_are_random_or_as_given(void **state)
{
    fixture *f = *state;
    ikv_writer_options options = store_options(f->model.type);
    unsigned char ids[32][16];

    store_write(f->a, &f->model, &options);
    get_id(f->a, ids[0]);
    assert_memory_equal(ids[0], options.store_id, 16);
    options.store_id = NULL;
    for (size_t i = 0; i < 32; i++) {
        store_write(f->a, &f->model, &options);
        get_id(f->a, ids[i]);
        for (size_t other = 0; other < i; other++)
            assert_memory_not_equal(ids[i], ids[other], 16);
    }
}

static void assert_metadata(const char *path, const unsigned char *metadata, size_t size)
{
    ikv_store *store = store_open(path, IKV_KEY_NONE, 0, 0);
    ikv_info info;
    ikv_store_info(store, &info);
    assert_int_equal(info.metadata_size, size);
    if (size == 0)
        assert_null(info.metadata);
    else
        assert_memory_equal(info.metadata, metadata, size);
    ikv_close(store);
    assert_int_equal(ikv_verify(path, NULL, NULL, NULL, NULL), 0);
}

static void metadata_is_returned(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 7, 8, 4095, 4096, 65537, 1u << 20};
    fixture *f = *state;
    ikv_writer_options options = store_options(f->model.type);
    unsigned char *metadata = must_malloc((1u << 20) + 1);
    rng_state rng = {8};
    ikv_writer *writer = NULL;
    ikv_error err;

    rng_fill(&rng, metadata, (1u << 20) + 1);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        options.metadata = metadata;
        options.metadata_size = sizes[i];
        store_write(f->a, &f->model, &options);
        assert_metadata(f->a, metadata, sizes[i]);
    }
    options.metadata_size = (1u << 20) + 1;
    assert_failed(ikv_writer_new(f->b, &options, &writer, &err), IKV_E_INVALID, &err, NULL);
    assert_null(writer);
    assert_int_equal(file_exists(f->b), 0);

    /* The writer copies it. */
    options.metadata_size = 100;
    assert_ok(ikv_writer_new(f->a, &options, &writer, &err), &err);
    unsigned char first[100];
    memcpy(first, metadata, sizeof(first));
    memset(metadata, 0, sizeof(first));
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
    assert_metadata(f->a, first, sizeof(first));
    free(metadata);
}

static void remove_outputs(const fixture *f)
{
    if (file_exists(f->a))
        assert_int_equal(unlink(f->a), 0);
    if (file_exists(f->b))
        assert_int_equal(unlink(f->b), 0);
}

static int clean_up(void **state)
{
    remove_outputs(*state);
    assert_int_equal(tmpdir_count(&((fixture *)*state)->dir), 0);
    return 0;
}

int main(int argc, char **argv)
{
    (void)argc;
    program_name = argv[0];

    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(repeated_and_by_callback, clean_up),
        cmocka_unit_test_teardown(any_hint_and_memory, clean_up),
        cmocka_unit_test_teardown(any_duplicate_policy, clean_up),
        cmocka_unit_test_teardown(any_contents_of_the_heap, clean_up),
        cmocka_unit_test_teardown(sorted_reversed_and_shuffled, clean_up),
        cmocka_unit_test_teardown(empty_and_single_pair_input, clean_up),
        cmocka_unit_test_teardown(store_ids_are_random_or_as_given, clean_up),
        cmocka_unit_test_teardown(metadata_is_returned, clean_up),
    };
    const char *output = getenv(PERTURB_OUTPUT);
    if (output != NULL) {
        build_for_parent(output);
        return 0;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
