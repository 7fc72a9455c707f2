#include "http/slot.h"

#include "core/base/bytes.h"

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

/* Let the slot read the first of the pending operations from `from` on, and those near it. Returns
 * the number of operations taken. */
static unsigned fill(struct ikv_http_io *io, struct ikv_http_slot *slot, unsigned from)
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

void ikv_http_start_pending(struct ikv_http_io *io)
{
    unsigned done = 0;

    if (io->pending_count == 0 || io->busy == io->slot_count)
        return;
    sort_pending(io);
    for (unsigned i = 0; i < io->slot_count && done < io->pending_count; i++) {
        struct ikv_http_slot *slot = &io->slots[i];
        if (slot->state != IKV_HTTP_SLOT_FREE)
            continue;
        slot->io = io;
        slot->attempt = 1;
        slot->transfer.curl = &io->curl;
        slot->transfer.take = ikv_http_take;
        slot->transfer.user = slot;
        done += fill(io, slot, done);
        io->busy++;
        ikv_http_start(slot);
    }
    io->pending_count -= done;
    memmove(io->pending, io->pending + done, io->pending_count * sizeof *io->pending);
}
