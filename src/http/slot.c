#include "http/slot.h"

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/mix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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

void ikv_http_finish(struct ikv_http_io *io, uint32_t op, int code)
{
    struct ikv_io_request *request = io->ops[op].request;

    request->code = code;
    io->ready[(io->ready_head + io->ready_count++) % io->depth] = request;
    io->free[io->free_count++] = op;
}

/* ---------------------------------------------------------------- bodies */

void ikv_http_take(void *user, uint64_t offset, const unsigned char *bytes, size_t size)
{
    struct ikv_http_slot *slot = user;
    struct ikv_http_io *io = slot->io;
    struct ikv_http_cache *cache = slot->transfer.object->cache;

    for (uint32_t op = slot->first; op != IKV_HTTP_NO_OPERATION; op = io->ops[op].next) {
        struct ikv_http_operation *operation = &io->ops[op];
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

static void release(struct ikv_http_slot *slot)
{
    ikv_http_transfer_rewind(&slot->transfer);
    slot->state = IKV_HTTP_SLOT_FREE;
    slot->io->busy--;
}

void ikv_http_finish_all(struct ikv_http_slot *slot, int code)
{
    struct ikv_http_io *io = slot->io;

    for (uint32_t op = slot->first; op != IKV_HTTP_NO_OPERATION;) {
        const uint32_t next = io->ops[op].next;
        ikv_http_finish(io, op, code);
        op = next;
    }
    release(slot);
}

void ikv_http_start(struct ikv_http_slot *slot)
{
    slot->state = IKV_HTTP_SLOT_RUNNING;
    slot->io->requests++;
    if (slot->piece)
        slot->piece->next = UINT64_MAX;
    const int code = ikv_http_transfer_start(&slot->transfer, slot->io->multi);
    if (code < 0)
        ikv_http_finish_all(slot, code);
}

/* ---------------------------------------------------------------- ending */

static uint64_t pause_before(struct ikv_http_io *io, const struct ikv_http_slot *slot)
{
    uint64_t pause = PAUSE_MIN;

    for (unsigned i = 1; i < slot->attempt && pause < PAUSE_MAX; i++)
        pause *= 2;
    if (slot->transfer.response.retry_after_s > 0)
        pause = ikv_max(pause, slot->transfer.response.retry_after_s * SECOND);
    io->random = ikv_mix(io->random + 1);
    return ikv_min(pause, PAUSE_MAX) / 2 + io->random % (ikv_min(pause, PAUSE_MAX) / 2 + 1);
}

static bool may_repeat(const struct ikv_http_slot *slot)
{
    const struct ikv_http_object *object = slot->transfer.object;
    const uint64_t gave_up = atomic_load_explicit(&object->gave_up_at, memory_order_relaxed);

    return slot->transfer.verdict.may_retry && slot->attempt < object->attempts &&
           (gave_up == 0 || ikv_clock() - gave_up > GIVEN_UP);
}

static void explain(const struct ikv_http_slot *slot)
{
    const struct ikv_http_transfer *transfer = &slot->transfer;
    const char *what = transfer->verdict.what;
    char text[160];

    /* A server without ranges from the end is asked for others, whose failures matter. */
    if (transfer->begin == IKV_HTTP_LAST_BYTES && transfer->verdict.code == IKV_E_UNSUPPORTED)
        return;
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
static void fail(struct ikv_http_slot *slot)
{
    struct ikv_http_io *io = slot->io;
    struct ikv_http_object *object = slot->transfer.object;

    if (may_repeat(slot)) {
        slot->state = IKV_HTTP_SLOT_PAUSED;
        slot->resume_at = ikv_clock() + pause_before(io, slot);
        io->watch_at = ikv_min(io->watch_at, slot->resume_at);
        slot->attempt++;
        ikv_http_transfer_rewind(&slot->transfer);
        for (uint32_t op = slot->first; op != IKV_HTTP_NO_OPERATION; op = io->ops[op].next)
            io->ops[op].request->retries++;
        return;
    }
    explain(slot);
    if (slot->transfer.verdict.code == IKV_E_CHANGED && object->is_open)
        atomic_store_explicit(&object->changed, true, memory_order_relaxed);
    if (slot->transfer.verdict.may_retry && object->is_open)
        atomic_store_explicit(&object->gave_up_at, ikv_clock(), memory_order_relaxed);
    ikv_http_finish_all(slot, slot->transfer.verdict.code);
}

/* The first response tells what the object is; later ones must agree. Until the redirect of one is
 * remembered, each request is redirected. */
static void learn(struct ikv_http_transfer *transfer)
{
    struct ikv_http_object *object = transfer->object;
    long version = 0;

    if (transfer->from_start || (transfer->redirect && !object->is_open && !object->direct))
        ikv_http_transfer_remember(transfer);
    if (object->identity.size != UINT64_MAX)
        return;
    ikv_http_identify(&transfer->response, &object->identity);
    (void)transfer->curl->easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
    object->is_http2 = version == CURL_HTTP_VERSION_2_0;
}

void ikv_http_collect(struct ikv_http_io *io)
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
        struct ikv_http_slot *slot = transfer->user;
        switch (ikv_http_transfer_end(transfer, io->multi, result)) {
        case IKV_HTTP_DONE:
            learn(transfer);
            ikv_http_finish_all(slot, 0);
            break;
        case IKV_HTTP_AGAIN:
            ikv_http_start(slot);
            break;
        case IKV_HTTP_FAILED:
            fail(slot);
            break;
        }
    }
}

/* ---------------------------------------------------------------- waiting */

static bool all_canceled(const struct ikv_http_slot *slot)
{
    for (uint32_t op = slot->first; op != IKV_HTTP_NO_OPERATION; op = slot->io->ops[op].next)
        if (!ikv_http_is_canceled(slot->io, op))
            return false;
    return true;
}

int ikv_http_watch(struct ikv_http_io *io)
{
    const uint64_t now = ikv_clock();
    uint64_t wait = WATCH_MS * MILLISECOND;

    if (now < io->watch_at)
        return (int)((io->watch_at - now + MILLISECOND - 1) / MILLISECOND);

    for (unsigned i = 0; i < io->slot_count && io->busy > 0; i++) {
        struct ikv_http_slot *slot = &io->slots[i];
        if (slot->state == IKV_HTTP_SLOT_FREE)
            continue;
        const uint64_t timeout = slot->transfer.object->timeout_ms * MILLISECOND;
        const bool stalled = slot->state == IKV_HTTP_SLOT_RUNNING &&
                             now - ikv_min(now, slot->transfer.progress_at) > timeout;
        const bool canceled = all_canceled(slot);
        if (slot->state == IKV_HTTP_SLOT_RUNNING && (stalled || canceled))
            ikv_http_transfer_cancel(&slot->transfer, io->multi);
        if (canceled) {
            ikv_http_finish_all(slot, IKV_E_CANCELED);
        } else if (stalled) {
            slot->transfer.verdict =
                (struct ikv_http_verdict){-ETIMEDOUT, true, "no answer in time"};
            fail(slot);
        } else if (slot->state == IKV_HTTP_SLOT_PAUSED && now >= slot->resume_at) {
            ikv_http_start(slot);
            wait = 0;
        } else if (slot->state == IKV_HTTP_SLOT_PAUSED) {
            wait = ikv_min(wait, slot->resume_at - now);
        }
    }
    io->watch_at = now + wait;
    return (int)((wait + MILLISECOND - 1) / MILLISECOND);
}
