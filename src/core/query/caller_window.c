#include "core/query/caller_window.h"

#include "backends.h"
#include "core/io/io_pread.h"

/* Reads in flight. Batches that run on the calling thread have few keys. */
#define RING_DEPTH 64

static int open_ring(struct ikv_window *ring)
{
    const struct ikv_io_backend *backend = ikv_io_ring();
    const struct ikv_window_options options = {.depth = RING_DEPTH, .files_may_close = true};

    if (!backend)
        return IKV_E_UNSUPPORTED;
    if (ring->backend == backend && !(backend->is_broken && backend->is_broken(ring->io)))
        return 0;
    ikv_window_close(ring);
    return ikv_window_open(ring, backend, &options);
}

int ikv_caller_window(struct ikv_result *result, struct ikv_window **ret)
{
    const struct ikv_window_options defaults = {0};
    const struct ikv_store *store = result->batch.store;
    const bool is_ring = store->backend_wanted == IKV_BACKEND_URING;
    int code = 0;

    if (store->file.source)
        return IKV_E_UNSUPPORTED; /* connections belong to workers */
    if (is_ring)
        code = open_ring(&result->ring);
    else if (!result->window.backend)
        code = ikv_window_open(&result->window, &ikv_io_pread, &defaults);
    *ret = is_ring ? &result->ring : &result->window;
    return code;
}
