/*
 * A disk with one bad place. Neighbours are read together, so a failed read first affects many
 * keys. Each of them is read again separately, on the same backend, and only keys whose own bytes
 * are in the bad place become unreadable.
 *
 * The disk is a backend that replaces the library's backend for rings (--wrap=ikv_io_ring). Reads
 * that did not use it would succeed, and fail the test.
 */
#include "indexkv.h"

#include "core/io/io_pread.h"
#include "numbered.h"
#include "rng.h"
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

#define KEYS_MAX 4000u

/* ---------------------------------------------------------------- the disk */

/* Global, since a wrapper gets no context. */
static struct {
    uint64_t bad_begin;
    uint64_t bad_end;
    uint64_t reads;
    uint64_t needed; /* bytes requested */
    uint64_t failed;
    bool misaligned;
} disk;

static struct ikv_io_backend disk_backend;

static int disk_submit(struct ikv_io *io, struct ikv_io_request *request)
{
    const uint64_t align = request->file->direct ? request->file->align : 1;

    disk.reads++;
    disk.needed += request->need;
    if (request->offset % align != 0 || request->length % align != 0 ||
        (uintptr_t)request->buffer % align != 0)
        disk.misaligned = true;
    return ikv_io_pread.submit(io, request);
}

static struct ikv_io_request *disk_reap(struct ikv_io *io)
{
    struct ikv_io_request *request = ikv_io_pread.reap(io);

    if (request != NULL && request->code == 0 && request->offset < disk.bad_end &&
        request->offset + request->need > disk.bad_begin) {
        disk.failed++;
        request->code = -EIO;
        memset(request->buffer, 0xee, request->length);
    }
    return request;
}

/* Replaces the library's backend for rings. */
const struct ikv_io_backend *__wrap_ikv_io_ring(void);
int __wrap_ikv_io_ring_probe(char *reason, size_t size);

const struct ikv_io_backend *__wrap_ikv_io_ring(void)
{
    disk_backend = ikv_io_pread;
    disk_backend.name = "disk";
    disk_backend.depth = 5;
    disk_backend.submit = disk_submit;
    disk_backend.reap = disk_reap;
    return &disk_backend;
}

int __wrap_ikv_io_ring_probe(char *reason, size_t size)
{
    (void)reason;
    (void)size;
    return 0;
}

static void break_disk(uint64_t begin, uint64_t end)
{
    memset(&disk, 0, sizeof(disk));
    disk.bad_begin = begin;
    disk.bad_end = end;
}

static int repair_disk(void **state)
{
    (void)state;
    break_disk(0, 0);
    return 0;
}

/* ---------------------------------------------------------------- batches */

/* Keys [begin, end) are unreadable. */
typedef struct unreadable_keys {
    uint64_t begin;
    uint64_t end;
    bool absent; /* also keys above all others: the last page is unreadable */
} unreadable_keys;

/* The number of the key that answers, s->count if none does. */
static uint64_t matching(const numbered_store *s, uint64_t key, ikv_match match)
{
    if (key < s->count)
        return key;
    return match == IKV_FLOOR ? s->count - 1 : s->count;
}

static void assert_batch_without(const numbered_store *s, ikv_store *store, ikv_match match,
                                 ikv_result *result, unreadable_keys lost)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    uint64_t *keys = must_malloc(KEYS_MAX * sizeof(*keys));
    const size_t count = s->count + 10 < KEYS_MAX ? (size_t)s->count + 10 : KEYS_MAX;
    const uint64_t step = (s->count + 10) / count;
    const ikv_stats *stats;
    rng_state random = {11};
    uint64_t unreadable = 0;
    ikv_error err = {0};

    for (size_t i = 0; i < count; i++)
        keys[i] = i * step;
    rng_shuffle(&random, keys, count, sizeof(*keys));
    options.match = match;
    int code = ikv_get_many(store, keys, count, &options, result, &err);
    for (size_t i = 0; i < count; i++) {
        const ikv_item *item = &ikv_result_items(result)[i];
        const uint64_t number = matching(s, keys[i], match);

        if ((number >= lost.begin && number < lost.end) || (number == s->count && lost.absent)) {
            assert_int_equal(item->status, IKV_UNREADABLE);
            unreadable++;
        } else if (number == s->count) {
            assert_int_equal(item->status, IKV_MISSING);
        } else {
            if (item->status != IKV_FOUND)
                fail_msg("key %llu has status %d", (unsigned long long)number, (int)item->status);
            assert_memory_equal(item->value, &number, sizeof(number));
        }
    }
    stats = ikv_result_stats(result);
    assert_int_equal(stats->unreadable, unreadable);
    if (unreadable > 0)
        assert_failed(code, -EIO, &err, s->path);
    else
        assert_ok(code, &err);
    assert_int_equal(stats->corrupt, 0);
    assert_int_equal(stats->retries, 0);
    free(keys);
}

/* The statistics count every read, repeated ones as well. */
static void assert_reads_counted(const ikv_result *result, bool direct)
{
    const ikv_stats *stats = ikv_result_stats(result);

    assert_int_equal(stats->index_reads + stats->record_reads, disk.reads);
    if (!direct)
        assert_int_equal(stats->index_bytes + stats->record_bytes, disk.needed);
    assert_false(disk.misaligned);
}

/* Memory for fences and checksums only: pages in memory would not be read from the disk. */
#define FENCES_ONLY 180

static ikv_store *open_disk(const numbered_store *s, uint64_t index_memory, uint32_t flags)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    options.key_type = s->type;
    options.index_memory = index_memory;
    options.flags = flags;
    options.backend = IKV_BACKEND_URING;
    options.engine = store_engine();
    int code = ikv_open(s->path, &options, &store, &err);
    if (code != 0 && flags & IKV_OPEN_DIRECT) {
        print_message("no direct reads here: %s\n", err.message);
        return NULL;
    }
    assert_ok(code, &err);
    return store;
}

/* One page is bad, or a part of it. With fences, no key of another page needs it. */
static void one_bad_page(void **state)
{
    ikv_result *result = NULL;
    numbered_store s;

    numbered_make(*state, IKV_KEY_U64, 0, 15, 0, &s);
    assert_ok(ikv_result_new(&result), NULL);
    for (uint32_t flags = 0; flags <= IKV_OPEN_DIRECT; flags += IKV_OPEN_DIRECT) {
        ikv_store *store = open_disk(&s, FENCES_ONLY, flags);

        for (uint64_t page = 0; page < 15 && store != NULL; page++)
            for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
                const unreadable_keys lost = {numbered_first_entry(&s, page),
                                              numbered_first_entry(&s, page + 1), page == 14};
                const uint64_t middle = numbered_entry_offset(&s, (lost.begin + lost.end) / 2);

                break_disk(middle, middle + 1);
                assert_batch_without(&s, store, (ikv_match)match, result, lost);
                assert_true(disk.failed >= 1 && disk.failed <= 3);
                assert_reads_counted(result, flags != 0);
            }
        ikv_close(store);
    }
    ikv_result_free(result);
    numbered_free(&s);
}

/* Including reads of page checksums, if these are not in memory. */
static void all_searches_use_the_backend(void **state)
{
    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        ikv_result *result = NULL;
        ikv_store *store;
        numbered_store s;

        numbered_make(*state, IKV_KEY_U64, flags, 15, 0, &s);
        assert_ok(ikv_result_new(&result), NULL);
        store = open_disk(&s, 1, 0);
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
            break_disk(0, 0);
            assert_batch_without(&s, store, (ikv_match)match, result,
                                 (unreadable_keys){0, 0, false});
            assert_reads_counted(result, false);
            /* Every key needs the page in the middle. */
            const uint64_t bad = numbered_entry_offset(&s, s.count / 2);
            break_disk(bad - 3 * NUMBERED_PAGE, bad + 3 * NUMBERED_PAGE);
            assert_batch_without(&s, store, (ikv_match)match, result,
                                 (unreadable_keys){0, s.count, true});
            assert_reads_counted(result, false);
        }
        ikv_result_free(result);
        ikv_close(store);
        numbered_free(&s);
    }
}

/* Keys lost with records [first, last]: just these, or those of their leaves. */
static unreadable_keys lost_with_records(const numbered_store *s, uint64_t first, uint64_t last)
{
    const uint64_t begin = s->places.pairs[first].page;
    const uint64_t end = s->places.pairs[last].page + 1;
    /* A plain record has an unknown size: it is read with what follows it. */
    const uint64_t before = s->flags & IKV_WRITE_PLAIN && first > 0;

    if (!s->places.is_clustered)
        return (unreadable_keys){first - before, last + 1, false};
    return (unreadable_keys){numbered_first_entry(s, begin), numbered_first_entry(s, end),
                             end == s->places.page_count};
}

/* Records of one size, in key order. */
static void one_bad_place_in_records(void **state)
{
    static const struct {
        uint64_t first; /* records that the place overlaps, inclusive */
        uint64_t last;
    } places[] = {{0, 0},       {1, 1},       {100, 100},  {1000, 1003},
                  {2000, 2240}, {2000, 2400}, {3599, 3660}};

    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        ikv_result *result = NULL;
        ikv_store *store;
        numbered_store s;

        numbered_make(*state, IKV_KEY_U64, flags, 15, 0, &s);
        assert_ok(ikv_result_new(&result), NULL);
        store = open_disk(&s, s.places.is_clustered ? FENCES_ONLY : 0, 0);
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
            for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
                if (places[i].last >= s.count)
                    continue;
                break_disk(numbered_record(&s, places[i].first) + 6,
                           numbered_record(&s, places[i].last) + 7);
                assert_batch_without(&s, store, (ikv_match)match, result,
                                     lost_with_records(&s, places[i].first, places[i].last));
                assert_true(disk.failed > 0);
                assert_reads_counted(result, false);
            }
        ikv_result_free(result);
        ikv_close(store);
        numbered_free(&s);
    }
}

/* Large values are read in two steps. The bad place is in the rest of one of them. */
static void large_records_around_a_bad_place(void **state)
{
    ikv_result *result = NULL;
    ikv_store *store;
    numbered_store s;

    numbered_make(*state, IKV_KEY_U64, 0, 2, 10, &s);
    assert_ok(ikv_result_new(&result), NULL);
    store = open_disk(&s, 0, 0);
    for (uint64_t number = 0; number < 10; number++)
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
            const uint64_t end = numbered_record_end(&s, number);

            break_disk(end - 5, end - 4);
            assert_batch_without(&s, store, (ikv_match)match, result,
                                 (unreadable_keys){number, number + 1, false});
            assert_reads_counted(result, false);
        }
    ikv_result_free(result);
    ikv_close(store);
    numbered_free(&s);
}

/* One record answers very many keys, and is read together with one that fails. */
static void a_record_of_many_keys_next_to_a_bad_one(void **state)
{
    enum { KEYS = 3000, LONG = 5000 };
    /* In a clustered store, too long for a leaf: two records side by side outside it. */
    const size_t value_size = store_layout() == IKV_LAYOUT_CLUSTERED ? LONG : 1500;
    char *path = tmpdir_file(*state, "pair");
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    uint32_t *keys = must_malloc(KEYS * sizeof(*keys));
    unsigned char value[LONG];

    options.match = IKV_FLOOR;
    memset(value, 'v', sizeof(value));
    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        ikv_writer_options writer = store_options_with(IKV_KEY_U32, flags);
        numbered_store s = {.path = path, .type = IKV_KEY_U32};
        ikv_result *result = NULL;
        store_model model;
        ikv_store *store;
        ikv_error err;

        model_init(&model, IKV_KEY_U32);
        for (uint32_t key = 10; key <= 20000; key += 10000)
            model_add(&model, &key, value, value_size);
        model_sort(&model, MODEL_KEEP_ALL);
        writer.leaf_size = writer.layout == IKV_LAYOUT_CLUSTERED ? 4096 : 0;
        store_write(path, &model, &writer);
        store = open_disk(&s, 0, 0);
        assert_ok(ikv_result_new(&result), NULL);
        for (uint32_t i = 0; i < KEYS; i++)
            keys[i] = i * 5;
        const uint64_t second = 24 + 4 + value_size + (flags & IKV_WRITE_PLAIN ? 0 : 4);
        break_disk(second + value_size - 1, second + value_size);
        assert_failed(ikv_get_many(store, keys, KEYS, &options, result, &err), -EIO, &err, path);
        for (uint32_t i = 0; i < KEYS; i++) {
            const ikv_item *item = &ikv_result_items(result)[i];
            const int whole = flags == 0; /* plain: read with what follows */

            if (keys[i] < 10)
                assert_int_equal(item->status, IKV_MISSING);
            else if (keys[i] >= 10010)
                assert_int_equal(item->status, IKV_UNREADABLE);
            else if (whole || item->status != IKV_UNREADABLE)
                assert_item(&model, &keys[i], IKV_FLOOR, item);
        }
        assert_reads_counted(result, false);
        ikv_result_free(result);
        ikv_close(store);
        model_free(&model);
    }
    free(keys);
    free(path);
}

static void a_scan_over_a_bad_place(void **state)
{
    ikv_scan *scan = NULL;
    ikv_store *store;
    numbered_store s;
    ikv_item item;
    ikv_error err;

    if (store_layout() == IKV_LAYOUT_CLUSTERED)
        skip(); /* scans of leaves use no backend */
    numbered_make(*state, IKV_KEY_U64, 0, 15, 0, &s);
    store = open_disk(&s, 0, 0);
    break_disk(numbered_record(&s, 1000) + 3, numbered_record(&s, 1002) + 3);
    assert_ok(ikv_scan_open(store, NULL, &scan, &err), &err);
    for (uint64_t number = 0; number < s.count; number++) {
        assert_ok(ikv_scan_next(scan, &item, &err), &err);
        assert_memory_equal(item.key, &number, sizeof(number));
        if (number >= 1000 && number <= 1002) {
            assert_int_equal(item.status, IKV_UNREADABLE);
            assert_failed(err.code, -EIO, &err, s.path);
        } else {
            assert_int_equal(item.status, IKV_FOUND);
            assert_memory_equal(item.value, &number, sizeof(number));
        }
    }
    assert_int_equal(ikv_scan_next(scan, &item, NULL), IKV_E_END);
    assert_int_equal(ikv_scan_stats(scan)->retries, 0);
    ikv_scan_close(scan);
    ikv_close(store);
    numbered_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(one_bad_page, repair_disk),
        cmocka_unit_test_teardown(all_searches_use_the_backend, repair_disk),
        cmocka_unit_test_teardown(one_bad_place_in_records, repair_disk),
        cmocka_unit_test_teardown(large_records_around_a_bad_place, repair_disk),
        cmocka_unit_test_teardown(a_record_of_many_keys_next_to_a_bad_one, repair_disk),
        cmocka_unit_test_teardown(a_scan_over_a_bad_place, repair_disk),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
