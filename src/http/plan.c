#include "http/slot.h"

#include "core/base/bytes.h"

/* Bytes of one request: at most, and where spreading over connections is not worth more requests.
 */
#define SPAN_MAX   ((uint64_t)4 << 20)
#define SPAN_SHORT ((uint64_t)64 << 10)

static uint64_t end_of(const struct ikv_http_io *io, uint32_t op)
{
    const struct ikv_io_request *request = io->ops[op].request;
    const uint64_t size = request->file->source->size;

    return request->offset + ikv_min(request->length, size - request->offset);
}

/* Order of operations: by object, then by offset. `pending` is short. */
static bool is_before(const struct ikv_http_io *io, uint32_t a, uint32_t b)
{
    const struct ikv_http_operation *left = &io->ops[a];
    const struct ikv_http_operation *right = &io->ops[b];

    if (left->request->file->source != right->request->file->source)
        return (uintptr_t)left->request->file->source < (uintptr_t)right->request->file->source;
    return left->offset < right->offset;
}

/* By insertion: reads are planned in order of keys or positions, so it is nearly sorted. */
static void sort_pending(struct ikv_http_io *io)
{
    for (unsigned i = 1; i < io->pending_count; i++) {
        const uint32_t op = io->pending[i];
        unsigned at = i;
        for (; at > 0 && is_before(io, op, io->pending[at - 1]); at--)
            io->pending[at] = io->pending[at - 1];
        io->pending[at] = op;
    }
}

/* How many of the pending operations one request may serve: not more than leave some for each of
 * the connections that are free, unless it stays short. */
static bool is_full(const struct ikv_http_transfer *transfer, uint64_t end, unsigned taken,
                    unsigned share)
{
    const uint64_t span = end - transfer->begin;

    return span > SPAN_MAX || (taken >= share && span > SPAN_SHORT);
}

/* Let the slot read the first of the pending operations from `from` on, and those near it. Returns
 * the number of operations taken. */
static unsigned fill(struct ikv_http_io *io, struct ikv_http_slot *slot, unsigned from,
                     unsigned share)
{
    const uint32_t first = io->pending[from];
    struct ikv_http_object *object = ikv_http_object_of(io->ops[first].request->file);
    struct ikv_http_transfer *transfer = &slot->transfer;
    const uint64_t gap = ikv_http_gap(object, io->slot_count);
    uint32_t last = first;
    unsigned taken = 1;

    transfer->object = object;
    transfer->begin = io->ops[first].offset;
    slot->first = first;
    if (transfer->begin == IKV_HTTP_LAST_BYTES) {
        transfer->end = io->ops[first].request->length;
        return taken;
    }
    transfer->end = end_of(io, first);
    for (; from + taken < io->pending_count; taken++) {
        const uint32_t op = io->pending[from + taken];
        const uint64_t end = ikv_max(transfer->end, end_of(io, op));
        if (io->ops[op].request->file->source != &object->base ||
            io->ops[op].offset > transfer->end + gap || is_full(transfer, end, taken, share))
            break;
        transfer->end = end;
        io->ops[last].next = op;
        last = op;
    }
    if (object->cache) { /* whole blocks can be cached */
        transfer->begin -= transfer->begin % IKV_CACHE_BLOCK;
        transfer->end = ikv_min(ikv_round_up(transfer->end, IKV_CACHE_BLOCK), object->base.size);
    }
    return taken;
}

void ikv_http_start_pending(struct ikv_http_io *io)
{
    const unsigned idle = io->slot_count - io->busy;
    unsigned done = 0;

    if (io->pending_count == 0 || idle == 0)
        return;
    sort_pending(io);
    const unsigned share = (io->pending_count + idle - 1) / idle;
    for (unsigned i = 0; i < io->slot_count && done < io->pending_count; i++) {
        struct ikv_http_slot *slot = &io->slots[i];
        if (slot->state != IKV_HTTP_SLOT_FREE)
            continue;
        slot->io = io;
        slot->attempt = 1;
        slot->transfer.curl = &io->curl;
        slot->transfer.take = ikv_http_take;
        slot->transfer.user = slot;
        done += fill(io, slot, done, share);
        io->busy++;
        ikv_http_start(slot);
    }
    io->pending_count -= done;
    memmove(io->pending, io->pending + done, io->pending_count * sizeof *io->pending);
}
