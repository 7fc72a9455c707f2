/* Opening and closing a store: the file and what is kept of it (core/store), and the engine that
 * runs its batches (pool). */
#include "core/store/open.h"
#include "core/base/dispatch.h"

#define INDEX_MEMORY_DEFAULT ((uint64_t)64 << 20)

int ikv_open(const char *path, const ikv_open_options *options, ikv_store **ret_store,
             ikv_error *err)
{
    struct ikv_open_options known;
    struct ikv_store *store = NULL;

    if (!path || !ret_store)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_open: an argument is NULL");
    int code = ikv_options_copy(&known, sizeof known, options, err);
    if (code < 0)
        return code;
    known.index_memory = ikv_memory_option(known.index_memory, INDEX_MEMORY_DEFAULT);
    code = ikv_store_open(path, &known, &store, err);
    if (code < 0)
        return code;
    code = ikv_attach(known.engine, store, &store->attachment);
    if (code < 0) {
        ikv_store_close(store);
        return ikv_fail(err, code, IKV_AT_FILE(path), "attaching it to an engine");
    }
    *ret_store = store;
    return 0;
}

void ikv_close(ikv_store *store)
{
    if (!store)
        return;
    ikv_detach(store->attachment);
    ikv_store_close(store);
}
