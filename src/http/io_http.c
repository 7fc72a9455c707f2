
#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "http/slot.h"

#include <errno.h>
#include <stdlib.h>

#define DEPTH_MAX 65536u

/* The contract's name for this backend's object. */
static struct ikv_http_io *own(struct ikv_io *io)
{
    return (struct ikv_http_io *)(void *)io;
}

/* ---------------------------------------------------------------- create, destroy */

static void free_io(struct ikv_http_io *io)
{
    free(io->slots);
    free(io->free);
    free(io->pending);
    free(io->ready);
    free(io->ops);
    free(io);
}

static int http_create(const struct ikv_io_options *options, struct ikv_io **ret)
{
    const unsigned depth = options->depth;

    if (depth < 1 || depth > DEPTH_MAX)
        return -EINVAL;
    struct ikv_http_io *io = calloc(1, sizeof *io);
    int code = io ? ikv_curl_load(&io->curl) : -ENOMEM;
    if (code < 0) {
        free(io);
        return code;
    }
    io->depth = io->free_count = depth;
    io->slot_count = options->connections ? options->connections : (depth + 1) / 2;
    io->slots = calloc(io->slot_count, sizeof *io->slots);
    io->free = malloc(depth * sizeof *io->free);
    io->pending = malloc(depth * sizeof *io->pending);
    io->ready = malloc(depth * sizeof *io->ready);
    io->ops = malloc(depth * sizeof *io->ops);
    io->multi = io->curl.multi_init();
    if (!io->slots || !io->free || !io->pending || !io->ready || !io->ops || !io->multi) {
        if (io->multi)
            (void)io->curl.multi_cleanup(io->multi);
        free_io(io);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < depth; i++)
        io->free[i] = depth - 1 - i;
    (void)io->curl.multi_setopt(io->multi, CURLMOPT_MAXCONNECTS, (long)io->slot_count);
    (void)io->curl.multi_setopt(io->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)io->slot_count);
    ikv_process_mark(&io->process);
    io->random = ikv_clock();
    *ret = (struct ikv_io *)(void *)io;
    return 0;
}

/* In a forked child the connections are the parent's: closing them there would end TLS sessions. */
static void http_destroy(struct ikv_io *base)
{
    struct ikv_http_io *io = own(base);

    if (!io)
        return;
    const bool is_owner = !ikv_process_is_forked(&io->process);
    for (unsigned i = 0; i < io->slot_count; i++) {
        struct ikv_http_slot *slot = &io->slots[i];
        if (is_owner && slot->state == IKV_HTTP_SLOT_RUNNING)
            ikv_http_transfer_cancel(&slot->transfer, io->multi);
        if (is_owner)
            ikv_http_transfer_free(&slot->transfer);
        free(slot->piece);
    }
    if (is_owner)
        (void)io->curl.multi_cleanup(io->multi);
    ikv_process_unmark(&io->process);
    free_io(io);
}

/* ---------------------------------------------------------------- reads */

static int http_submit(struct ikv_io *base, struct ikv_io_request *request)
{
    struct ikv_http_io *io = own(base);
    struct ikv_http_object *object = ikv_http_object_of(request->file);

    if (ikv_process_is_forked(&io->process))
        return IKV_E_STATE;
    if (io->free_count == 0)
        return -EAGAIN;
    const uint32_t op = io->free[--io->free_count];
    io->ops[op] = (struct ikv_http_operation){request, request->offset, IKV_HTTP_NO_OPERATION};
    request->code = 0;
    request->retries = 0;
    if (atomic_load_explicit(&object->changed, memory_order_relaxed))
        ikv_http_finish(io, op, IKV_E_CHANGED);
    else if ((request->offset != IKV_HTTP_LAST_BYTES || object->is_open) &&
             (request->need > object->base.size ||
              request->offset > object->base.size - request->need))
        ikv_http_finish(io, op, IKV_E_TRUNCATED);
    else if (object->cache &&
             ikv_http_cache_read(object->cache, request->buffer, request->need, request->offset))
        ikv_http_finish(io, op, 0);
    else
        io->pending[io->pending_count++] = op;
    return 0;
}

static void drop_canceled_pending(struct ikv_http_io *io)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < io->pending_count; i++) {
        const uint32_t op = io->pending[i];
        if (ikv_http_is_canceled(io, op))
            ikv_http_finish(io, op, IKV_E_CANCELED);
        else
            io->pending[kept++] = op;
    }
    io->pending_count = kept;
}

/* Let the network work; wait for it if nothing is ready. */
static void work(struct ikv_http_io *io)
{
    int running = 0;

    drop_canceled_pending(io);
    ikv_http_start_pending(io);
    (void)io->curl.multi_perform(io->multi, &running);
    ikv_http_collect(io);
    if (io->pending_count > 0 && io->busy < io->slot_count) { /* before the caller takes its time */
        ikv_http_start_pending(io);
        (void)io->curl.multi_perform(io->multi, &running);
    }
    if (io->ready_count > 0)
        return;
    const int wait = ikv_http_watch(io);
    if (io->ready_count == 0 && wait > 0)
        (void)io->curl.multi_poll(io->multi, NULL, 0, wait, NULL);
}

static void abandon(struct ikv_http_io *io)
{
    for (unsigned i = 0; i < io->slot_count; i++)
        if (io->slots[i].state != IKV_HTTP_SLOT_FREE)
            ikv_http_finish_all(&io->slots[i], IKV_E_STATE);
    for (unsigned i = 0; i < io->pending_count; i++)
        ikv_http_finish(io, io->pending[i], IKV_E_STATE);
    io->pending_count = 0;
}

static struct ikv_io_request *http_reap(struct ikv_io *base)
{
    struct ikv_http_io *io = own(base);

    if (ikv_process_is_forked(&io->process))
        abandon(io);
    while (io->ready_count == 0) {
        if (io->busy == 0 && io->pending_count == 0)
            return NULL;
        work(io);
    }
    struct ikv_io_request *request = io->ready[io->ready_head];
    io->ready_head = (io->ready_head + 1) % io->depth;
    io->ready_count--;
    return request;
}

static bool http_has_finished(const struct ikv_io *base)
{
    return ((const struct ikv_http_io *)(const void *)base)->ready_count > 0;
}

static uint64_t http_requests(const struct ikv_io *base)
{
    return ((const struct ikv_http_io *)(const void *)base)->requests;
}

const struct ikv_io_backend ikv_io_http = {.name = "http",
                                           .depth = 64,
                                           .create = http_create,
                                           .destroy = http_destroy,
                                           .submit = http_submit,
                                           .reap = http_reap,
                                           .has_finished = http_has_finished,
                                           .system_calls = http_requests};
