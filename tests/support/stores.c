#include "stores.h"

#include "http_server.h"
#include "nginx.h"

#include "hostkey.h"
#include "scale.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- writing and opening */

static bool layout_is(const char *name)
{
    const char *layout = getenv("INDEXKV_TEST_LAYOUT");

    return layout && strcmp(layout, name) == 0;
}

ikv_layout store_layout(void)
{
    return layout_is("clustered") || layout_is("filtered") ? IKV_LAYOUT_CLUSTERED
                                                           : IKV_LAYOUT_ARRIVAL;
}

ikv_writer_options store_options_with(ikv_key_type type, uint32_t flags)
{
    static const unsigned char id[16] = {0x69, 0x6b, 0x76, 1, 2,  3,  4,  5,
                                         6,    7,    8,    9, 10, 11, 12, 13};
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;

    options.key_type = type;
    options.store_id = id;
    options.flags = flags;
    if (flags & IKV_WRITE_PLAIN) {
        options.store_id = NULL;
        return options;
    }
    options.layout = store_layout();
    if (layout_is("filtered")) {
        options.flags |= IKV_WRITE_NO_V2_INDEX;
        options.filter_bits = 8;
    }
    return options;
}

ikv_writer_options store_options(ikv_key_type type)
{
    return store_options_with(type, 0);
}

void store_write(const char *path, const store_model *model, const ikv_writer_options *options)
{
    ikv_writer_options used = *options;
    ikv_writer *writer = NULL;
    ikv_error err;

    if (used.flags & IKV_WRITE_PLAIN) {
        used.store_id = NULL;
        used.layout = IKV_LAYOUT_ARRIVAL;
        used.leaf_size = used.filter_bits = 0;
        used.flags &= ~(uint32_t)IKV_WRITE_NO_V2_INDEX;
    }
    assert_ok(ikv_writer_new(path, &used, &writer, &err), &err);
    for (size_t i = 0; i < model->count; i++) {
        const model_pair *pair = &model->pairs[i];

        assert_ok(ikv_writer_add(writer, pair->key, pair->value, pair->size, &err), &err);
    }
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
}

void store_decode(const char *path, ikv_key_type type, uint32_t stride, uint32_t checksum_size,
                  store_model *ret_model)
{
    decoder_layout layout = hostkey_layout(type, stride);
    decoded_store decoded;

    if (decoder_read(path, &layout, &decoded) != 0)
        fail_msg("%s: %s", path, decoded.error);
    model_init(ret_model, type);
    for (size_t i = 0; i < decoded.pair_count; i++) {
        const decoder_entry *entry = &decoded.entries[decoded.arrival[i]];
        unsigned char key[IKV_KEY_WIDTH_MAX];

        assert_true(entry->size >= checksum_size);
        hostkey_from_file(type, entry->key, key);
        model_add(ret_model, key, entry->content, entry->size - checksum_size);
    }
    model_sort(ret_model, MODEL_KEEP_ALL);
    decoder_free(&decoded);
}

void assert_models_equal(const store_model *a, const store_model *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->sorted_count, b->sorted_count);
    for (size_t i = 0; i < a->sorted_count; i++) {
        const model_pair *pair = a->sorted[i];
        size_t rank = model_rank(b, pair->key);

        for (;; rank++) {
            if (rank == b->sorted_count ||
                hostkey_compare(a->type, b->sorted[rank]->key, pair->key) != 0)
                fail_msg("pair %zu has no equal in the other model", i);
            if (b->sorted[rank]->size == pair->size &&
                memcmp(b->sorted[rank]->value, pair->value, pair->size) == 0)
                break;
        }
    }
}

ikv_backend store_backend(void)
{
    const char *name = getenv("INDEXKV_TEST_BACKEND");

    if (name != NULL && strcmp(name, "auto") == 0)
        return IKV_BACKEND_AUTO;
    if (name != NULL && strcmp(name, "mmap") == 0)
        return IKV_BACKEND_MMAP;
    return name != NULL && strcmp(name, "uring") == 0 ? IKV_BACKEND_URING : IKV_BACKEND_PREAD;
}

ikv_engine *store_engine(void)
{
    static ikv_engine *engine;
    ikv_engine_options options = IKV_ENGINE_OPTIONS_INIT;
    ikv_error err;

    options.threads = 1;
    if (engine == NULL)
        assert_ok(ikv_engine_new(&options, &engine, &err), &err);
    return engine;
}

static int is_on_nginx(void)
{
    const char *name = getenv("INDEXKV_TEST_BACKEND");

    return name != NULL && strcmp(name, "nginx") == 0;
}

int store_is_remote(void)
{
    const char *name = getenv("INDEXKV_TEST_BACKEND");

    return name != NULL && (strcmp(name, "http") == 0 || is_on_nginx());
}

ikv_store *store_open(const char *path, ikv_key_type type, uint32_t stride, uint64_t index_memory)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    options.key_type = type;
    options.stride = stride;
    options.index_memory = index_memory;
    options.backend = store_is_remote() ? IKV_BACKEND_AUTO : store_backend();
    options.engine = store_engine();
    char *url = NULL;
    if (store_is_remote())
        url = is_on_nginx() ? nginx_url(path) : http_url(path);
    assert_ok(ikv_open(url ? url : path, &options, &store, &err), &err);
    free(url);
    return store;
}

/* ---------------------------------------------------------------- scans */

/* No more items, and the statistics agree. */
static void assert_scan_ends(ikv_scan *scan, uint64_t delivered)
{
    const ikv_stats *stats = ikv_scan_stats(scan);
    ikv_item item;

    assert_int_equal(stats->keys, delivered);
    assert_int_equal(stats->found, delivered);
    assert_int_equal(stats->missing + stats->corrupt + stats->unreadable, 0);
    assert_int_equal(ikv_scan_next(scan, &item, NULL), IKV_E_END);
    assert_int_equal(ikv_scan_next(scan, &item, NULL), IKV_E_END);
}

/* The item has the key of the pair, and the value of one with that key. */
static void assert_key_item(const store_model *model, const model_pair *pair, const ikv_item *item)
{
    assert_int_equal(item->status, IKV_FOUND);
    assert_non_null(item->key);
    assert_int_equal(hostkey_compare(model->type, item->key, pair->key), 0);
    if (!item_is_right(model, item->key, IKV_CEILING, item))
        fail_msg("wrong value for pair %zu in key order", pair->arrival);
}

void assert_key_scan(ikv_store *store, const store_model *model, const void *from, const void *to,
                     uint64_t limit, uint64_t memory)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    size_t rank = from != NULL ? model_rank(model, from) : 0;
    uint64_t delivered = 0;
    ikv_scan *scan = NULL;
    ikv_item item;
    ikv_error err;

    options.from = from;
    options.to = to;
    options.limit = limit;
    options.memory = memory;
    assert_ok(ikv_scan_open(store, &options, &scan, &err), &err);
    for (; rank < model->sorted_count; rank++) {
        const model_pair *pair = model->sorted[rank];

        if (limit > 0 && delivered == limit)
            break;
        if (to != NULL && hostkey_compare(model->type, pair->key, to) > 0)
            break;
        assert_ok(ikv_scan_next(scan, &item, &err), &err);
        assert_key_item(model, pair, &item);
        delivered++;
    }
    assert_scan_ends(scan, delivered);
    ikv_scan_close(scan);
}

/* With the width of the key, which qsort does not pass to the comparison. */
typedef struct sized_pair {
    const model_pair *pair;
    size_t width;
} sized_pair;

static int by_key(const void *a, const void *b)
{
    const sized_pair *x = a;
    const sized_pair *y = b;

    return memcmp(x->pair->ordered, y->pair->ordered, x->width);
}

/* The pairs in the order of their records in the file. Free with free(). */
static const model_pair **storage_order(const ikv_store *store, const model_pair *const *arrival,
                                        size_t count)
{
    const model_pair **order = must_malloc(count * sizeof *order);
    sized_pair *sorted = must_malloc(count * sizeof *sorted);
    ikv_info info;

    ikv_store_info(store, &info);
    for (size_t i = 0; i < count; i++)
        sorted[i] = (sized_pair){arrival[i], info.key_width};
    if (info.layout == IKV_LAYOUT_CLUSTERED)
        qsort(sorted, count, sizeof *sorted, by_key);
    for (size_t i = 0; i < count; i++)
        order[i] = sorted[i].pair;
    free(sorted);
    return order;
}

const model_pair *store_scanned_pair(const ikv_store *store, const store_model *model,
                                     ikv_order order, size_t number)
{
    ikv_info info;

    ikv_store_info(store, &info);
    return order == IKV_ORDER_KEY || info.layout == IKV_LAYOUT_CLUSTERED ? model->sorted[number]
                                                                         : &model->pairs[number];
}

void assert_storage_scan(ikv_store *store, const model_pair *const *arrival, size_t count,
                         uint64_t limit, uint64_t memory)
{
    const model_pair **order = storage_order(store, arrival, count);
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    ikv_scan *scan = NULL;
    ikv_item item;
    ikv_error err;

    options.order = IKV_ORDER_STORAGE;
    options.limit = limit;
    options.memory = memory;
    if (limit > 0 && limit < count)
        count = (size_t)limit;
    assert_ok(ikv_scan_open(store, &options, &scan, &err), &err);
    for (size_t i = 0; i < count; i++) {
        assert_ok(ikv_scan_next(scan, &item, &err), &err);
        assert_int_equal(item.status, IKV_FOUND);
        assert_null(item.key);
        assert_non_null(item.value);
        assert_int_equal((uintptr_t)item.value % 8, 0);
        assert_int_equal(item.size, order[i]->size);
        assert_memory_equal(item.value, order[i]->value, item.size);
    }
    assert_scan_ends(scan, count);
    ikv_scan_close(scan);
    free(order);
}

static int by_arrival(const void *a, const void *b)
{
    const model_pair *const *x = a;
    const model_pair *const *y = b;

    return ((*x)->arrival > (*y)->arrival) - ((*x)->arrival < (*y)->arrival);
}

const model_pair **model_by_arrival(const store_model *model)
{
    size_t size = model->sorted_count * sizeof(const model_pair *);
    const model_pair **order = must_malloc(size);

    memcpy(order, model->sorted, size);
    qsort(order, model->sorted_count, sizeof(*order), by_arrival);
    return order;
}

/* ---------------------------------------------------------------- whole stores */

static void assert_info(ikv_store *store, const store_model *model)
{
    ikv_info info;

    ikv_store_info(store, &info);
    assert_int_equal(info.key_type, model->type);
    assert_int_equal(info.key_width, hostkey_width(model->type));
    assert_int_equal(info.pair_count, model->sorted_count);
    assert_int_equal(info.index_size, info.has_v2_index ? info.pair_count * info.stride : 0);
}

/* All keys and their neighbours, as one batch. */
static unsigned char *keys_and_neighbours(const store_model *model, size_t *ret_count)
{
    size_t width = hostkey_width(model->type);
    unsigned char *keys = must_malloc(3 * (model->sorted_count + 1) * width);
    unsigned char *at = keys;

    for (size_t i = 0; i < model->sorted_count; i++)
        for (int side = -1; side <= 1; side++, at += width) {
            memcpy(at, model->sorted[i]->key, width);
            if (side < 0)
                hostkey_previous(model->type, at);
            else if (side > 0)
                hostkey_next(model->type, at);
        }
    hostkey_least(model->type, at);
    hostkey_greatest(model->type, at + width);
    *ret_count = 3 * model->sorted_count + 2;
    return keys;
}

void assert_store_equals(const char *path, const store_model *model)
{
    ikv_store *store = store_open(path, model->type, 0, 0);
    const model_pair **order = model_by_arrival(model);
    size_t count;
    unsigned char *keys = keys_and_neighbours(model, &count);
    ikv_result *result = NULL;
    rng_state random = {count};

    assert_ok(ikv_result_new(&result), NULL);
    assert_info(store, model);
    for (size_t i = 0; i < model->sorted_count; i++)
        if (test_in_sample(i, model->sorted_count, 500))
            assert_get(store, model, model->sorted[i]->key, IKV_EXACT, result);
    rng_shuffle(&random, keys, count, hostkey_width(model->type));
    for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
        assert_batch(store, model, keys, count, (ikv_match)match, result);
    assert_key_scan(store, model, NULL, NULL, 0, 0);
    assert_storage_scan(store, order, model->sorted_count, 0, 0);
    ikv_result_free(result);
    ikv_close(store);
    free(keys);
    free(order);
}
