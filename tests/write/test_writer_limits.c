/* Values and options that a writer refuses, and builds that end early: by an error of the caller,
 * by its progress callback, by abort. The old store is unchanged, and no other file is left. */
#include "hostkey.h"
#include "platform.h"
#include "process.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "victim.h"
#include "written.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int set_up(void **state)
{
    victim *self = must_malloc(sizeof(*self));
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = 2000, .sizes = MODEL_SIZES_MIXED};
    victim_make(self, &setup);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    victim_free(*state);
    free(*state);
    return 0;
}

static void assert_untouched(const victim *self)
{
    assert_true(victim_is_old(self));
    assert_int_equal(victim_orphans(self), 0);
}

/* ---------------------------------------------------------------- values */

static size_t largest_value(uint32_t flags)
{
    if (flags & IKV_WRITE_PLAIN)
        return UINT32_MAX;
    return store_layout() == IKV_LAYOUT_CLUSTERED ? IKV_VALUE_SIZE_MAX_CLUSTERED
                                                  : IKV_VALUE_SIZE_MAX;
}

/* The size is refused before the value is read: it has only one byte here. */
static void add_too_large(ikv_writer *writer, const char *path, uint64_t size)
{
    ikv_error err;
    uint64_t key = 7;
    if (size > SIZE_MAX)
        return;
    assert_failed(ikv_writer_add(writer, &key, "x", (size_t)size, &err), IKV_E_VALUE_TOO_LARGE,
                  &err, path);
    assert_int_equal(err.key_type, IKV_KEY_U64);
    assert_memory_equal(err.key, &key, sizeof(key));
}

static void too_large_values_are_refused(void **state)
{
    victim *self = *state;
    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags++) {
        const ikv_writer_options options = store_options_with(IKV_KEY_U64, flags);
        const uint64_t max = largest_value(flags);
        ikv_writer *writer = NULL;
        ikv_error err;

        assert_ok(ikv_writer_new(self->path, &options, &writer, &err), &err);
        add_too_large(writer, self->path, max + 1);
        for (size_t i = 0; i < self->model.count; i++) {
            const model_pair *pair = &self->model.pairs[i];
            assert_ok(ikv_writer_add(writer, pair->key, pair->value, pair->size, &err), &err);
            if (i % 500 == 0) {
                add_too_large(writer, self->path, max + 1 + i);
                add_too_large(writer, self->path, UINT64_MAX);
            }
        }
        assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
        assert_written(self->path, &self->model, flags == IKV_WRITE_PLAIN, 0);
        assert_store_equals(self->path, &self->model);
        victim_reset(self);
    }
}

static int one_huge_pair(void *user, ikv_pair *pair)
{
    static const uint64_t key = 9;
    ++*(int *)user;
    *pair = (ikv_pair){&key, "x", (size_t)UINT32_MAX};
    return 1;
}

static void a_too_large_value_ends_a_build(void **state)
{
    victim *self = *state;
    ikv_error err;
    int calls = 0;
    assert_failed(ikv_build(self->path, &self->options, one_huge_pair, &calls, NULL, &err),
                  IKV_E_VALUE_TOO_LARGE, &err, self->path);
    assert_int_equal(calls, 1);
    assert_untouched(self);
}

/* Needs 8 GiB of disk, so only in long runs. */
static void the_largest_values_are_accepted(void **state)
{
    (void)state;
    const size_t max = largest_value(0);
    if (sizeof(size_t) < 8 || test_scaled(100) < 1000)
        skip();
    tmpdir dir;
    tmpdir_make(&dir);
    char *path = tmpdir_file(&dir, "store");
    unsigned char *value = mmap(NULL, max + 4, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | TEST_MAP_NORESERVE, -1, 0);
    ikv_writer_options options = store_options(IKV_KEY_U8);
    ikv_writer *writer = NULL;
    ikv_result *result = NULL;
    ikv_error err;

    assert_true(value != MAP_FAILED);
    value[0] = 1;
    value[max - 1] = 2;
    assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
    assert_ok(ikv_writer_add(writer, "b", value, max, &err), &err);
    assert_ok(ikv_writer_add(writer, "a", "after", 5, &err), &err);
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
    ikv_store *store = store_open(path, IKV_KEY_U8, 0, 0);
    assert_int_equal(ikv_result_new(&result), 0);
    assert_ok(ikv_get(store, "b", NULL, result, &err), &err);
    const ikv_item *item = ikv_result_items(result);
    assert_int_equal(item->size, max);
    assert_memory_equal(item->value, value, max);
    assert_ok(ikv_get(store, "a", NULL, result, &err), &err);
    assert_memory_equal(ikv_result_items(result)->value, "after", 5);
    ikv_result_free(result);
    ikv_close(store);
    munmap(value, max + 4);
    free(path);
    tmpdir_remove(&dir);
}

/* ---------------------------------------------------------------- arguments and options */

static void refuse(const victim *self, const ikv_writer_options *options)
{
    ikv_writer *const untouched = (ikv_writer *)(uintptr_t)self;
    ikv_writer *writer = untouched;
    ikv_error err;
    assert_failed(ikv_writer_new(self->path, options, &writer, &err), IKV_E_INVALID, &err, NULL);
    assert_ptr_equal(writer, untouched);
    assert_untouched(self);
}

static void wrong_options_are_refused(void **state)
{
    const victim *self = *state;
    const ikv_writer_options good = store_options(IKV_KEY_U64);
    static const ikv_key_type invalid_types[] = {
        0, 1, 0x100, 0x103, 0x120, 0x203, 0x300, 0x381, 0x401, 8, 0x10000104, UINT32_MAX};
    ikv_writer_options bad;

    for (size_t i = 0; i < sizeof(invalid_types) / sizeof(invalid_types[0]); i++) {
        bad = good;
        bad.key_type = invalid_types[i];
        refuse(self, &bad);
    }
    bad = good;
    bad.flags = 8;
    refuse(self, &bad);
    bad = good;
    bad.on_duplicate = (ikv_duplicates)3;
    refuse(self, &bad);
    bad = good;
    bad.mode = 010000;
    refuse(self, &bad);
    bad = good;
    bad.memory = (8u << 20) - 1;
    refuse(self, &bad);
    bad = good;
    bad.metadata_size = 1;
    refuse(self, &bad);
    bad = good;
    bad.stride = 24;
    refuse(self, &bad);
    bad = good;
    bad.size = 3;
    refuse(self, &bad);
    bad = good; /* a plain file cannot have an id */
    bad.flags = IKV_WRITE_PLAIN;
    refuse(self, &bad);
    bad.store_id = NULL;
    bad.metadata = "m";
    bad.metadata_size = 1;
    refuse(self, &bad);
}

static void wrong_layouts_are_refused(void **state)
{
    static const uint32_t leaf_sizes[] = {1,     512,   2048,  4095,      4097,
                                          12288, 32767, 65536, UINT32_MAX};
    const victim *self = *state;
    ikv_writer_options good = store_options(IKV_KEY_U64);
    ikv_writer_options bad;

    good.layout = IKV_LAYOUT_ARRIVAL;
    bad = good;
    bad.layout = (ikv_layout)3;
    refuse(self, &bad);
    bad = good; /* for clustered stores only */
    bad.leaf_size = 4096;
    refuse(self, &bad);
    bad = good;
    bad.flags = IKV_WRITE_NO_V2_INDEX;
    refuse(self, &bad);
    good.layout = IKV_LAYOUT_CLUSTERED;
    for (size_t i = 0; i < sizeof(leaf_sizes) / sizeof(leaf_sizes[0]); i++) {
        bad = good;
        bad.leaf_size = leaf_sizes[i];
        refuse(self, &bad);
    }
    bad = good;
    bad.flags = IKV_WRITE_PLAIN;
    bad.store_id = NULL;
    refuse(self, &bad);
    bad.flags = IKV_WRITE_PLAIN | IKV_WRITE_NO_V2_INDEX;
    refuse(self, &bad);
}

static void missing_arguments_are_refused(void **state)
{
    const victim *self = *state;
    ikv_writer *writer = NULL;
    ikv_error err;
    uint64_t key = 1;

    refuse(self, NULL);
    assert_int_equal(ikv_writer_new(NULL, &self->options, &writer, NULL), IKV_E_INVALID);
    assert_int_equal(ikv_writer_new(self->path, &self->options, NULL, NULL), IKV_E_INVALID);
    assert_int_equal(ikv_build(self->path, &self->options, NULL, NULL, NULL, NULL), IKV_E_INVALID);
    assert_int_equal(ikv_writer_add(NULL, &key, "v", 1, NULL), IKV_E_INVALID);
    assert_int_equal(ikv_writer_finish(NULL, NULL, NULL), IKV_E_INVALID);
    ikv_writer_abort(NULL);

    assert_ok(ikv_writer_new(self->path, &self->options, &writer, &err), &err);
    assert_failed(ikv_writer_add(writer, NULL, "v", 1, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_writer_add(writer, &key, NULL, 1, &err), IKV_E_INVALID, &err, NULL);
    assert_ok(ikv_writer_add(writer, &key, NULL, 0, &err), &err); /* nothing, and nowhere */
    ikv_writer_abort(writer);
    assert_untouched(self);
}

/* Options of a later version are accepted if unknown fields are zero. */
static void options_of_a_later_version(void **state)
{
    victim *self = *state;
    struct {
        ikv_writer_options known;
        unsigned char more[40];
    } later;
    ikv_writer *writer = NULL;
    ikv_error err;

    memset(&later, 0, sizeof(later));
    later.known = self->options;
    later.known.size = sizeof(later);
    assert_ok(ikv_writer_new(self->path, &later.known, &writer, &err), &err);
    ikv_writer_abort(writer);
    later.more[39] = 1;
    refuse(self, &later.known);
}

/* ---------------------------------------------------------------- ending early */

typedef struct failing_source {
    const store_model *model;
    size_t next;
    size_t fail_at;
    int code;
} failing_source;

static int next_or_fail(void *user, ikv_pair *pair)
{
    failing_source *from = user;
    if (from->next == from->fail_at)
        return from->code;
    const model_pair *next = &from->model->pairs[from->next++];
    *pair = (ikv_pair){next->key, next->value, next->size};
    return 1;
}

static void the_code_of_the_caller_is_returned(void **state)
{
    static const int codes[] = {-1,          -EIO,    -ENOMEM,    -999, -4242, IKV_E_KEY_SYNTAX,
                                IKV_E_STATE, INT_MIN, INT_MIN + 1};
    victim *self = *state;
    const size_t places[] = {0, 1, self->model.count / 2, self->model.count};

    for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
        for (size_t c = 0; c < sizeof(codes) / sizeof(codes[0]); c++) {
            failing_source from = {&self->model, 0, places[p], codes[c]};
            ikv_build_stats stats;
            ikv_error err;
            memset(&stats, 0x77, sizeof(stats));
            assert_int_equal(
                ikv_build(self->path, &self->options, next_or_fail, &from, &stats, &err), codes[c]);
            assert_int_equal(stats.pairs, UINT64_C(0x7777777777777777));
            assert_untouched(self);
        }
        failing_source from = {&self->model, 0, places[p], 2};
        ikv_error err;
        assert_failed(ikv_build(self->path, &self->options, next_or_fail, &from, NULL, &err),
                      IKV_E_INVALID, &err, self->path);
        assert_untouched(self);
    }
}

static void abort_leaves_nothing(void **state)
{
    victim *self = *state;
    size_t descriptors = process_descriptors();
    for (size_t count = 0; count <= self->model.count; count += 400) {
        ikv_writer *writer = NULL;
        ikv_error err;
        assert_ok(ikv_writer_new(self->path, &self->options, &writer, &err), &err);
        assert_int_equal(victim_orphans(self), 1);
        for (size_t i = 0; i < count; i++) {
            const model_pair *pair = &self->model.pairs[i];
            assert_ok(ikv_writer_add(writer, pair->key, pair->value, pair->size, &err), &err);
        }
        ikv_writer_abort(writer);
        assert_untouched(self);
    }
    assert_int_equal(process_descriptors(), descriptors);
}

typedef struct progress_log {
    size_t calls;
    size_t cancel_at;
    char phases[256]; /* names of the phases, in order */
    const char *last;
} progress_log;

static int note_progress(void *user, const ikv_progress *progress)
{
    progress_log *log = user;
    assert_non_null(progress->phase);
    assert_non_null(progress->unit);
    assert_true(progress->total == 0 || progress->done <= progress->total);
    if (log->last == NULL || strcmp(log->last, progress->phase) != 0) {
        strcat(log->phases, progress->phase);
        strcat(log->phases, " ");
        log->last = progress->phase;
    }
    return log->calls++ == log->cancel_at;
}

/* Cancels at each call of the callback in turn, until a build completes. */
static void cancel_everywhere(const victim_setup *setup)
{
    victim self;
    progress_log log;
    size_t canceled = 0;
    int code;

    victim_make(&self, setup);
    self.options.on_progress = note_progress;
    self.options.progress_user = &log;
    log = (progress_log){.cancel_at = SIZE_MAX};
    assert_ok(victim_build(&self, NULL), NULL);
    victim_reset(&self);
    const size_t calls = log.calls;
    for (;; canceled++) {
        ikv_error err;
        if (canceled < calls && !test_in_sample(canceled, calls, 8))
            continue;
        log = (progress_log){.cancel_at = canceled};
        code = victim_build(&self, &err);
        if (code == 0)
            break;
        assert_failed(code, IKV_E_CANCELED, &err, self.path);
        assert_int_equal(log.calls, canceled + 1);
        assert_untouched(&self);
    }
    assert_true(victim_is_new(&self));
    print_message("canceled at %zu places; phases: %s\n", canceled, log.phases);
    assert_true(canceled >= 2);
    victim_free(&self);
}

static void progress_can_cancel(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = 2000, .sizes = MODEL_SIZES_MIXED};
    cancel_everywhere(&setup);
    setup.duplicates = true;
    cancel_everywhere(&setup);
    setup.flags = IKV_WRITE_PLAIN;
    cancel_everywhere(&setup);
    setup = (victim_setup){.type = IKV_KEY_BYTES(128),
                           .pairs = 40000,
                           .sizes = MODEL_SIZES_EIGHT,
                           .memory = 8u << 20,
                           .duplicates = true};
    cancel_everywhere(&setup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_large_values_are_refused),
        cmocka_unit_test(a_too_large_value_ends_a_build),
        cmocka_unit_test(the_largest_values_are_accepted),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(wrong_layouts_are_refused),
        cmocka_unit_test(missing_arguments_are_refused),
        cmocka_unit_test(options_of_a_later_version),
        cmocka_unit_test(the_code_of_the_caller_is_returned),
        cmocka_unit_test(abort_leaves_nothing),
        cmocka_unit_test(progress_can_cancel),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
