/*
 * Scanning and opening stores that are in the page cache.
 *
 *   scan/key, /storage    the first pairs in key order, or in storage order
 *   scan/leaves           the first pairs of a clustered store
 *   open/fences           opening, all fences are read
 *   open/nothing          opening, nothing of the index is read
 *   open/plain            opening a plain v2 file, which has no fences
 */
#include "data/dataset.h"
#include "families/families.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#define SCAN_ITEMS 100000

struct scan {
    struct dataset data;
    ikv_order order;
    uint64_t index_memory;
    uint64_t items; /* per scan */
    char path[PATH_MAX];
    ikv_store *store;
    ikv_stats stats; /* of the last scan */
};

static int open_store(struct scan *scan, ikv_store **ret_store, struct bench_error *error)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_error err;

    options.key_type = IKV_KEY_U64;
    options.index_memory = scan->index_memory;
    if (ikv_open(scan->path, &options, ret_store, &err) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    return BENCH_OK;
}

static int set_up(void *user, struct bench_error *error)
{
    struct scan *scan = user;

    int code = dataset_ensure(&scan->data, scan->path, sizeof scan->path, error);
    if (code == BENCH_OK)
        code = dataset_warm(scan->path, error);
    return code == BENCH_OK ? open_store(scan, &scan->store, error) : code;
}

static void tear_down(void *user)
{
    struct scan *scan = user;

    ikv_close(scan->store);
    free(scan);
}

/* ---------------------------------------------------------------- scans */

/* In storage order, values are those of the pairs 0, 1, ... */
static bool is_right(const struct scan *scan, const ikv_item *item, uint64_t number)
{
    if (scan->order == IKV_ORDER_KEY)
        number = dataset_number(item->key);
    return dataset_is_answer(&scan->data, number, item);
}

static int scan_once(struct scan *scan, struct bench_error *error)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    ikv_error err;
    ikv_scan *cursor = NULL;
    ikv_item item;
    uint64_t count = 0;
    int code = 0;

    options.order = scan->order;
    options.limit = scan->items;
    if (ikv_scan_open(scan->store, &options, &cursor, &err) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    while ((code = ikv_scan_next(cursor, &item, &err)) == 0 && is_right(scan, &item, count))
        count++;
    scan->stats = *ikv_scan_stats(cursor);
    ikv_scan_close(cursor);
    if (code != IKV_E_END || count != scan->items)
        return bench_error_set(error, BENCH_FAILED, "wrong item or end after %" PRIu64 " items",
                               count);
    return BENCH_OK;
}

static void run_scan(struct bench_state *state)
{
    struct scan *scan = bench_user(state);
    struct bench_error error;
    uint64_t count = 0;

    for (; bench_keep_running(state); count++) {
        const int code = scan_once(scan, &error);
        if (code != BENCH_OK) {
            bench_stop(state, code, &error);
            return;
        }
    }
    const double items = (double)scan->items;
    bench_items(state, count * scan->items);
    bench_bytes(state, count * scan->items * scan->data.value_size);
    bench_counter(state, "reads_per_item",
                  (double)(scan->stats.index_reads + scan->stats.record_reads) / items,
                  BENCH_VALUE);
}

/* ---------------------------------------------------------------- opening */

static void run_open(struct bench_state *state)
{
    struct scan *scan = bench_user(state);
    ikv_info info = {0};
    struct bench_error error;
    uint64_t count = 0;

    for (; bench_keep_running(state); count++) {
        ikv_store *store = NULL;
        const int code = open_store(scan, &store, &error);
        if (code != BENCH_OK) {
            bench_stop(state, code, &error);
            return;
        }
        ikv_store_info(store, &info);
        ikv_close(store);
    }
    bench_items(state, count);
    bench_counter(state, "open_reads", (double)info.open_reads, BENCH_VALUE);
    bench_counter(state, "open_bytes", (double)info.open_bytes, BENCH_VALUE);
    bench_counter(state, "index_memory", (double)info.index_memory, BENCH_VALUE);
}

/* ---------------------------------------------------------------- registering */

static struct scan *scan_new(const struct options *options)
{
    struct scan *scan = bench_alloc(sizeof *scan);

    scan->data = (struct dataset){
        .directory = options->data, .pairs = options->pairs, .value_size = MAIN_VALUE_SIZE};
    scan->items = options->pairs < SCAN_ITEMS ? options->pairs : SCAN_ITEMS;
    return scan;
}

static void register_one(const char *name, struct scan *scan, void (*run)(struct bench_state *))
{
    bench_register(&(struct bench){
        .name = name, .run = run, .set_up = set_up, .tear_down = tear_down, .user = scan});
}

void scan_register(const struct options *options)
{
    struct scan *scan = scan_new(options);

    scan->order = IKV_ORDER_KEY;
    register_one("scan/key", scan, run_scan);
    scan = scan_new(options);
    scan->order = IKV_ORDER_STORAGE;
    register_one("scan/storage", scan, run_scan);
    scan = scan_new(options);
    scan->order = IKV_ORDER_KEY;
    scan->data.layout = IKV_LAYOUT_CLUSTERED;
    register_one("scan/leaves", scan, run_scan);

    register_one("open/fences", scan_new(options), run_open);
    scan = scan_new(options);
    scan->index_memory = 1;
    register_one("open/nothing", scan, run_open);
    scan = scan_new(options);
    scan->data.plain = true;
    register_one("open/plain", scan, run_open);
}
