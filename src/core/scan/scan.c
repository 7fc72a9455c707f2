/* Scanning: the public calls. */
#include "core/io/io_pread.h"
#include "core/io/source.h"
#include "core/scan/scan_key.h"
#include "core/scan/scan_leaves.h"
#include "core/scan/scan_storage.h"

#include <stdlib.h>

#define MEMORY_DEFAULT ((uint64_t)16 << 20)

static int check(const struct ikv_store *store, const struct ikv_scan_options *options,
                 ikv_error *err)
{
    const char *wrong = NULL;

    if ((unsigned)options->order > IKV_ORDER_STORAGE)
        wrong = "unknown order";
    else if (options->order == IKV_ORDER_STORAGE && (options->from || options->to))
        wrong = "from and to need key order";
    return wrong ? ikv_fail(err, IKV_E_INVALID, IKV_AT_FILE(store->path), "scan options: %s", wrong)
                 : 0;
}

int ikv_scan_open(ikv_store *store, const ikv_scan_options *options, ikv_scan **ret_scan,
                  ikv_error *err)
{
    struct ikv_scan_options known;

    if (!store || !ret_scan)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_scan_open: an argument is NULL");
    int code = ikv_options_copy(&known, sizeof known, options, err);
    if (code == 0)
        code = check(store, &known, err);
    if (code < 0)
        return code;
    struct ikv_scan *scan = calloc(1, sizeof *scan);
    if (!scan)
        return ikv_fail(err, -ENOMEM, IKV_AT_FILE(store->path), "cannot scan");
    scan->store = store;
    scan->order = known.order;
    scan->left = known.limit ? known.limit : UINT64_MAX;
    scan->memory = ikv_memory_option(known.memory, MEMORY_DEFAULT);
    scan->stats.backend =
        store->file.source ? store->file.source->type->backend->name : ikv_io_pread.name;
    if (store->is_clustered)
        code = ikv_scan_leaves_open(scan, known.from, known.to);
    else if (known.order == IKV_ORDER_STORAGE)
        code = ikv_scan_storage_open(scan);
    else
        code = ikv_scan_key_open(scan, known.from, known.to);
    if (code < 0) {
        if (scan->code < 0) { /* scan->error describes it */
            if (err)
                *err = scan->error;
        } else {
            (void)ikv_fail(err, code, IKV_AT_FILE(store->path), "cannot scan");
        }
        ikv_scan_close(scan);
        return code;
    }
    *ret_scan = scan;
    return 0;
}

/* Count and describe an item without a value. Only in key order, where the scan goes on. */
static void describe_bad_item(struct ikv_scan *scan, const ikv_item *item, ikv_error *err)
{
    const struct ikv_store *store = scan->store;
    const uint64_t offset = store->is_clustered ? scan->item_position : IKV_NO_OFFSET;
    const struct ikv_where where = {store->path, offset, store->index.key.type, item->key};
    const struct ikv_problem *problem = scan->fetched ? &scan->fetched->problem : NULL;

    if (item->status == IKV_CORRUPT) {
        scan->stats.corrupt++;
        /* Only the first problem of each fetch was kept as a whole. */
        if (err && problem && problem->any && problem->first.key_type == where.key_type &&
            memcmp(problem->first.key, item->key, ikv_key_width(where.key_type)) == 0)
            *err = problem->first;
        else
            (void)ikv_fail(err, IKV_E_RECORD, where, "scan");
    } else {
        scan->stats.unreadable++;
        (void)ikv_fail(err, problem ? problem->read_code : scan->item_code, where,
                       "cannot read a record");
    }
}

static int next_item(struct ikv_scan *scan, ikv_item *ret_item)
{
    if (scan->store->is_clustered)
        return ikv_scan_leaves_next(scan, ret_item);
    return scan->order == IKV_ORDER_STORAGE ? ikv_scan_storage_next(scan, ret_item)
                                            : ikv_scan_key_next(scan, ret_item);
}

int ikv_scan_next(ikv_scan *scan, ikv_item *ret_item, ikv_error *err)
{
    if (!scan || !ret_item)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_scan_next: an argument is NULL");
    if (scan->code == 0 && scan->left == 0)
        scan->code = IKV_E_END;
    if (scan->code == 0)
        scan->code = next_item(scan, ret_item);
    if (scan->code < 0) {
        if (scan->code != IKV_E_END && err)
            *err = scan->error;
        return scan->code;
    }
    scan->left--;
    scan->stats.keys++;
    scan->stats.distinct++;
    if (ret_item->status == IKV_FOUND)
        scan->stats.found++;
    else
        describe_bad_item(scan, ret_item, err);
    return 0;
}

const ikv_stats *ikv_scan_stats(const ikv_scan *scan)
{
    return &scan->stats;
}

void ikv_scan_close(ikv_scan *scan)
{
    if (!scan)
        return;
    ikv_reader_free(&scan->reader);
    ikv_scratch_free(&scan->value);
    ikv_result_free(scan->fetched);
    free(scan->pages);
    free(scan->leaves);
    free(scan->page_sums);
    free(scan);
}
