#include "http/io_http.h"

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/mix.h"
#include "http/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 65536u
#define NO_OP     UINT32_MAX

/* The pause before an attempt is repeated doubles each time; it varies by half, so that many
 * clients don't come back together. */
#define PAUSE_MIN   UINT64_C(100000000)
#define PAUSE_MAX   UINT64_C(5000000000)
#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)

/* How long to wait for the network before looking at what was canceled. */
#define WATCH_MS 50

/* After a request has failed for good, others get one attempt for this long. */
#define GIVEN_UP SECOND

struct operation {
    struct ikv_io_request *request;
    uint64_t offset; /* in the object */
    uint32_t next;   /* of the same transfer */
};

enum state { FREE, RUNNING, PAUSED };

struct slot {
    struct ikv_http_transfer transfer;
    struct ikv_io *io;
    enum state state;
    uint32_t first; /* operation; they are in order of their offsets */
    unsigned attempt;
    uint64_t resume_at;
    struct ikv_http_piece *piece; /* for the cache; NULL: none yet */
};

struct ikv_io {
    struct ikv_curl curl;
    CURLM *multi;
    struct ikv_process process;
    uint64_t random;
    uint64_t requests; /* sent so far */
    unsigned depth;
    unsigned slot_count; /* requests at a time */
    unsigned busy;       /* slots not FREE */
    struct slot *slots;
    uint32_t *free; /* stack of operations */
    unsigned free_count;
    uint32_t *pending; /* operations that no slot has yet */
    unsigned pending_count;
    struct ikv_io_request **ready; /* circular queue */
    unsigned ready_head;
    unsigned ready_count;
    struct operation *ops; /* `depth` */
};

/* ---------------------------------------------------------------- create, destroy */

static void free_io(struct ikv_io *io)
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
    struct ikv_io *io = calloc(1, sizeof *io);
    int code = io ? ikv_curl_load(&io->curl) : -ENOMEM;
    if (code < 0) {
        free(io);
        return code;
    }
    io->depth = io->free_count = depth;
    io->slot_count = (depth + 1) / 2;
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
    *ret = io;
    return 0;
}

/* In a forked child the connections are the parent's: closing them there would end TLS sessions. */
static void http_destroy(struct ikv_io *io)
{
    if (!io)
        return;
    const bool is_owner = !ikv_process_is_forked(&io->process);
    for (unsigned i = 0; i < io->slot_count; i++) {
        struct slot *slot = &io->slots[i];
        if (is_owner && slot->state == RUNNING)
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

/* ---------------------------------------------------------------- operations */

static void finish(struct ikv_io *io, uint32_t op, int code)
{
    struct ikv_io_request *request = io->ops[op].request;

    request->code = code;
    io->ready[(io->ready_head + io->ready_count++) % io->depth] = request;
    io->free[io->free_count++] = op;
}

static int http_submit(struct ikv_io *io, struct ikv_io_request *request)
{
    struct ikv_http_object *object = ikv_http_object_of(request->file);

    if (ikv_process_is_forked(&io->process))
        return IKV_E_STATE;
    if (io->free_count == 0)
        return -EAGAIN;
    const uint32_t op = io->free[--io->free_count];
    io->ops[op] = (struct operation){request, request->offset, NO_OP};
    request->code = 0;
    request->retries = 0;
    if (atomic_load_explicit(&object->changed, memory_order_relaxed))
        finish(io, op, IKV_E_CHANGED);
    else if (request->offset != IKV_HTTP_LAST_BYTES &&
             (request->need > object->base.size ||
              request->offset > object->base.size - request->need))
        finish(io, op, IKV_E_TRUNCATED);
    else if (object->cache &&
             ikv_http_cache_read(object->cache, request->buffer, request->need, request->offset))
        finish(io, op, 0);
    else
        io->pending[io->pending_count++] = op;
    return 0;
}

static uint64_t end_of(const struct ikv_io *io, uint32_t op)
{
    const struct ikv_io_request *request = io->ops[op].request;
    const uint64_t size = request->file->source->size;

    return request->offset + ikv_min(request->length, size - request->offset);
}

/* ---------------------------------------------------------------- bodies */

static void take(void *user, uint64_t offset, const unsigned char *bytes, size_t size)
{
    struct slot *slot = user;
    struct ikv_io *io = slot->io;
    struct ikv_http_cache *cache = slot->transfer.object->cache;

    for (uint32_t op = slot->first; op != NO_OP; op = io->ops[op].next) {
        struct operation *operation = &io->ops[op];
        if (operation->offset == IKV_HTTP_LAST_BYTES)
            operation->offset = offset;
        const uint64_t begin = ikv_max(offset, operation->offset);
        const uint64_t end = ikv_min(offset + size, operation->offset + operation->request->length);
        if (begin < end)
            memcpy((unsigned char *)operation->request->buffer + (begin - operation->offset),
                   bytes + (begin - offset), (size_t)(end - begin));
        else if (operation->offset >= offset + size)
            break;
    }
    if (cache && !slot->piece)
        slot->piece = calloc(1, sizeof *slot->piece);
    if (cache && slot->piece)
        ikv_http_cache_add(cache, slot->piece, offset, bytes, size);
}

/* ---------------------------------------------------------------- starting */

static void release(struct slot *slot)
{
    ikv_http_transfer_rewind(&slot->transfer);
    slot->state = FREE;
    slot->io->busy--;
}

static void finish_all(struct slot *slot, int code)
{
    struct ikv_io *io = slot->io;

    for (uint32_t op = slot->first; op != NO_OP;) {
        const uint32_t next = io->ops[op].next;
        finish(io, op, code);
        op = next;
    }
    release(slot);
}

static void start(struct slot *slot)
{
    slot->state = RUNNING;
    slot->io->requests++;
    if (slot->piece)
        slot->piece->next = UINT64_MAX;
    const int code = ikv_http_transfer_start(&slot->transfer, slot->io->multi);
    if (code < 0)
        finish_all(slot, code);
}

/* Order of operations: by object, then by offset. `pending` is short. */
static bool is_before(const struct ikv_io *io, uint32_t a, uint32_t b)
{
    const struct operation *left = &io->ops[a];
    const struct operation *right = &io->ops[b];

    if (left->request->file->source != right->request->file->source)
        return (uintptr_t)left->request->file->source < (uintptr_t)right->request->file->source;
    return left->offset < right->offset;
}

/* By insertion: reads are planned in order of keys or positions, so it is nearly sorted. */
static void sort_pending(struct ikv_io *io)
{
    for (unsigned i = 1; i < io->pending_count; i++) {
        const uint32_t op = io->pending[i];
        unsigned at = i;
        for (; at > 0 && is_before(io, op, io->pending[at - 1]); at--)
            io->pending[at] = io->pending[at - 1];
        io->pending[at] = op;
    }
}

/* Let the slot read the first of the pending operations from `from` on, and those near it. Returns
 * the number of operations taken. */
static unsigned fill(struct ikv_io *io, struct slot *slot, unsigned from)
{
    const uint32_t first = io->pending[from];
    struct ikv_http_object *object = ikv_http_object_of(io->ops[first].request->file);
    struct ikv_http_transfer *transfer = &slot->transfer;
    const uint64_t gap = ikv_http_gap(object);
    uint32_t last = first;
    unsigned taken = 1;

    transfer->object = object;
    transfer->begin = io->ops[first].offset;
    if (transfer->begin == IKV_HTTP_LAST_BYTES) {
        transfer->end = io->ops[first].request->length;
    } else {
        transfer->end = end_of(io, first);
        for (; from + taken < io->pending_count; taken++) {
            const uint32_t op = io->pending[from + taken];
            const uint64_t end = ikv_max(transfer->end, end_of(io, op));
            if (io->ops[op].request->file->source != &object->base ||
                io->ops[op].offset > transfer->end + gap || end - transfer->begin > gap)
                break;
            transfer->end = end;
            io->ops[last].next = op;
            last = op;
        }
        if (object->cache) { /* whole blocks can be cached */
            transfer->begin -= transfer->begin % IKV_CACHE_BLOCK;
            transfer->end =
                ikv_min(ikv_round_up(transfer->end, IKV_CACHE_BLOCK), object->base.size);
        }
    }
    slot->first = first;
    return taken;
}

static void start_pending(struct ikv_io *io)
{
    unsigned done = 0;

    if (io->pending_count == 0 || io->busy == io->slot_count)
        return;
    sort_pending(io);
    for (unsigned i = 0; i < io->slot_count && done < io->pending_count; i++) {
        struct slot *slot = &io->slots[i];
        if (slot->state != FREE)
            continue;
        slot->io = io;
        slot->attempt = 1;
        slot->transfer.curl = &io->curl;
        slot->transfer.take = take;
        slot->transfer.user = slot;
        done += fill(io, slot, done);
        io->busy++;
        start(slot);
    }
    io->pending_count -= done;
    memmove(io->pending, io->pending + done, io->pending_count * sizeof *io->pending);
}

/* ---------------------------------------------------------------- ending */

static uint64_t pause_before(struct ikv_io *io, const struct slot *slot)
{
    uint64_t pause = PAUSE_MIN;

    for (unsigned i = 1; i < slot->attempt && pause < PAUSE_MAX; i++)
        pause *= 2;
    if (slot->transfer.response.retry_after_s > 0)
        pause = ikv_max(pause, slot->transfer.response.retry_after_s * SECOND);
    io->random = ikv_mix(io->random + 1);
    return ikv_min(pause, PAUSE_MAX) / 2 + io->random % (ikv_min(pause, PAUSE_MAX) / 2 + 1);
}

static bool may_repeat(const struct slot *slot)
{
    const struct ikv_http_object *object = slot->transfer.object;
    const uint64_t gave_up = atomic_load_explicit(&object->gave_up_at, memory_order_relaxed);

    return slot->transfer.verdict.may_retry && slot->attempt < object->attempts &&
           (gave_up == 0 || ikv_clock() - gave_up > GIVEN_UP);
}

static void explain(const struct slot *slot)
{
    const struct ikv_http_transfer *transfer = &slot->transfer;
    const char *what = transfer->verdict.what;
    char text[160];

    if (transfer->response.status > 0 && transfer->is_judged && transfer->verdict.code != 0)
        (void)snprintf(text, sizeof text, "HTTP status %u%s%s", transfer->response.status,
                       *what ? ", " : "", what);
    else
        (void)snprintf(text, sizeof text, "%s", what);
    if (slot->attempt > 1)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), ", attempt %u",
                       slot->attempt);
    ikv_http_note_failure(transfer->object, transfer->verdict.code, text);
}

/* The attempt failed, for the reason in the verdict. */
static void fail(struct slot *slot)
{
    struct ikv_io *io = slot->io;
    struct ikv_http_object *object = slot->transfer.object;

    if (may_repeat(slot)) {
        slot->state = PAUSED;
        slot->resume_at = ikv_clock() + pause_before(io, slot);
        slot->attempt++;
        ikv_http_transfer_rewind(&slot->transfer);
        for (uint32_t op = slot->first; op != NO_OP; op = io->ops[op].next)
            io->ops[op].request->retries++;
        return;
    }
    explain(slot);
    if (slot->transfer.verdict.code == IKV_E_CHANGED && object->is_open)
        atomic_store_explicit(&object->changed, true, memory_order_relaxed);
    if (slot->transfer.verdict.may_retry && object->is_open)
        atomic_store_explicit(&object->gave_up_at, ikv_clock(), memory_order_relaxed);
    finish_all(slot, slot->transfer.verdict.code);
}

/* The first response tells what the object is; later ones must agree. */
static void learn(struct ikv_http_transfer *transfer)
{
    struct ikv_http_object *object = transfer->object;
    long version = 0;

    if (object->identity.size != UINT64_MAX)
        return;
    ikv_http_identify(&transfer->response, &object->identity);
    (void)transfer->curl->easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
    object->is_http2 = version == CURL_HTTP_VERSION_2_0;
    if (transfer->redirect && !object->direct) {
        object->direct = transfer->redirect;
        transfer->redirect = NULL;
    }
}

static void collect(struct ikv_io *io)
{
    const CURLMsg *message;
    int left;

    while ((message = io->curl.multi_info_read(io->multi, &left)) != NULL) {
        struct ikv_http_transfer *transfer = NULL;
        char *owner = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        const CURLcode result = message->data.result;
        (void)io->curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
        transfer = (struct ikv_http_transfer *)(void *)owner;
        struct slot *slot = transfer->user;
        switch (ikv_http_transfer_end(transfer, io->multi, result)) {
        case IKV_HTTP_DONE:
            learn(transfer);
            finish_all(slot, 0);
            break;
        case IKV_HTTP_AGAIN:
            start(slot);
            break;
        case IKV_HTTP_FAILED:
            fail(slot);
            break;
        }
    }
}

/* ---------------------------------------------------------------- waiting */

static bool is_canceled(const struct ikv_io *io, uint32_t op)
{
    const atomic_bool *canceled = io->ops[op].request->canceled;

    return canceled && atomic_load_explicit(canceled, memory_order_relaxed);
}

static bool all_canceled(const struct slot *slot)
{
    for (uint32_t op = slot->first; op != NO_OP; op = slot->io->ops[op].next)
        if (!is_canceled(slot->io, op))
            return false;
    return true;
}

/* What is due: canceled requests, attempts after their pause, requests without progress. Returns
 * how long nothing else will be, in milliseconds. */
static int watch(struct ikv_io *io)
{
    const uint64_t now = ikv_clock();
    uint64_t wait = WATCH_MS * MILLISECOND;

    for (unsigned i = 0; i < io->slot_count && io->busy > 0; i++) {
        struct slot *slot = &io->slots[i];
        if (slot->state == FREE)
            continue;
        const uint64_t timeout = slot->transfer.object->timeout_ms * MILLISECOND;
        const bool stalled =
            slot->state == RUNNING && now - ikv_min(now, slot->transfer.progress_at) > timeout;
        const bool canceled = all_canceled(slot);
        if (slot->state == RUNNING && (stalled || canceled))
            ikv_http_transfer_cancel(&slot->transfer, io->multi);
        if (canceled) {
            finish_all(slot, IKV_E_CANCELED);
        } else if (stalled) {
            slot->transfer.verdict =
                (struct ikv_http_verdict){-ETIMEDOUT, true, "no answer in time"};
            fail(slot);
        } else if (slot->state == PAUSED && now >= slot->resume_at) {
            start(slot);
            wait = 0;
        } else if (slot->state == PAUSED) {
            wait = ikv_min(wait, slot->resume_at - now);
        }
    }
    return (int)((wait + MILLISECOND - 1) / MILLISECOND);
}

static void drop_canceled_pending(struct ikv_io *io)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < io->pending_count; i++) {
        const uint32_t op = io->pending[i];
        if (is_canceled(io, op))
            finish(io, op, IKV_E_CANCELED);
        else
            io->pending[kept++] = op;
    }
    io->pending_count = kept;
}

/* Let the network work; wait for it if nothing is ready. */
static void work(struct ikv_io *io)
{
    int running = 0;

    drop_canceled_pending(io);
    start_pending(io);
    (void)io->curl.multi_perform(io->multi, &running);
    collect(io);
    if (io->ready_count > 0)
        return;
    const int wait = watch(io);
    if (io->ready_count == 0 && wait > 0)
        (void)io->curl.multi_poll(io->multi, NULL, 0, wait, NULL);
}

static void abandon(struct ikv_io *io)
{
    for (unsigned i = 0; i < io->slot_count; i++)
        if (io->slots[i].state != FREE)
            finish_all(&io->slots[i], IKV_E_STATE);
    for (unsigned i = 0; i < io->pending_count; i++)
        finish(io, io->pending[i], IKV_E_STATE);
    io->pending_count = 0;
}

static struct ikv_io_request *http_reap(struct ikv_io *io)
{
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

static bool http_has_finished(const struct ikv_io *io)
{
    return io->ready_count > 0;
}

static uint64_t http_requests(const struct ikv_io *io)
{
    return io->requests;
}

const struct ikv_io_backend ikv_io_http = {.name = "http",
                                           .depth = 64,
                                           .create = http_create,
                                           .destroy = http_destroy,
                                           .submit = http_submit,
                                           .reap = http_reap,
                                           .has_finished = http_has_finished,
                                           .system_calls = http_requests};
