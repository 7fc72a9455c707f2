#include "core/open/open_map.h"

static int preload(struct ikv_store *store, uint32_t flags, ikv_error *err)
{
    const bool all = (flags & IKV_OPEN_PRELOAD) || store->is_clustered; /* leaves are the index */
    const uint64_t start = all ? 0 : store->index.index_start;
    const uint64_t end = (flags & IKV_OPEN_PRELOAD) ? store->file_size
                         : store->is_clustered      ? store->records_end
                                               : start + store->index.count * store->index.stride;
    const bool lock = (flags & IKV_OPEN_LOCK) != 0;
    const unsigned how = (lock ? IKV_MAP_LOCK : 0) | ((flags & IKV_OPEN_COPY) ? IKV_MAP_COPY : 0);

    if (end == start)
        return 0;
    int code = ikv_map_preload(store->map, start, end - start, how);
    if (code < 0)
        return ikv_fail(err, code, IKV_AT_FILE(store->path),
                        lock ? "cannot preload and lock (see RLIMIT_MEMLOCK)" : "cannot preload");
    store->locked = lock;
    return 0;
}

int ikv_store_open_map(struct ikv_store *store, const ikv_open_options *options, ikv_error *err)
{
    const bool all = options->backend == IKV_BACKEND_MMAP;

    if (!all && (options->backend != IKV_BACKEND_AUTO || store->reads->direct ||
                 (options->flags & (IKV_OPEN_NO_MAP | IKV_OPEN_UNTRUSTED))))
        return 0;
    int code = ikv_map_new(store->file.fd, &store->opened, all, &store->map);
    if (code < 0 && (all || (options->flags & IKV_MAP_FLAGS)))
        return ikv_fail(err, code, IKV_AT_FILE(store->path), "cannot map");
    if (code < 0)
        return 0;
    if (options->flags & IKV_PRELOAD_FLAGS) {
        code = preload(store, options->flags, err);
        if (code < 0)
            return code;
    }
    if ((options->flags & (IKV_PRELOAD_FLAGS | IKV_OPEN_PRIME)) && !all)
        ikv_map_prime(store->map);
    return 0;
}
