/*
 * Malformed plain files. They have no checksums, so only damage to the structure is detected: by
 * ikv_open, by lookups, or by ikv_verify, which checks the whole file.
 *
 * The sound file has keys 0, 10, ... 90, added in reverse, with values of 8 bytes.
 *
 *   24    records of 12 bytes: that of key k at 24 + 12 * (9 - k / 10)
 *   144   index entries of 16 bytes: that of key k at 144 + 16 * k / 10
 *   304   end
 */
#include "indexkv.h"

#include "model.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define RECORD(k)       (24 + 12 * (9 - (k) / 10))
#define ENTRY(k)        (144 + 16 * ((k) / 10))
#define POSITION(k)     (ENTRY(k) + 8)
#define INDEX_START     144
#define FILE_SIZE       304

typedef struct bad_plain {
    const char *name;
    size_t offset;
    size_t width;
    uint64_t number;
    int open_code;    /* returned by ikv_open */
    int verify_code;  /* returned by ikv_verify; 0: open_code */
    uint64_t key;     /* to look up if the file opens */
    int lookup_code;  /* returned by ikv_get */
    uint64_t healthy; /* a key that is still found */
} bad_plain;

static const bad_plain CASES[] = {
    /* header */
    {"version-0", 0, 2, 0, IKV_E_NOT_STORE, 0, 0, 0, 0},
    {"version-1", 0, 2, 1, IKV_E_VERSION, 0, 0, 0, 0},
    {"version-3", 0, 2, 3, IKV_E_VERSION, 0, 0, 0, 0},
    {"version-512", 0, 2, 512, IKV_E_NOT_STORE, 0, 0, 0, 0},
    {"completed-0", 2, 1, 0, IKV_E_INCOMPLETE, 0, 0, 0, 0},
    {"completed-2", 2, 1, 2, IKV_E_NOT_STORE, 0, 0, 0, 0},
    {"completed-255", 2, 1, 255, IKV_E_NOT_STORE, 0, 0, 0, 0},
    {"pairs-11", 3, 8, 11, IKV_E_TRUNCATED, 0, 0, 0, 0},
    {"pairs-huge", 3, 8, UINT64_MAX, IKV_E_TRUNCATED, 0, 0, 0, 0},
    {"pairs-wrap", 3, 8, (UINT64_C(1) << 60) + 10, IKV_E_TRUNCATED, 0, 0, 0, 0},
    {"index-start-0", 11, 8, 0, IKV_E_HEADER, 0, 0, 0, 0},
    {"index-start-23", 11, 8, 23, IKV_E_HEADER, 0, 0, 0, 0},
    {"index-start-24", 11, 8, 24, IKV_E_HEADER, 0, 0, 0, 0},
    {"index-start-145", 11, 8, 145, IKV_E_TRUNCATED, 0, 0, 0, 0},
    {"index-start-end", 11, 8, FILE_SIZE, IKV_E_TRUNCATED, 0, 0, 0, 0},
    {"index-start-beyond", 11, 8, FILE_SIZE + 1, IKV_E_TRUNCATED, 0, 0, 0, 0},
    {"index-start-huge", 11, 8, UINT64_MAX, IKV_E_TRUNCATED, 0, 0, 0, 0},
    {"index-start-in-records", 11, 8, 96, IKV_E_KEY_TYPE_MISMATCH, 0, 0, 0, 0},
    /* fewer pairs: a record without an entry */
    {"pairs-9", 3, 8, 9, 0, IKV_E_INDEX, 90, IKV_E_NOT_FOUND, 80},
    {"pairs-0", 3, 8, 0, 0, IKV_E_INDEX, 90, IKV_E_NOT_FOUND, 90},
    /* positions */
    {"position-0", POSITION(30), 8, 0, 0, IKV_E_INDEX, 30, IKV_E_INDEX, 40},
    {"position-header", POSITION(30), 8, 23, 0, IKV_E_INDEX, 30, IKV_E_INDEX, 40},
    {"position-last-3", POSITION(30), 8, INDEX_START - 3, 0, IKV_E_INDEX, 30, IKV_E_INDEX, 40},
    {"position-index", POSITION(30), 8, INDEX_START, 0, IKV_E_INDEX, 30, IKV_E_INDEX, 40},
    {"position-in-index", POSITION(30), 8, ENTRY(50), 0, IKV_E_INDEX, 30, IKV_E_INDEX, 40},
    {"position-end", POSITION(30), 8, FILE_SIZE, 0, IKV_E_INDEX, 30, IKV_E_INDEX, 40},
    {"position-beyond", POSITION(30), 8, UINT64_C(1) << 40, 0, IKV_E_INDEX, 30, IKV_E_INDEX, 40},
    {"position-wraps-4", POSITION(30), 8, UINT64_MAX - 3, 0, IKV_E_INDEX, 30, IKV_E_INDEX, 40},
    {"position-max", POSITION(30), 8, UINT64_MAX, 0, IKV_E_INDEX, 30, IKV_E_INDEX, 40},
    {"position-sign", POSITION(30), 8, UINT64_C(1) << 63, 0, IKV_E_INDEX, 30, IKV_E_INDEX, 40},
    {"position-first-bad", POSITION(0), 8, 1, 0, IKV_E_INDEX, 0, IKV_E_INDEX, 90},
    {"position-last-bad", POSITION(90), 8, 1, 0, IKV_E_INDEX, 90, IKV_E_INDEX, 0},
    /* sizes */
    {"size-huge", RECORD(30), 4, UINT32_MAX, 0, IKV_E_RECORD, 30, IKV_E_RECORD, 40},
    {"size-sign", RECORD(30), 4, UINT64_C(1) << 31, 0, IKV_E_RECORD, 30, IKV_E_RECORD, 40},
    {"size-into-index", RECORD(0), 4, 9, 0, IKV_E_RECORD, 0, IKV_E_RECORD, 10},
    {"size-first-into-index", RECORD(90), 4, 117, 0, IKV_E_RECORD, 90, IKV_E_RECORD, 80},
    /* order */
    {"order-middle", ENTRY(30), 8, 55, 0, IKV_E_INDEX, 33, IKV_E_INDEX, 0},
    {"order-first", ENTRY(0), 8, 15, 0, IKV_E_INDEX, 12, IKV_E_INDEX, 90},
    {"order-last", ENTRY(90), 8, 75, 0, IKV_E_INDEX, 77, IKV_E_INDEX, 0},
    /* not detected by lookups */
    {"two-entries-one-record", POSITION(30), 8, RECORD(40), 0, IKV_E_INDEX, 90, 0, 40},
    {"position-inside-a-record", POSITION(30), 8, RECORD(40) + 2, 0, IKV_E_INDEX, 90, 0, 40},
    {"gap-after-a-record", RECORD(30), 4, 7, 0, IKV_E_RECORD, 90, 0, 40},
    {"record-into-the-next", RECORD(30), 4, 9, 0, IKV_E_RECORD, 90, 0, 40},
    {"record-over-the-next", RECORD(30), 4, 20, 0, IKV_E_RECORD, 90, 0, 40},
    {"gap-before-the-index", RECORD(0), 4, 5, 0, IKV_E_RECORD, 90, 0, 40},
};

static void make_sound(const char *path)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    store_model model;

    model_init(&model, IKV_KEY_U64);
    for (uint64_t i = 10; i > 0; i--) {
        uint64_t key = 10 * (i - 1);

        model_add(&model, &key, "eight by", 8);
    }
    options.flags = IKV_WRITE_PLAIN;
    store_write(path, &model, &options);
    model_free(&model);
    assert_int_equal(file_size(path), FILE_SIZE);
}

/* Looks up all keys and their neighbours, and scans. Any answer will do: sanitizers check. */
static void read_everything(ikv_store *store)
{
    uint64_t keys[120];
    ikv_result *result = NULL;

    assert_ok(ikv_result_new(&result), NULL);
    for (uint64_t i = 0; i < 120; i++)
        keys[i] = i < 119 ? i : UINT64_MAX;
    for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
        ikv_get_options options = IKV_GET_OPTIONS_INIT;
        ikv_error err;

        options.match = (ikv_match)match;
        assert_ok(ikv_get_many(store, keys, 120, &options, result, &err), &err);
        for (size_t i = 0; i < 120; i++) {
            const ikv_item *item = &ikv_result_items(result)[i];

            if (item->status == IKV_FOUND)
                assert_true(item->size <= INDEX_START - 28);
        }
    }
    for (int order = IKV_ORDER_KEY; order <= IKV_ORDER_STORAGE; order++) {
        ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
        ikv_scan *scan = NULL;
        ikv_item item;
        size_t items = 0;

        options.order = (ikv_order)order;
        assert_ok(ikv_scan_open(store, &options, &scan, NULL), NULL);
        while (ikv_scan_next(scan, &item, NULL) == 0)
            items++;
        assert_true(items <= 30);
        ikv_scan_close(scan);
    }
    ikv_result_free(result);
}

static void check_lookups(const bad_plain *bad, ikv_store *store, const char *path)
{
    ikv_result *result = NULL;
    ikv_error err;
    int code;

    assert_ok(ikv_result_new(&result), NULL);
    code = ikv_get(store, &bad->key, NULL, result, &err);
    if (bad->lookup_code == 0)
        assert_ok(code, &err);
    else
        assert_failed(code, bad->lookup_code, &err, path);
    if (bad->lookup_code < IKV_E_HEADER) {
        /* The error has the offset of the record, or the offset or key of an index page. */
        if (bad->lookup_code == IKV_E_RECORD)
            assert_int_equal(err.offset, bad->offset);
        else if (err.offset != INDEX_START)
            assert_memory_equal(err.key, &bad->key, 8);
        assert_int_equal(ikv_result_items(result)->status, IKV_CORRUPT);
    }
    if (bad->healthy != bad->key) {
        assert_ok(ikv_get(store, &bad->healthy, NULL, result, &err), &err);
        assert_int_equal(ikv_result_items(result)->size, 8);
        assert_memory_equal(ikv_result_items(result)->value, "eight by", 8);
    }
    ikv_result_free(result);
    read_everything(store);
}

/* The initial state of a cmocka test: one file of the table. */
typedef struct plain_case {
    const bad_plain *bad;
    const tmpdir *dir;
} plain_case;

static void test_bad_plain(void **state)
{
    const plain_case *one = *state;
    const bad_plain *bad = one->bad;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    int verify_code = bad->verify_code != 0 ? bad->verify_code : bad->open_code;
    ikv_verify_report report;
    ikv_store *store = NULL;
    unsigned char number[8];
    ikv_error err;
    char name[80];
    char *path;
    int code;

    snprintf(name, sizeof(name), "bad-%s", bad->name);
    path = tmpdir_file(one->dir, name);
    make_sound(path);
    edit_store(number, bad->width, bad->number);
    file_patch(path, bad->offset, number, bad->width);
    options.key_type = IKV_KEY_U64;
    code = ikv_open(path, &options, &store, &err);
    if (bad->open_code != 0) {
        assert_failed(code, bad->open_code, &err, path);
    } else {
        assert_ok(code, &err);
        check_lookups(bad, store, path);
    }
    ikv_close(store);
    memset(&report, 0, sizeof(report));
    assert_failed(ikv_verify(path, &options, NULL, &report, &err), verify_code, &err, path);
    /* A change causes one problem, or two if it moves bytes from one record to another. */
    assert_true(report.problems <= 2);
    free(path);
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(CASES)];
    plain_case cases[COUNT_OF(CASES)];
    tmpdir dir;
    int failed;

    tmpdir_make_in_memory(&dir);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        cases[i] = (plain_case){&CASES[i], &dir};
        tests[i] = (struct CMUnitTest){
            .name = CASES[i].name, .test_func = test_bad_plain, .initial_state = &cases[i]};
    }
    failed = _cmocka_run_group_tests("malformed plain files", tests, COUNT_OF(tests), NULL, NULL);
    tmpdir_remove(&dir);
    return failed;
}
