#include "core/merge/source.h"

int ikv_merge_source_open(struct ikv_merge_source *source, struct ikv_store *store, uint64_t memory,
                          ikv_error *err)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;

    source->store = store;
    options.memory = memory;
    const int code = ikv_scan_open(store, &options, &source->scan, err);
    return code < 0 ? code : ikv_merge_source_next(source, err);
}

void ikv_merge_source_close(struct ikv_merge_source *source)
{
    ikv_scan_close(source->scan);
    source->scan = NULL;
}

int ikv_merge_source_next(struct ikv_merge_source *source, ikv_error *err)
{
    const struct ikv_key_info *info = &source->store->index.key;
    unsigned char stored[IKV_KEY_WIDTH_MAX];
    struct ikv_error problem;

    const int code = ikv_scan_next(source->scan, &source->item, &problem);
    if (code == IKV_E_END)
        return code;
    if (code < 0 || source->item.status != IKV_FOUND) {
        if (err)
            *err = problem;
        return problem.code;
    }
    ikv_key_swap_host(info, source->item.key, stored);
    ikv_key_load(info, stored, source->words);
    return 0;
}
