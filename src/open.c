/* Opening and closing a store: its file (core/open), its verification if it is untrusted
 * (core/verify), and its engine (pool). */
#include "core/open/open.h"
#include "backends.h"
#include "core/verify/verify_store.h"
#include "pool/attachment.h"

#include <errno.h>
#include <stdlib.h>

#define INDEX_MEMORY_DEFAULT   ((uint64_t)64 << 20)
#define MAX_VALUE_SIZE_DEFAULT ((uint64_t)64 << 20)

/* Check that the backend can be used, and attach the store to its engine. */
static int attach(struct ikv_store *store, const ikv_open_options *options, ikv_error *err)
{
    const struct ikv_where at = IKV_AT_FILE(store->path);
    char reason[200] = "";

    if (options->backend == IKV_BACKEND_URING) {
        int code = ikv_io_ring_probe(reason, sizeof reason);
        if (code < 0)
            return ikv_fail(err, code, at, "%s", reason);
    }
    /* What limits a store at a URL is the network: one worker keeps all its connections busy. */
    int code = ikv_attach(options->engine, store->file.source ? 1 : 0, store, &store->attachment);
    return code < 0 ? ikv_fail(err, code, at, "cannot attach to an engine") : 0;
}

static int set_events(struct ikv_store *store, const ikv_open_options *options, ikv_error *err)
{
    if (!options->on_event)
        return 0;
    store->events = calloc(1, sizeof *store->events);
    if (!store->events)
        return ikv_fail(err, -ENOMEM, IKV_AT_FILE(store->path), "cannot open");
    store->events->on_event = options->on_event;
    store->events->user = options->event_user;
    return 0;
}

int ikv_open(const char *path, const ikv_open_options *options, ikv_store **ret_store,
             ikv_error *err)
{
    struct ikv_open_options known;
    struct ikv_source *source = NULL;
    struct ikv_store *store = NULL;

    if (!path || !ret_store)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_open: an argument is NULL");
    int code = ikv_options_copy(&known, sizeof known, options, err);
    if (code < 0)
        return code;
    known.index_memory = ikv_memory_option(known.index_memory, INDEX_MEMORY_DEFAULT);
    if (ikv_is_url(path))
        code = ikv_source_open(path, known.http, &source, err);
    if (code < 0)
        return code;
    code = ikv_store_open(path, source, &known, &store, err);
    if (code < 0)
        return code;
    code = set_events(store, &known, err);
    if (code == 0)
        code = attach(store, &known, err);
    if (code < 0) {
        ikv_store_close(store);
        return code;
    }
    if (known.flags & IKV_OPEN_UNTRUSTED)
        code = ikv_verify_untrusted(
            store, known.max_value_size ? known.max_value_size : MAX_VALUE_SIZE_DEFAULT, err);
    if (code < 0) {
        ikv_close(store);
        return code;
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
