#include "pool/windows.h"

#include "backends.h"
#include "core/base/clock.h"
#include "core/io/io_pread.h"
#include "core/io/source.h"
#include "core/platform/probes.h"

/* Nanoseconds until opening a ring is tried again after it has failed. */
#define RING_RETRY UINT64_C(1000000000)

/* For the buffers of reads, per connection to a source; and reads at a time. */
#define REMOTE_MEMORY    (36u << 10)
#define REMOTE_READS_MAX 8192u

/* A worker's share of the bytes in flight; 0: no limit. */
static uint64_t max_bytes(const ikv_engine_options *options)
{
    return options->max_bytes_in_flight
               ? ikv_max(options->max_bytes_in_flight / options->threads, 1)
               : 0;
}

static bool is_broken(const struct ikv_window *ring)
{
    return ring->backend->is_broken && ring->backend->is_broken(ring->io);
}

/* A ring is replaced if it is broken, or was not opened for direct reads and these are wanted; but
 * not while it is in use. */
static bool must_open(const struct ikv_window *ring, bool direct)
{
    if (!ring->backend)
        return true;
    return ikv_window_is_idle(ring) && (is_broken(ring) || (direct && !ring->direct));
}

static int open_ring(struct ikv_windows *windows, bool direct)
{
    const ikv_engine_options *options = &windows->shared->options;
    const struct ikv_io_backend *backend = ikv_io_ring();
    const struct ikv_window_options wanted = {
        .depth = options->depth,
        .max_bytes = max_bytes(options),
        .direct = direct || windows->ring.direct,
    };
    struct ikv_window ring;

    if (!backend)
        return IKV_E_UNSUPPORTED;
    if (!must_open(&windows->ring, direct))
        return is_broken(&windows->ring) ? -EIO : 0;
    if (windows->ring_code && ikv_clock() - windows->ring_tried < RING_RETRY)
        return windows->ring_code;
    int code = ikv_window_open(&ring, backend, &wanted);
    if (code < 0 && windows->ring.backend && !is_broken(&windows->ring))
        return 0; /* keep the old one */
    windows->ring_code = code;
    windows->ring_tried = ikv_clock();
    atomic_store_explicit(&windows->shared->ring_code, code, memory_order_relaxed);
    ikv_window_close(&windows->ring);
    if (code == 0)
        windows->ring = ring;
    return code;
}

static int open_plain(struct ikv_windows *windows)
{
    const struct ikv_window_options options = {.max_bytes = max_bytes(&windows->shared->options)};

    return windows->plain.backend ? 0 : ikv_window_open(&windows->plain, &ikv_io_pread, &options);
}

/* More reads than connections, so that neighbours can share requests while all connections are
 * busy: as many as fit into this much memory per connection. */
static unsigned remote_reads(const struct ikv_store *store)
{
    const unsigned connections = store->file.source->depth;
    const uint64_t page = store->index.leaf_size ? store->index.leaf_size : IKV_PAGE_SIZE;
    const uint64_t size = ikv_max(page, ikv_round_up(store->first_read, IKV_PAGE_SIZE));
    const uint64_t each = ikv_max(REMOTE_MEMORY / (size + sizeof(struct ikv_slot)), 1);

    return (unsigned)ikv_min(connections * each, ikv_max(REMOTE_READS_MAX, connections));
}

static int open_remote(struct ikv_windows *windows, const struct ikv_store *store)
{
    const struct ikv_source *source = store->file.source;
    const struct ikv_window_options options = {.max_bytes = max_bytes(&windows->shared->options),
                                               .depth = remote_reads(store),
                                               .connections = source->depth};

    return windows->remote.backend
               ? 0
               : ikv_window_open(&windows->remote, source->type->backend, &options);
}

int ikv_windows_choose(struct ikv_windows *windows, const struct ikv_store *store,
                       struct ikv_window **ret_window, int *ret_fallback)
{
    *ret_fallback = 0;
    if (store->file.source) {
        *ret_window = &windows->remote;
        return open_remote(windows, store);
    }
    if (store->backend_wanted == IKV_BACKEND_AUTO || store->backend_wanted == IKV_BACKEND_URING) {
        int code = open_ring(windows, store->reads->direct);
        if (code == 0) {
            *ret_window = &windows->ring;
            return 0;
        }
        *ret_fallback = code;
        IKV_TRACE2(fallback, store->path, code);
        if (store->backend_wanted == IKV_BACKEND_URING)
            return code;
    }
    *ret_window = &windows->plain;
    return open_plain(windows);
}

static bool has_room(const struct ikv_window *window)
{
    return !window->backend || !ikv_window_is_full(window);
}

bool ikv_windows_have_room(const struct ikv_windows *windows)
{
    return has_room(&windows->ring) && has_room(&windows->plain) && has_room(&windows->remote);
}

void ikv_windows_close(struct ikv_windows *windows)
{
    ikv_window_close(&windows->ring);
    ikv_window_close(&windows->plain);
    ikv_window_close(&windows->remote);
}
