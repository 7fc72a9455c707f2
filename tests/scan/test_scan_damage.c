/*
 * Scans in key order over a damaged index: the scan delivers all items before the damage, with
 * their values, then fails. No key may be lost silently: IKV_E_END means that all were delivered.
 *
 * Scans load 64 pages at a time, so the damaged page is the first or last of the first load, the
 * first or a middle one of the second, or the last page of the index.
 */
#include "indexkv.h"

#include "hostkey.h"
#include "numbered.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define PAGES           151u

/* Memory for reading ahead: a window of one item, of a few, and of more than one load of pages. */
static const uint64_t MEMORIES[] = {1, 5000, 0, UINT64_C(64) << 20};

/* Delivers all items before entry `bad`, the first of its page, then fails with its offset. */
static void assert_fails_at(const numbered_store *s, ikv_store *store, numbered_bounds bounds,
                            uint64_t bad)
{
    ikv_error err = {0};
    int code;
    uint64_t delivered = numbered_scan(s, store, bounds, &code, &err);

    assert_failed(code, IKV_E_INDEX, &err, s->path);
    assert_int_equal(err.offset, s->places.pages[s->places.pairs[bad].page].begin);
    assert_int_equal(delivered, bad);
}

static void assert_succeeds(const numbered_store *s, ikv_store *store, numbered_bounds bounds,
                            uint64_t count)
{
    ikv_error err = {0};
    int code;
    uint64_t delivered = numbered_scan(s, store, bounds, &code, &err);

    assert_int_equal(code, IKV_E_END);
    assert_int_equal(delivered, count);
}

/* ---------------------------------------------------------------- damaged pages */

static void scan_around_damage(const numbered_store *s, ikv_store *store, uint64_t page,
                               uint64_t memory)
{
    const uint64_t bad = numbered_first_entry(s, page);
    const uint64_t after = numbered_first_entry(s, page + 1);
    numbered_bounds bounds = {NUMBERED_NO_BOUND, NUMBERED_NO_BOUND, 0, memory};
    ikv_error err;
    int code;

    assert_fails_at(s, store, bounds, bad);
    bounds.to = s->count - 1;
    assert_fails_at(s, store, bounds, bad);
    bounds.to = after - 1;
    assert_fails_at(s, store, bounds, bad);
    if (bad >= 2) {
        bounds.to = bad - 2;
        assert_succeeds(s, store, bounds, bad - 1);
        bounds.to = NUMBERED_NO_BOUND;
        bounds.limit = bad;
        assert_succeeds(s, store, bounds, bad);
    }
    if (after + 5 < s->count) {
        /* A scan that begins after the page succeeds unless the search for `from` read it. */
        bounds = (numbered_bounds){after + 5, s->count - 1, 0, memory};
        uint64_t delivered = numbered_scan(s, store, bounds, &code, &err);
        assert_true(code == IKV_E_END || code == IKV_E_INDEX);
        assert_int_equal(delivered, code == IKV_E_END ? s->count - bounds.from : 0);
    }
}

static void damage_pages(void **state, ikv_key_type type, uint32_t flags)
{
    static const uint64_t pages[] = {0, 63, 64, 100, PAGES - 1};
    static const uint64_t index_memories[] = {0, 1, 3000};
    const size_t cases = COUNT_OF(pages) * COUNT_OF(index_memories) * COUNT_OF(MEMORIES);
    size_t number = 0;
    numbered_store s;

    numbered_make(*state, type, flags, PAGES, 0, &s);
    for (size_t p = 0; p < COUNT_OF(pages); p++) {
        const uint64_t middle =
            (numbered_first_entry(&s, pages[p]) + numbered_first_entry(&s, pages[p] + 1)) / 2;
        /* The most significant bit of a key: plain files have no checksums, so only a wrong order
         * of keys reveals the damage. */
        const uint64_t byte = hostkey_kind(type) == DECODER_BYTES ? 0 : hostkey_width(type) - 1;
        const uint64_t bit = 8 * (numbered_entry_offset(&s, middle) + byte) + 7;

        file_flip_bit(s.path, bit);
        for (size_t i = 0; i < COUNT_OF(index_memories); i++) {
            ikv_store *store = store_open(s.path, type, 0, index_memories[i]);

            for (size_t m = 0; m < COUNT_OF(MEMORIES); m++)
                if (test_in_sample(number++, cases, 10))
                    scan_around_damage(&s, store, pages[p], MEMORIES[m]);
            ikv_close(store);
        }
        file_flip_bit(s.path, bit);
    }
    numbered_free(&s);
}

static void damaged_pages_with_checksums(void **state)
{
    damage_pages(state, IKV_KEY_U64, 0);
    damage_pages(state, IKV_KEY_BYTES(12), 0); /* entries cross page boundaries */
}

static void damaged_pages_of_plain_files(void **state)
{
    damage_pages(state, IKV_KEY_U64, IKV_WRITE_PLAIN);
    damage_pages(state, IKV_KEY_BYTES(12), IKV_WRITE_PLAIN);
}

/* The scan ends at the first damaged page. */
static void several_damaged_pages(void **state)
{
    numbered_store s;

    numbered_make(*state, IKV_KEY_I64, 0, PAGES, 0, &s);
    for (uint64_t page = 130; page >= 65; page -= 13) {
        ikv_store *store;

        file_flip_bit(s.path, 8 * numbered_entry_offset(&s, numbered_first_entry(&s, page)) + 64);
        store = store_open(s.path, s.type, 0, 0);
        for (size_t m = 0; m < COUNT_OF(MEMORIES); m++)
            assert_fails_at(&s, store,
                            (numbered_bounds){NUMBERED_NO_BOUND, NUMBERED_NO_BOUND, 0, MEMORIES[m]},
                            numbered_first_entry(&s, page));
        ikv_close(store);
    }
    numbered_free(&s);
}

/* ---------------------------------------------------------------- records */

/* The first record's size includes the second one, and all checksums are right that do not depend
 * on keys: in storage order, only the number of records shows it. */
static void a_record_that_includes_the_next(void **state)
{
    enum { PAIRS = 10, SIZE = 100, RECORD = 4 + SIZE + 4, FIRST = 24 };
    char *path = tmpdir_file(*state, "includes");
    ikv_writer_options options = store_options(IKV_KEY_U64);
    ikv_scan_options scanning = IKV_SCAN_OPTIONS_INIT;
    unsigned char value[3 * SIZE] = {0};
    ikv_scan *scan = NULL;
    store_model model;
    store_image image;
    ikv_item item;
    ikv_error err;
    int items = 0;
    int code;

    model_init(&model, IKV_KEY_U64);
    for (uint64_t key = 0; key < PAIRS; key++)
        model_add(&model, &key, value, key + 1 < PAIRS ? SIZE : sizeof value);
    assert_int_equal(model_sort(&model, MODEL_KEEP_ALL), 0);
    options.layout = IKV_LAYOUT_ARRIVAL;
    options.flags = options.leaf_size = options.filter_bits = 0;
    store_write(path, &model, &options);
    image_load(path, &image);
    assert_int_equal(edit_load(image.bytes + FIRST, 4), RECORD - 4);
    edit_store(image.bytes + FIRST, 4, 2 * RECORD - 4);
    image_repair_blocks(&image);
    image_repair_sections(&image);
    image_repair_directory(&image);
    image_repair_footer(&image);
    image_save(&image, path);

    ikv_store *store = store_open(path, IKV_KEY_U64, 0, 0);
    scanning.order = IKV_ORDER_STORAGE;
    assert_ok(ikv_scan_open(store, &scanning, &scan, &err), &err);
    while ((code = ikv_scan_next(scan, &item, &err)) == 0)
        items++;
    assert_failed(code, IKV_E_RECORD, &err, path);
    assert_int_equal(items, PAIRS - 1);
    ikv_scan_close(scan);
    ikv_close(store);
    image_free(&image);
    model_free(&model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_pages_with_checksums),
        cmocka_unit_test(damaged_pages_of_plain_files),
        cmocka_unit_test(several_damaged_pages),
        cmocka_unit_test(a_record_that_includes_the_next),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
