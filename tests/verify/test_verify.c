/* ikv_verify: the counts it reports for intact stores, and how it reports problems. */
#include "indexkv.h"

#include "hostkey.h"
#include "model.h"
#include "open_checks.h"
#include "places.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_decoder.h"
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

static size_t count_sections(const char *path)
{
    decoded_trailer trailer;
    size_t size;
    unsigned char *bytes = file_read(path, &size);

    if (trailer_decode(bytes, size, &trailer) != 0)
        fail_msg("%s", trailer.error);
    free(bytes);
    return trailer.section_count;
}

static void intact_stores_have_no_problems(void **state)
{
    static const size_t counts[] = {0, 1, 2, 255, 3000};
    char *path = tmpdir_file(*state, "intact");

    for (size_t t = 0; t < hostkey_type_count; t++)
        for (size_t c = 0; c < COUNT_OF(counts); c++)
            for (int plain = 0; plain <= 1; plain++) {
                ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
                ikv_verify_report report;
                store_model model;
                ikv_error err;
                ikv_info info;
                ikv_store *store;

                options.key_type = hostkey_types[t];
                if (plain)
                    write_plain(path, hostkey_types[t], counts[c], 0, &model);
                else
                    write_native(path, hostkey_types[t], counts[c], &model);
                store = store_open(path, hostkey_types[t], 0, 0);
                ikv_store_info(store, &info);
                ikv_close(store);
                memset(&report, 0xee, sizeof(report));
                assert_ok(ikv_verify(path, &options, NULL, &report, &err), &err);
                assert_int_equal(report.problems, 0);
                assert_int_equal(report.records, model.count);
                assert_int_equal(report.pages, info.index_pages);
                assert_int_equal(report.sections, plain ? 0 : count_sections(path));
                assert_int_equal(report.has_trailer, !plain);
                assert_true(report.bytes >= info.file_size);
                model_free(&model);
            }
    free(path);
}

static void both_strides_are_accepted(void **state)
{
    char *path = tmpdir_file(*state, "strides");

    for (uint32_t stride = 24; stride <= 32; stride += 8) {
        ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
        ikv_error err;

        write_plain(path, IKV_KEY_I128, 1000, stride, NULL);
        options.key_type = IKV_KEY_I128;
        assert_ok(ikv_verify(path, &options, NULL, NULL, &err), &err);
        options.stride = stride;
        assert_ok(ikv_verify(path, &options, NULL, NULL, &err), &err);
    }
    free(path);
}

/* ---------------------------------------------------------------- problems */

#define PROBLEMS_MAX 64

typedef struct problem_list {
    size_t count;
    ikv_error problems[PROBLEMS_MAX];
    size_t progress_calls;
    size_t index_calls;   /* of these, in the phase "index" */
    size_t records_calls; /* of these, in the phase "records" */
    size_t leaves_calls;  /* of these, in the phase "leaves" */
    size_t cancel_after;  /* progress calls; 0: never */
} problem_list;

static void add_problem(void *user, const ikv_error *problem)
{
    problem_list *list = user;

    if (list->count < PROBLEMS_MAX)
        list->problems[list->count] = *problem;
    list->count++;
}

static int count_progress(void *user, const ikv_progress *progress)
{
    problem_list *list = user;

    assert_non_null(progress->phase);
    assert_non_null(progress->unit);
    assert_true(progress->total == 0 || progress->done <= progress->total);
    list->progress_calls++;
    list->index_calls += strcmp(progress->phase, "index") == 0;
    list->records_calls += strcmp(progress->phase, "records") == 0;
    list->leaves_calls += strcmp(progress->phase, "leaves") == 0;
    return list->cancel_after > 0 && list->progress_calls >= list->cancel_after;
}

static int has_problem(const problem_list *list, int code, uint64_t offset)
{
    for (size_t i = 0; i < list->count && i < PROBLEMS_MAX; i++)
        if (list->problems[i].code == code && list->problems[i].offset == offset)
            return 1;
    return 0;
}

/* Empties the list and returns options that fill it. */
static ikv_verify_options listing_options(problem_list *list)
{
    ikv_verify_options options = IKV_VERIFY_OPTIONS_INIT;

    memset(list, 0, sizeof(*list));
    options.on_problem = add_problem;
    options.on_progress = count_progress;
    options.user = list;
    return options;
}

static void every_problem_is_reported_with_its_offset(void **state)
{
    char *path = tmpdir_file(*state, "damaged");
    problem_list *list = must_malloc(sizeof(*list));
    ikv_verify_options options = listing_options(list);
    ikv_verify_report report;
    store_places places;
    ikv_error err;

    write_native(path, IKV_KEY_U64, 1000, NULL);
    places_read(path, IKV_KEY_U64, 0, &places);
    /* Flip bits in checksums, which even empty values have. All keys are in the first half of the
     * index. */
    for (size_t i = 0; i < 5; i++)
        file_flip_bit(path, 8 * (places.pairs[100 * i].end - 1));
    assert_failed(ikv_verify(path, NULL, &options, &report, &err), IKV_E_RECORD, &err, path);
    for (size_t i = 0; i < 5; i++)
        if (!has_problem(list, IKV_E_RECORD, places.pairs[100 * i].record))
            fail_msg("record %zu is not reported", 100 * i);
    assert_int_equal(report.problems, list->count);
    assert_int_equal(list->problems[0].code, err.code);
    assert_int_equal(list->problems[0].offset, err.offset);
    for (size_t i = 0; i < list->count; i++) {
        assert_string_equal(list->problems[i].file, path);
        assert_non_null(strstr(list->problems[i].message, path));
    }

    /* One more in the last page, so that the records of the other pages are still checked. */
    file_flip_bit(path, 8 * (places.pages[places.page_count - 1].entries + 5));
    listing_options(list);
    assert_true(ikv_verify(path, NULL, &options, &report, &err) < 0);
    assert_true(report.problems >= 6);
    assert_int_equal(report.problems, list->count);
    /* max_problems. */
    listing_options(list);
    options.max_problems = 2;
    assert_true(ikv_verify(path, NULL, &options, &report, &err) < 0);
    assert_int_equal(report.problems, 2);
    assert_int_equal(list->count, 2);
    places_free(&places);
    free(list);
    free(path);
}

static void report_without_callbacks(void **state)
{
    char *path = tmpdir_file(*state, "quiet");
    ikv_verify_report report;
    ikv_error err;

    write_native(path, IKV_KEY_U16, 100, NULL);
    file_flip_bit(path, 8 * 30);
    memset(&report, 0, sizeof(report));
    assert_failed(ikv_verify(path, NULL, NULL, &report, &err), IKV_E_RECORD, &err, path);
    assert_true(report.problems > 0);
    assert_int_equal(ikv_verify(path, NULL, NULL, NULL, NULL), IKV_E_RECORD);
    free(path);
}

/* A store that is too damaged to open has a problem, which is reported. A missing file, or one that
 * is no store, is an error: nothing was verified and the report is not written. */
static void damaged_stores_and_other_files(void **state)
{
    char *path = tmpdir_file(*state, "unopened");
    problem_list *list = must_malloc(sizeof(*list));
    ikv_verify_options options = listing_options(list);
    ikv_verify_report untouched;
    ikv_verify_report report;
    ikv_error err;

    write_native(path, IKV_KEY_U16, 100, NULL);
    file_flip_bit(path, 8 * (file_size(path) - 1));
    assert_failed(ikv_verify(path, NULL, &options, &report, &err), IKV_E_FOOTER, &err, path);
    assert_int_equal(report.problems, 1);
    assert_int_equal(list->count, 1);
    assert_int_equal(list->problems[0].code, IKV_E_FOOTER);

    memset(&untouched, 0x5a, sizeof(untouched));
    memcpy(&report, &untouched, sizeof(report));
    listing_options(list);
    file_write(path, "no store, but some words of text", 32);
    assert_failed(ikv_verify(path, NULL, &options, &report, &err), IKV_E_NOT_STORE, &err, path);
    assert_int_equal(unlink(path), 0);
    assert_failed(ikv_verify(path, NULL, &options, &report, &err), -ENOENT, &err, path);
    assert_int_equal(list->count, 0);
    assert_memory_equal(&report, &untouched, sizeof(report));
    free(list);
    free(path);
}

static void progress_can_cancel(void **state)
{
    char *path = tmpdir_file(*state, "progress");
    problem_list *list = must_malloc(sizeof(*list));
    ikv_verify_options options = listing_options(list);
    ikv_error err;
    size_t calls;

    write_native(path, IKV_KEY_U64, test_scaled(100000), NULL);
    assert_ok(ikv_verify(path, NULL, &options, NULL, &err), &err);
    calls = list->progress_calls;
    if (store_layout() == IKV_LAYOUT_CLUSTERED) {
        assert_true(list->leaves_calls >= 1);
    } else {
        assert_true(list->index_calls >= 1);
        assert_true(list->records_calls >= 1);
    }
    for (size_t after = 1; after <= calls; after++) {
        listing_options(list);
        list->cancel_after = after;
        assert_int_equal(ikv_verify(path, NULL, &options, NULL, &err), IKV_E_CANCELED);
        assert_int_equal(err.code, IKV_E_CANCELED);
        assert_int_equal(list->progress_calls, after);
    }
    free(list);
    free(path);
}

static void invalid_options_fail(void **state)
{
    char *path = tmpdir_file(*state, "options");
    ikv_verify_options options = IKV_VERIFY_OPTIONS_INIT;
    ikv_error err;

    write_native(path, IKV_KEY_U64, 10, NULL);
    options.memory = 1;
    assert_failed(ikv_verify(path, NULL, &options, NULL, &err), IKV_E_INVALID, &err, NULL);
    options.memory = 8 << 20;
    assert_ok(ikv_verify(path, NULL, &options, NULL, &err), &err);
    free(path);
}

/* ---------------------------------------------------------------- bounded memory */

/* Source of `count` pairs with empty values, whose keys are in random order. */
typedef struct many_pairs {
    uint64_t next;
    uint64_t count;
    uint64_t key;
} many_pairs;

static int next_pair(void *user, ikv_pair *pair)
{
    many_pairs *pairs = user;

    if (pairs->next == pairs->count)
        return 0;
    pairs->key = pairs->next++ * UINT64_C(0x9e3779b97f4a7c15);
    *pair = (ikv_pair){&pairs->key, "", 0};
    return 1;
}

/* With the smallest memory, positions are sorted in temporary files, which must be gone afterwards.
 * A record that two entries share is still found. */
static void positions_are_sorted_on_disk(void **state)
{
    tmpdir dir;
    many_pairs pairs = {0, test_scaled(2500000), 0};
    ikv_writer_options writer = IKV_WRITER_OPTIONS_INIT;
    ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
    ikv_verify_options options = IKV_VERIFY_OPTIONS_INIT;
    ikv_verify_report report;
    const unsigned char *shared; /* position in an entry, copied to another entry */
    const unsigned char *lost;   /* position that is overwritten */
    uint64_t index_start;
    int expected;
    unsigned char *bytes;
    ikv_error err;
    size_t size;
    char *path;

    tmpdir_make_inside(*state, &dir);
    path = tmpdir_file(&dir, "many");
    writer.key_type = IKV_KEY_U64;
    writer.flags = IKV_WRITE_PLAIN;
    assert_ok(ikv_build(path, &writer, next_pair, &pairs, NULL, &err), &err);
    open.key_type = IKV_KEY_U64;
    options.memory = 8 << 20;
    assert_ok(ikv_verify(path, &open, &options, &report, &err), &err);
    assert_int_equal(report.records, pairs.count);
    assert_int_equal(tmpdir_count(&dir), 1);

    index_start = 24 + 4 * pairs.count;
    bytes = file_read(path, &size);
    assert_int_equal(size, index_start + 16 * pairs.count);
    /* Two problems, a record with two entries and one without: the one at the lower position is
     * found first. */
    shared = bytes + index_start + 16 * 1000 + 8;
    lost = bytes + index_start + 16 * (pairs.count - 1000) + 8;
    expected = edit_load(shared, 8) < edit_load(lost, 8) ? IKV_E_INDEX : IKV_E_RECORD;
    file_patch(path, (uint64_t)(lost - bytes), shared, 8);
    assert_failed(ikv_verify(path, &open, &options, &report, &err), expected, &err, path);
    assert_true(report.problems >= 2);
    assert_int_equal(tmpdir_count(&dir), 1);
    free(bytes);
    free(path);
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intact_stores_have_no_problems),
        cmocka_unit_test(both_strides_are_accepted),
        cmocka_unit_test(every_problem_is_reported_with_its_offset),
        cmocka_unit_test(report_without_callbacks),
        cmocka_unit_test(damaged_stores_and_other_files),
        cmocka_unit_test(progress_can_cancel),
        cmocka_unit_test(invalid_options_fail),
        cmocka_unit_test(positions_are_sorted_on_disk),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
