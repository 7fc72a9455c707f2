/*
 * What calls report: statistics of reads and bytes compared with the system calls, errors of
 * damaged items and invalid arguments, and reports of unfinished verifications.
 */
#include "indexkv.h"

#include "fault_io.h"
#include "numbered.h"
#include "stores.h"
#include "tmpdir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---------------------------------------------------------------- reads and bytes */

/* Totals of the observed system calls. */
typedef struct observed_reads {
    uint64_t reads;
    uint64_t bytes;
} observed_reads;

static void count_read(void *user, const fault_event *event)
{
    observed_reads *observed = user;

    if (event->call != FAULT_READ)
        return;
    observed->reads++;
    observed->bytes += event->result > 0 ? (uint64_t)event->result : 0;
}

static void assert_stats_match(const ikv_stats *stats, const observed_reads *observed)
{
    assert_int_equal(stats->index_bytes + stats->record_bytes, observed->bytes);
    assert_int_equal(stats->index_reads + stats->record_reads, observed->reads);
    assert_int_equal(stats->retries, 0);
}

/* Includes reads for windows that did not fit into the memory and were fetched again. */
static void check_scan_stats(const numbered_store *s, uint64_t index_memory,
                             const ikv_scan_options *options)
{
    ikv_store *store = store_open(s->path, s->type, 0, index_memory);
    ikv_scan *scan = NULL;
    observed_reads observed = {0};
    uint64_t items = 0;
    ikv_item item;
    int code;

    fault_start(NULL, count_read, &observed);
    code = ikv_scan_open(store, options, &scan, NULL);
    while (code == 0) {
        code = ikv_scan_next(scan, &item, NULL);
        items += code == 0;
    }
    fault_stop();
    assert_int_equal(code, IKV_E_END);
    assert_int_equal(items, options->from != NULL ? s->count - s->count / 3 : s->count);
    assert_stats_match(ikv_scan_stats(scan), &observed);
    assert_true(ikv_scan_stats(scan)->records >= items);
    ikv_scan_close(scan);
    ikv_close(store);
}

static void key_scan_counts_all_reads(void **state)
{
    static const uint64_t memories[] = {1, 20000, 1450000, 4500000, 0};

    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
        numbered_store s;

        numbered_make(*state, IKV_KEY_U64, flags, 200, 300, &s);
        const uint64_t from = s.count / 3;
        for (size_t m = 0; m < COUNT_OF(memories); m++) {
            options.memory = memories[m];
            options.from = NULL;
            check_scan_stats(&s, 0, &options);
            check_scan_stats(&s, 1, &options);
            options.from = &from;
            check_scan_stats(&s, 0, &options);
            check_scan_stats(&s, 1, &options);
        }
        numbered_free(&s);
    }
}

static void batch_counts_all_reads(void **state)
{
    static const uint64_t index_memories[] = {0, 1, 3000};

    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN)
        for (size_t i = 0; i < COUNT_OF(index_memories); i++) {
            ikv_get_options options = IKV_GET_OPTIONS_INIT;
            uint64_t keys[3000];
            ikv_result *result = NULL;
            ikv_store *store;
            numbered_store s;

            numbered_make(*state, IKV_KEY_U64, flags, 50, 20, &s);
            store = store_open(s.path, s.type, 0, index_memories[i]);
            assert_ok(ikv_result_new(&result), NULL);
            for (size_t k = 0; k < COUNT_OF(keys); k++)
                keys[k] = k * 7919 % (s.count + 10);
            for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
                observed_reads observed = {0};

                options.match = (ikv_match)match;
                fault_start(NULL, count_read, &observed);
                int code = ikv_get_many(store, keys, COUNT_OF(keys), &options, result, NULL);
                fault_stop();
                assert_int_equal(code, 0);
                assert_stats_match(ikv_result_stats(result), &observed);
            }
            ikv_result_free(result);
            ikv_close(store);
            numbered_free(&s);
        }
}

/* ---------------------------------------------------------------- errors */

/* An entry whose position is outside of the record area is index damage, not record damage. */
static void position_outside_of_records(void **state)
{
    static const uint64_t positions[] = {UINT64_C(1) << 40, 0, 23, UINT64_MAX, UINT64_MAX - 3};
    const uint64_t damaged = 4;

    for (size_t p = 0; p < COUNT_OF(positions); p++) {
        unsigned char position[8];
        ikv_result *result = NULL;
        ikv_scan *scan = NULL;
        ikv_store *store;
        numbered_store s;
        ikv_error err;
        ikv_item item;

        numbered_make(*state, IKV_KEY_U64, IKV_WRITE_PLAIN, 2, 0, &s);
        for (size_t i = 0; i < 8; i++)
            position[i] = (unsigned char)(positions[p] >> (8 * i) & 0xff);
        file_patch(s.path, numbered_entry_offset(&s, damaged) + 8, position, sizeof(position));
        store = store_open(s.path, s.type, 0, 0);
        assert_ok(ikv_scan_open(store, NULL, &scan, &err), &err);
        for (uint64_t number = 0; number < s.count; number++) {
            memset(&err, 0, sizeof(err));
            assert_ok(ikv_scan_next(scan, &item, &err), &err);
            assert_memory_equal(item.key, &number, sizeof(number));
            assert_int_equal(item.status, number == damaged ? IKV_CORRUPT : IKV_FOUND);
            if (number == damaged) {
                assert_failed(err.code, IKV_E_INDEX, &err, s.path);
                assert_memory_equal(err.key, &damaged, sizeof(damaged));
            }
        }
        assert_int_equal(ikv_scan_next(scan, &item, NULL), IKV_E_END);
        ikv_scan_close(scan);
        assert_ok(ikv_result_new(&result), NULL);
        assert_failed(ikv_get(store, &damaged, NULL, result, &err), IKV_E_INDEX, &err, s.path);
        ikv_result_free(result);
        ikv_close(store);
        numbered_free(&s);
    }
}

/* The error of a corrupt item contains the position of its record. */
static void scan_reports_position_of_damaged_record(void **state)
{
    ikv_scan *scan = NULL;
    ikv_store *store;
    numbered_store s;
    ikv_error err = {0};
    ikv_item item;

    numbered_make(*state, IKV_KEY_U64, 0, 2, 0, &s);
    const uint64_t position = numbered_record(&s, 10);
    file_flip_bit(s.path, 8 * (position + 4));
    store = store_open(s.path, 0, 0, 0);
    assert_ok(ikv_scan_open(store, NULL, &scan, &err), &err);
    for (uint64_t number = 0; number <= 10; number++)
        assert_ok(ikv_scan_next(scan, &item, &err), &err);
    assert_int_equal(item.status, IKV_CORRUPT);
    assert_failed(err.code, IKV_E_RECORD, &err, s.path);
    assert_int_equal(err.offset, position);
    ikv_scan_close(scan);
    ikv_close(store);
    numbered_free(&s);
}

static void assert_empty(const ikv_result *result)
{
    static const ikv_stats none;
    const ikv_stats *stats = ikv_result_stats(result);

    assert_int_equal(ikv_result_count(result), 0);
    assert_null(ikv_result_problem(result));
    assert_int_equal(stats->keys, none.keys);
    assert_int_equal(stats->distinct + stats->found + stats->missing + stats->corrupt, 0);
    assert_int_equal(stats->probes + stats->index_reads + stats->index_bytes, 0);
    assert_int_equal(stats->records + stats->record_reads + stats->record_bytes, 0);
    assert_int_equal(stats->levels, 0);
}

/* A call with invalid arguments clears what an earlier call left in the result. */
static void invalid_arguments_clear_the_result(void **state)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    const uint64_t damaged = 10;
    ikv_result *result = NULL;
    ikv_store *store;
    numbered_store s;
    ikv_error err;

    numbered_make(*state, IKV_KEY_U64, 0, 2, 0, &s);
    file_flip_bit(s.path, 8 * (numbered_record(&s, damaged) + 4));
    store = store_open(s.path, 0, 0, 0);
    assert_ok(ikv_result_new(&result), NULL);
    for (int mistake = 0; mistake < 6; mistake++) {
        int code;

        assert_failed(ikv_get(store, &damaged, NULL, result, &err), IKV_E_RECORD, &err, s.path);
        assert_non_null(ikv_result_problem(result));
        options = (ikv_get_options)IKV_GET_OPTIONS_INIT;
        if (mistake == 0 || mistake == 1)
            options.match = (ikv_match)(mistake == 0 ? IKV_RANGE + 1 : -1);
        if (mistake == 2)
            options.size = 0;
        const void *keys = mistake == 3 ? NULL : &damaged;
        ikv_store *used = mistake == 4 ? NULL : store;
        if (mistake == 5) {
            options.size = SIZE_MAX;
            code = ikv_get(used, keys, &options, result, &err);
        } else {
            code = ikv_get_many(used, keys, 1, &options, result, &err);
        }
        assert_failed(code, IKV_E_INVALID, &err, NULL);
        assert_empty(result);
    }
    ikv_result_free(result);
    ikv_close(store);
    numbered_free(&s);
}

/* ---------------------------------------------------------------- verify */

/* Cancel after the index page, or after the leaves of the first extent. */
static int cancel_after_index(void *user, const ikv_progress *progress)
{
    (void)user;
    return strcmp(progress->phase, "records") == 0 ||
           (strcmp(progress->phase, "leaves") == 0 && progress->done > 0);
}

static void count_problem(void *user, const ikv_error *problem)
{
    (void)problem;
    ++*(uint64_t *)user;
}

/* A store with a damaged page at the front, which verify finds before it checks everything else. */
static void make_damaged(void **state, numbered_store *ret)
{
    numbered_make(*state, IKV_KEY_U64, 0, 300, 0, ret);
    file_flip_bit(ret->path, 8 * numbered_entry_offset(ret, 3));
}

/* IKV_E_CANCELED takes precedence over the problems found, and no report is written. */
static void canceled_verify_has_no_report(void **state)
{
    ikv_verify_options options = IKV_VERIFY_OPTIONS_INIT;
    uint64_t problems = 0;
    ikv_verify_report untouched;
    ikv_verify_report report;
    numbered_store s;
    ikv_error err;

    make_damaged(state, &s);
    memset(&untouched, 0x5a, sizeof(untouched));
    report = untouched;
    options.on_progress = cancel_after_index;
    options.on_problem = count_problem;
    options.user = &problems;
    assert_failed(ikv_verify(s.path, NULL, &options, &report, &err), IKV_E_CANCELED, &err, s.path);
    assert_int_equal(problems, 1);
    assert_memory_equal(&report, &untouched, sizeof(report));
    assert_int_equal(ikv_verify(s.path, NULL, &options, NULL, NULL), IKV_E_CANCELED);

    /* max_problems stops early as well, but writes a report. */
    options.max_problems = 1;
    assert_failed(ikv_verify(s.path, NULL, &options, &report, &err), IKV_E_INDEX, &err, s.path);
    assert_int_equal(report.problems, 1);
    options.on_progress = NULL;
    options.max_problems = 0;
    report = untouched;
    assert_failed(ikv_verify(s.path, NULL, &options, &report, &err), IKV_E_INDEX, &err, s.path);
    assert_true(report.problems >= 1 && report.problems < 1000);
    numbered_free(&s);
}

/* No report either if a read failed, whatever was found before. */
static void failed_verify_has_no_report(void **state)
{
    fault_plan plan = {.calls = FAULT_BIT(FAULT_READ), .action = FAULT_NOTHING};
    ikv_verify_report untouched;
    ikv_verify_report report;
    numbered_store s;
    ikv_error err;

    make_damaged(state, &s);
    memset(&untouched, 0x5a, sizeof(untouched));
    fault_start(&plan, NULL, NULL);
    assert_int_equal(ikv_verify(s.path, NULL, NULL, NULL, NULL), IKV_E_INDEX);
    const uint64_t reads = fault_stop().calls;
    plan.action = FAULT_FAIL;
    plan.error = EIO;
    for (plan.index = 0; plan.index < reads; plan.index++) {
        report = untouched;
        fault_start(&plan, NULL, NULL);
        int code = ikv_verify(s.path, NULL, NULL, &report, &err);
        assert_int_equal(fault_stop().faults, 1);
        assert_failed(code, -EIO, &err, s.path);
        assert_memory_equal(&report, &untouched, sizeof(report));
    }
    numbered_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(key_scan_counts_all_reads, stop_faults),
        cmocka_unit_test_teardown(batch_counts_all_reads, stop_faults),
        cmocka_unit_test(position_outside_of_records),
        cmocka_unit_test(scan_reports_position_of_damaged_record),
        cmocka_unit_test(invalid_arguments_clear_the_result),
        cmocka_unit_test(canceled_verify_has_no_report),
        cmocka_unit_test_teardown(failed_verify_has_no_report, stop_faults),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
