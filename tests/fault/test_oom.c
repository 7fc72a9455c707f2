/* Out of memory: the Nth allocation of a call fails, with or without all later ones, for every N.
 * The call succeeds or returns -ENOMEM. It leaks nothing, leaves no file and changes no store. */
#include "fault_alloc.h"
#include "hostkey.h"
#include "process.h"
#include "scale.h"
#include "stores.h"
#include "victim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct oom_context {
    victim self;
    ikv_store *store;    /* the new store, for calls that read */
    ikv_result *result;  /* for calls that reuse one */
    unsigned char *keys; /* for a batch */
    size_t key_count;
    ikv_match match;
    ikv_order order;
    const char *reading; /* path of a store to open or verify */
} oom_context;

/* Calls the library and checks the results. Returns the library's code. Frees all it allocated,
 * even after failures, and allocates only through the library. */
typedef int (*oom_call)(oom_context *context);

static void assert_no_leak(const char *what, uint64_t number, size_t live_before,
                           size_t descriptors_before)
{
    if (fault_alloc_live() != live_before)
        fail_msg("%s, allocation %llu: %ld blocks leaked", what, (unsigned long long)number,
                 (long)fault_alloc_live() - (long)live_before);
    if (process_descriptors() != descriptors_before)
        fail_msg("%s, allocation %llu: a descriptor leaked", what, (unsigned long long)number);
}

/* Calls with allocation `number` failing, with for_good also all later ones. */
static fault_alloc_report fail_allocation(const char *what, oom_context *context, oom_call call,
                                          uint64_t number, bool for_good)
{
    size_t live = fault_alloc_live();
    size_t descriptors = process_descriptors();

    fault_alloc_start(number, for_good);
    int code = call(context);
    fault_alloc_report report = fault_alloc_stop();
    if (code != 0 && code != -ENOMEM)
        fail_msg("%s, allocation %llu%s: failed with %d (%s)", what, (unsigned long long)number,
                 for_good ? " and all later ones" : "", code, ikv_strerror(code));
    if (code != 0 && report.failed == 0)
        fail_msg("%s: -ENOMEM, but no allocation failed", what);
    if (context->result == NULL) /* results keep their memory */
        assert_no_leak(what, number, live, descriptors);
    return report;
}

static void fail_each_allocation(const char *what, oom_context *context, oom_call call,
                                 void (*afterwards)(oom_context *context))
{
    const uint64_t calls = fail_allocation(what, context, call, FAULT_ALLOC_NONE, false).calls;
    uint64_t number = 0;
    if (afterwards != NULL)
        afterwards(context);
    for (bool more = true; more; number++) {
        if (number < calls && !test_in_sample(number, calls, 8))
            continue;
        more = fail_allocation(what, context, call, number, false).failed > 0;
        if (afterwards != NULL)
            afterwards(context);
        if (!more)
            break;
        (void)fail_allocation(what, context, call, number, true);
        if (afterwards != NULL)
            afterwards(context);
    }
    print_message("%s: %llu allocations\n", what, (unsigned long long)number);
}

/* ---------------------------------------------------------------- writing */

static int call_build(oom_context *context)
{
    ikv_error err = {.code = 0};
    int code = victim_build(&context->self, &err);
    if (code != 0 && err.code != code)
        fail_msg("the error has code %d, not %d", err.code, code);
    return code;
}

/* Whether the build failed or not, the path has the old or the new store, and there is no other
 * file. */
static void after_build(oom_context *context)
{
    const victim *self = &context->self;
    if (victim_orphans(self) > 0)
        fail_msg("a file is left");
    if (!victim_is_old(self) && !victim_is_new(self))
        fail_msg("the path has neither the old nor the new store");
    if (!victim_is_old(self))
        victim_reset(self);
}

static void fail_in_build(const char *what, const victim_setup *setup)
{
    oom_context context = {.result = NULL};
    victim_make(&context.self, setup);
    fail_each_allocation(what, &context, call_build, after_build);
    victim_free(&context.self);
}

static void builds(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = 500, .sizes = MODEL_SIZES_MIXED};
    fail_in_build("build", &setup);
    setup.by_callback = true;
    fail_in_build("build by callback", &setup);
    setup.flags = IKV_WRITE_PLAIN;
    fail_in_build("plain build", &setup);
    setup.duplicates = true;
    fail_in_build("plain build with duplicates", &setup);
    setup.flags = 0;
    fail_in_build("build with duplicates", &setup);
    setup = (victim_setup){
        .type = IKV_KEY_U64, .pairs = 500, .sizes = MODEL_SIZES_MIXED, .merged = true};
    fail_in_build("merge", &setup);
    setup.merged = false;
    setup.ranges = true;
    fail_in_build("ranges", &setup);
}

static void spilled_builds(void **state)
{
    (void)state;
    victim_setup setup = {
        .type = IKV_KEY_BYTES(128), .pairs = 40000, .sizes = MODEL_SIZES_EIGHT, .memory = 8u << 20};
    fail_in_build("spilled build", &setup);
    setup.duplicates = true;
    fail_in_build("spilled build with duplicates", &setup);
}

static int call_new_and_abort(oom_context *context)
{
    static const char metadata[] = "metadata of the builder";
    ikv_writer_options options = store_options(IKV_KEY_BYTES(20));
    ikv_writer *const untouched = (ikv_writer *)(void *)context;
    ikv_writer *writer = untouched;

    options.store_id = NULL;
    options.temp_dir = context->self.dir.path;
    options.metadata = metadata;
    options.metadata_size = sizeof(metadata);
    int code = ikv_writer_new(context->self.path, &options, &writer, NULL);
    if (code != 0) {
        assert_ptr_equal(writer, untouched);
        return code;
    }
    ikv_writer_abort(writer);
    return 0;
}

static void writer_that_is_aborted(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = 10};
    oom_context context = {.result = NULL};
    victim_make(&context.self, &setup);
    fail_each_allocation("new and abort", &context, call_new_and_abort, after_build);
    victim_free(&context.self);
}

/* ---------------------------------------------------------------- reading */

/* The new store at the path, and a batch of all its keys and their neighbours. */
static void make_readable(oom_context *context, const victim_setup *setup)
{
    memset(context, 0, sizeof(*context));
    victim *self = &context->self;
    size_t width = hostkey_width(setup->type);
    ikv_error err;

    victim_make(self, setup);
    assert_ok(victim_build(self, &err), &err);
    context->reading = self->path;
    /* A plain store remembers keys of its index, which would be taken for leaks. */
    context->store = store_open(self->path, setup->type, 0, setup->flags & IKV_WRITE_PLAIN ? 1 : 0);
    context->key_count = 2 * self->model.sorted_count;
    context->keys = must_malloc(context->key_count * width);
    for (size_t i = 0; i < context->key_count; i++) {
        memcpy(context->keys + i * width, self->model.sorted[i / 2]->key, width);
        if (i % 2 == 1)
            (void)hostkey_next(setup->type, context->keys + i * width);
    }
}

static void free_readable(oom_context *context)
{
    ikv_close(context->store);
    free(context->keys);
    victim_free(&context->self);
}

static int call_open(oom_context *context)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *const untouched = (ikv_store *)(void *)context;
    ikv_store *store = untouched;

    options.key_type = context->self.setup.type;
    int code = ikv_open(context->reading, &options, &store, NULL);
    if (code != 0) {
        assert_ptr_equal(store, untouched);
        return code;
    }
    ikv_close(store);
    return 0;
}

static void assert_answers(const oom_context *context, const ikv_result *result)
{
    size_t width = hostkey_width(context->self.setup.type);
    const ikv_item *items = ikv_result_items(result);
    assert_int_equal(ikv_result_count(result), context->key_count);
    for (size_t i = 0; i < context->key_count; i++) {
        if (!item_is_right(&context->self.model, context->keys + i * width, context->match,
                           &items[i]))
            fail_msg("wrong answer for key %zu", i);
    }
}

static int call_get_many(oom_context *context)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_result *result = context->result;
    ikv_error err = {.code = 0};

    options.match = context->match;
    int code = result == NULL ? ikv_result_new(&result) : 0;
    if (code != 0)
        return code;
    code = ikv_get_many(context->store, context->keys, context->key_count, &options, result, &err);
    if (code == 0) {
        assert_answers(context, result);
    } else {
        assert_int_equal(err.code, code);
        assert_int_equal(ikv_result_count(result), 0);
    }
    if (context->result == NULL)
        ikv_result_free(result);
    return code;
}

static int call_get(oom_context *context)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_result *result = NULL;

    options.match = context->match;
    int code = ikv_result_new(&result);
    if (code != 0)
        return code;
    code = ikv_get(context->store, context->keys, &options, result, NULL);
    if (code == 0)
        assert_true(item_is_right(&context->self.model, context->keys, context->match,
                                  ikv_result_items(result)));
    ikv_result_free(result);
    return code;
}

/* After a batch failed, its result can be used for the next one. */
static void after_get_many(oom_context *context)
{
    assert_int_equal(call_get_many(context), 0);
    ikv_result_clear(context->result);
}

static int call_scan(oom_context *context)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    const store_model *model = &context->self.model;
    ikv_scan *scan = NULL;
    ikv_item item;
    size_t count = 0;

    options.order = context->order;
    options.memory = 1u << 20;
    int code = ikv_scan_open(context->store, &options, &scan, NULL);
    if (code != 0)
        return code;
    while ((code = ikv_scan_next(scan, &item, NULL)) == 0) {
        assert_true(count < model->sorted_count);
        const model_pair *pair = store_scanned_pair(context->store, model, context->order, count);
        assert_int_equal(item.status, IKV_FOUND);
        assert_int_equal(item.size, pair->size);
        assert_memory_equal(item.value, pair->value, pair->size);
        count++;
    }
    if (code == IKV_E_END)
        assert_int_equal(count, model->sorted_count);
    assert_int_equal(ikv_scan_next(scan, &item, NULL), code);
    ikv_scan_close(scan);
    return code == IKV_E_END ? 0 : code;
}

static int call_verify(oom_context *context)
{
    ikv_verify_options options = IKV_VERIFY_OPTIONS_INIT;
    ikv_open_options open_options = IKV_OPEN_OPTIONS_INIT;
    ikv_verify_report report;

    memset(&report, 0, sizeof(report));
    options.memory = 8u << 20;
    open_options.key_type = context->self.setup.type;
    int code = ikv_verify(context->reading, &open_options, &options, &report, NULL);
    if (code == 0)
        assert_int_equal(report.records, context->self.model.sorted_count);
    assert_int_equal(report.problems, 0);
    return code;
}

static void fail_in_reading(const victim_setup *setup)
{
    oom_context context;
    make_readable(&context, setup);
    fail_each_allocation("open", &context, call_open, NULL);
    fail_each_allocation("verify", &context, call_verify, NULL);
    for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
        context.match = (ikv_match)match;
        fail_each_allocation("get", &context, call_get, NULL);
        fail_each_allocation("get_many", &context, call_get_many, NULL);
        assert_int_equal(ikv_result_new(&context.result), 0);
        fail_each_allocation("get_many again", &context, call_get_many, after_get_many);
        ikv_result_free(context.result);
        context.result = NULL;
    }
    for (int order = IKV_ORDER_KEY; order <= IKV_ORDER_STORAGE; order++) {
        context.order = (ikv_order)order;
        fail_each_allocation(order == IKV_ORDER_KEY ? "scan by key" : "scan by storage", &context,
                             call_scan, NULL);
    }
    free_readable(&context);
}

static void reading_native(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = 700, .sizes = MODEL_SIZES_MIXED};
    fail_in_reading(&setup);
}

static void reading_plain(void **state)
{
    (void)state;
    victim_setup setup = {
        .type = IKV_KEY_U128, .pairs = 700, .sizes = MODEL_SIZES_MIXED, .flags = IKV_WRITE_PLAIN};
    fail_in_reading(&setup);
}

/* Enough pairs that sorting their positions exceeds the memory of verify. */
static void verify_that_spills(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_BYTES(128), .pairs = 40000, .sizes = MODEL_SIZES_EIGHT};
    oom_context context;
    make_readable(&context, &setup);
    fail_each_allocation("verify of many", &context, call_verify, NULL);
    free_readable(&context);
}

/* Without it, allocations would go on failing after a failed assertion. */
static int stop_failing(void **state)
{
    (void)state;
    (void)fault_alloc_stop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(builds, stop_failing),
        cmocka_unit_test_teardown(spilled_builds, stop_failing),
        cmocka_unit_test_teardown(writer_that_is_aborted, stop_failing),
        cmocka_unit_test_teardown(reading_native, stop_failing),
        cmocka_unit_test_teardown(reading_plain, stop_failing),
        cmocka_unit_test_teardown(verify_that_spills, stop_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
