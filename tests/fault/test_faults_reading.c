/* Each system call of opening, lookups, scans and verification fails, in each way it can:
 * interrupted calls are continued, other failures are reported, and no answer is wrong. */
#include "fault_io.h"
#include "hostkey.h"
#include "platform.h"
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

typedef struct reading {
    victim self;
    uint64_t index_memory;  /* as in ikv_open_options */
    uint64_t verify_memory; /* as in ikv_verify_options */
    ikv_store *store;
    ikv_result *result;
    unsigned char *keys; /* for a batch */
    size_t key_count;
    ikv_match match;
    ikv_order order;
} reading;

/* Calls the library and checks the answers. Returns the library's code. */
typedef int (*read_call)(reading *context);

typedef struct read_fault {
    fault_action action;
    int error;
    bool for_good;
    bool continued; /* reads must succeed as without the fault */
} read_fault;

static const read_fault faults[] = {
    {FAULT_FAIL, EIO, false, false},    {FAULT_FAIL, EIO, true, false},
    {FAULT_FAIL, ENOMEM, false, false}, {FAULT_FAIL, EINTR, false, true},
    {FAULT_SHORT, 0, false, true},      {FAULT_SHORT, 0, true, true},
    {FAULT_ZERO, 0, false, false},      {FAULT_ZERO, 0, true, false},
};
#define FAULTS (sizeof(faults) / sizeof(faults[0]))

/* ---------------------------------------------------------------- calls */

static int call_open(reading *context)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *const untouched = (ikv_store *)(void *)context;
    ikv_store *store = untouched;
    ikv_error err = {.code = 0};

    options.key_type = context->self.setup.type;
    options.index_memory = context->index_memory;
    int code = ikv_open(context->self.path, &options, &store, &err);
    if (code == 0) {
        ikv_close(store);
    } else {
        assert_ptr_equal(store, untouched);
        assert_int_equal(err.code, code);
        assert_string_equal(err.file, context->self.path);
    }
    return code;
}

/* Each item is right or IKV_UNREADABLE, and the statistics agree. */
static void assert_right_or_unreadable(const reading *context, int code)
{
    size_t width = hostkey_width(context->self.setup.type);
    const ikv_item *items = ikv_result_items(context->result);
    const ikv_stats *stats = ikv_result_stats(context->result);
    size_t unreadable = 0;

    assert_int_equal(ikv_result_count(context->result), context->key_count);
    for (size_t i = 0; i < context->key_count; i++) {
        if (items[i].status == IKV_UNREADABLE) {
            assert_null(items[i].value);
            unreadable++;
        } else if (!item_is_right(&context->self.model, context->keys + i * width, context->match,
                                  &items[i])) {
            fail_msg("wrong answer for key %zu", i);
        }
    }
    assert_int_equal(stats->unreadable, unreadable);
    assert_int_equal(stats->corrupt, 0);
    assert_int_equal(stats->found + stats->missing + unreadable, context->key_count);
    assert_int_equal(unreadable > 0, code != 0);
    if (code != 0) {
        assert_non_null(ikv_result_problem(context->result));
        assert_int_equal(ikv_result_problem(context->result)->code, code);
    }
}

static int call_get_many(reading *context)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_error err = {.code = 0};

    options.match = context->match;
    int code = ikv_get_many(context->store, context->keys, context->key_count, &options,
                            context->result, &err);
    assert_int_equal(err.code, code);
    assert_right_or_unreadable(context, code);
    return code;
}

static int call_get(reading *context)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;

    options.match = context->match;
    int code = ikv_get(context->store, context->keys, &options, context->result, NULL);
    const ikv_item *item = ikv_result_items(context->result);
    if (code == 0)
        assert_true(item_is_right(&context->self.model, context->keys, context->match, item));
    else
        assert_int_equal(item->status, IKV_UNREADABLE);
    return code;
}

/* Returned by call_scan if the scan reached its end, but records could not be read. */
#define SOME_UNREADABLE 1

static int call_scan(reading *context)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    const store_model *model = &context->self.model;
    ikv_scan *scan = NULL;
    ikv_item item;
    size_t count = 0;
    size_t unreadable = 0;

    options.order = context->order;
    int code = ikv_scan_open(context->store, &options, &scan, NULL);
    if (code != 0)
        return code;
    while ((code = ikv_scan_next(scan, &item, NULL)) == 0) {
        assert_true(count < model->sorted_count);
        const model_pair *pair = store_scanned_pair(context->store, model, context->order, count);
        count++;
        if (item.status == IKV_UNREADABLE && context->order == IKV_ORDER_KEY) {
            assert_null(item.value);
            assert_int_equal(hostkey_compare(model->type, item.key, pair->key), 0);
            unreadable++;
            continue;
        }
        assert_int_equal(item.status, IKV_FOUND);
        assert_int_equal(item.size, pair->size);
        assert_memory_equal(item.value, pair->value, pair->size);
    }
    if (code == IKV_E_END)
        assert_int_equal(count, model->sorted_count);
    assert_int_equal(ikv_scan_next(scan, &item, NULL), code); /* the code is repeated */
    assert_int_equal(ikv_scan_stats(scan)->unreadable, unreadable);
    ikv_scan_close(scan);
    if (code != IKV_E_END)
        return code;
    return unreadable > 0 ? SOME_UNREADABLE : 0;
}

static int call_verify(reading *context)
{
    ikv_open_options open_options = IKV_OPEN_OPTIONS_INIT;
    ikv_verify_options options = IKV_VERIFY_OPTIONS_INIT;
    open_options.key_type = context->self.setup.type;
    options.memory = context->verify_memory;
    return ikv_verify(context->self.path, &open_options, &options, NULL, NULL);
}

/* ---------------------------------------------------------------- faults */

#define CALLS_MAX 4096

typedef struct call_list {
    size_t count;
    fault_call calls[CALLS_MAX];
} call_list;

static void note_call(void *user, const fault_event *event)
{
    call_list *list = user;
    if (list->count < CALLS_MAX)
        list->calls[list->count] = event->call;
    list->count++;
}

/* Batches and scans in key order read neighbouring records in one read, and one by one if that
 * fails, so a fault that occurs only once may have no effect. */
static bool is_expected(const read_fault *fault, fault_call call, int code, bool batch)
{
    bool reads = call == FAULT_READ || call == FAULT_WRITE;
    if (batch && reads && !fault->for_good && code == 0)
        return true;
    if (call == FAULT_ADVISE || call == FAULT_CLOSE)
        return code == 0;
    if (fault->continued && reads)
        return code == 0;
    if (code == SOME_UNREADABLE)
        return reads;
    if (fault->action == FAULT_ZERO && TEST_RANDOM_IS_READ && code == -EIO)
        return true; /* a device without bytes */
    if (fault->action == FAULT_ZERO)
        return code == (call == FAULT_WRITE ? -EIO : IKV_E_TRUNCATED);
    return code == -fault->error;
}

/* False if the fault is not possible in this call: one byte cannot be transferred in part. */
static bool inject_at_call(const char *what, reading *context, read_call call, uint64_t index,
                           fault_call kind, const read_fault *fault)
{
    fault_plan plan = {FAULT_ALL_CALLS, index, fault->for_good, fault->action, fault->error, false};
    size_t descriptors = process_descriptors();

    fault_start(&plan, NULL, NULL);
    int code = call(context);
    fault_report report = fault_stop();
    if (report.faults == 0)
        return false;
    if (!is_expected(fault, kind, code, call == call_get_many || call == call_scan))
        fail_msg("%s: call %llu (%s), action %d, errno %d%s: returned %d (%s)", what,
                 (unsigned long long)index, fault_call_name(kind), (int)fault->action, fault->error,
                 fault->for_good ? " for good" : "", code, ikv_strerror(code));
    assert_int_equal(process_descriptors(), descriptors);
    return true;
}

/* Whether the call needs no reads after the first time: the page in memory is a leaf with its
 * records. */
static bool is_from_memory(const reading *context, read_call call)
{
    ikv_info info;

    ikv_store_info(context->store, &info);
    return call == call_get && info.layout == IKV_LAYOUT_CLUSTERED && context->index_memory == 0;
}

static void inject_into_all(const char *what, reading *context, read_call call)
{
    call_list list = {.count = 0};
    bool injected[FAULTS][FAULT_CALLS] = {{false}}; /* each fault into each kind of call */

    fault_start(NULL, note_call, &list);
    assert_int_equal(call(context), 0);
    fault_stop();
    assert_in_range(list.count, is_from_memory(context, call) ? 0 : 1, CALLS_MAX);
    for (size_t i = 0; i < list.count; i++) {
        for (size_t f = 0; f < FAULTS; f++) {
            bool *seen = &injected[f][list.calls[i]];
            if (*seen && !test_in_sample(1000 * f + i, list.count, 3))
                continue;
            if (inject_at_call(what, context, call, i, list.calls[i], &faults[f]))
                *seen = true;
        }
    }
    assert_int_equal(call(context), 0); /* no after-effects */
    print_message("%s: %zu calls\n", what, list.count);
}

/* The new store at the path, and a batch of all its keys and their neighbours. */
static void make_readable(reading *context, const victim_setup *setup, uint64_t index_memory)
{
    memset(context, 0, sizeof(*context));
    victim *self = &context->self;
    size_t width = hostkey_width(setup->type);
    ikv_error err;

    victim_make(self, setup);
    assert_ok(victim_build(self, &err), &err);
    context->index_memory = index_memory;
    context->store = store_open(self->path, setup->type, 0, index_memory);
    assert_int_equal(ikv_result_new(&context->result), 0);
    context->key_count = 2 * self->model.sorted_count;
    context->keys = must_malloc(context->key_count * width);
    for (size_t i = 0; i < context->key_count; i++) {
        memcpy(context->keys + i * width, self->model.sorted[i / 2]->key, width);
        if (i % 2 == 1)
            (void)hostkey_next(setup->type, context->keys + i * width);
    }
}

static void free_readable(reading *context)
{
    ikv_result_free(context->result);
    ikv_close(context->store);
    free(context->keys);
    victim_free(&context->self);
}

static void read_under_faults(const victim_setup *setup, uint64_t index_memory)
{
    reading context;

    make_readable(&context, setup, index_memory);
    inject_into_all("open", &context, call_open);
    inject_into_all("verify", &context, call_verify);
    for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
        context.match = (ikv_match)match;
        inject_into_all("get", &context, call_get);
        inject_into_all("get_many", &context, call_get_many);
    }
    context.order = IKV_ORDER_KEY;
    inject_into_all("scan by key", &context, call_scan);
    context.order = IKV_ORDER_STORAGE;
    inject_into_all("scan by storage", &context, call_scan);
    free_readable(&context);
}

/* Enough pairs for several index pages of 256 entries. */
static size_t some_pages(void)
{
    return test_is_sanitized() ? 600 : 1500;
}

static void native_with_index_in_memory(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = some_pages(), .sizes = MODEL_SIZES_MIXED};
    read_under_faults(&setup, 0);
}

static void native_without_index_in_memory(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = some_pages(), .sizes = MODEL_SIZES_MIXED};
    read_under_faults(&setup, 1);
}

static void plain(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_I32,
                          .pairs = some_pages(),
                          .sizes = MODEL_SIZES_MIXED,
                          .flags = IKV_WRITE_PLAIN};
    read_under_faults(&setup, 0);
}

/* Sorting the positions exceeds the minimum memory, so verify writes temporary files. */
static void verify_that_spills(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_BYTES(128), .pairs = 20000, .sizes = MODEL_SIZES_EIGHT};
    reading context;

    make_readable(&context, &setup, 0);
    context.verify_memory = 8u << 20;
    inject_into_all("verify of many", &context, call_verify);
    if (!TEST_TEMP_FILES_ARE_NAMED) /* if they are, those whose unlink fails are left */
        assert_int_equal(tmpdir_count(&context.self.dir), 1);
    free_readable(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(native_with_index_in_memory, stop_faults),
        cmocka_unit_test_teardown(native_without_index_in_memory, stop_faults),
        cmocka_unit_test_teardown(plain, stop_faults),
        cmocka_unit_test_teardown(verify_that_spills, stop_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
