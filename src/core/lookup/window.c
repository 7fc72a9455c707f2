#include "core/lookup/window.h"

#include "core/base/clock.h"
#include "core/platform/probes.h"

#include <errno.h>
#include <stdlib.h>

/* Memory of all slots together; deep windows have small slots. */
#define WINDOW_SIZE ((uint32_t)2 << 20)

/* Registering a window's buffers takes a millisecond or two and then saves a quarter of a
 * microsecond per read from the page cache. */
#define REGISTER_AFTER 4096

/* A page reaches into the next slice by less than a stride, and direct reads are extended to whole
 * blocks. */
#define DATA_SURPLUS ((size_t)3 * IKV_ALIGN_MAX)
#define SUMS_SIZE    ((size_t)2 * IKV_ALIGN_MAX)

_Static_assert(IKV_SLOT_PAGES_MAX * 4 <= IKV_ALIGN_MAX,
               "checksums of a slot's pages fit into one block");

static int allocate(struct ikv_window *window, unsigned count)
{
    const uint32_t share = WINDOW_SIZE / count / IKV_PAGE_SIZE * IKV_PAGE_SIZE;

    window->slot_size = (uint32_t)ikv_max(IKV_SLOT_SIZE_MIN, ikv_min(share, IKV_SLOT_SIZE_MAX));
    const size_t bytes = window->slot_size + DATA_SURPLUS + SUMS_SIZE;
    window->slots = calloc(count, sizeof *window->slots);
    window->free = malloc(count * sizeof *window->free);
    window->ready = malloc(count * sizeof *window->ready);
    if (posix_memalign(&window->memory, IKV_ALIGN_MAX, count * bytes) != 0)
        window->memory = NULL;
    if (!window->slots || !window->free || !window->ready || !window->memory)
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++) {
        window->free[i] = i;
        window->slots[i].data_buffer = (unsigned char *)window->memory + i * bytes;
        window->slots[i].sums_buffer =
            window->slots[i].data_buffer + window->slot_size + DATA_SURPLUS;
    }
    window->slot_count = window->free_count = count;
    return 0;
}

int ikv_window_open(struct ikv_window *window, const struct ikv_io_backend *backend,
                    const struct ikv_window_options *options)
{
    *window = (struct ikv_window){
        .backend = backend,
        .max_bytes = options->max_bytes ? options->max_bytes : UINT64_MAX,
        .direct = options->direct,
    };
    int code = allocate(window, options->depth ? options->depth : backend->depth);
    if (code == 0) {
        const size_t bytes = window->slot_size + DATA_SURPLUS + SUMS_SIZE;
        const struct ikv_io_options io_options = {
            .depth = 2 * window->slot_count,
            .connections = options->connections,
            .memory = window->memory,
            .memory_size = window->slot_count * bytes,
            .files_may_close = options->files_may_close,
            .register_after = options->direct ? 0 : REGISTER_AFTER,
        };
        code = backend->create(&io_options, &window->io);
    }
    if (code < 0) {
        window->io = NULL;
        ikv_window_close(window);
    }
    return code;
}

void ikv_window_close(struct ikv_window *window)
{
    if (window->io)
        window->backend->destroy(window->io);
    free(window->slots);
    free(window->free);
    free(window->ready);
    free(window->memory);
    *window = (struct ikv_window){0};
}

struct ikv_slot *ikv_window_take(struct ikv_window *window, struct ikv_run *run,
                                 enum ikv_slot_use use)
{
    struct ikv_slot *slot = &window->slots[window->free[--window->free_count]];

    slot->run = run;
    slot->use = use;
    slot->waiting = 0;
    slot->is_mapped = false;
    slot->sums.size = 0;
    slot->sums.request.code = 0;
    slot->sums.request.retries = 0;
    return slot;
}

void ikv_window_release(struct ikv_window *window, const struct ikv_slot *slot)
{
    window->free[window->free_count++] = (uint32_t)(slot - window->slots);
}

void ikv_window_read(struct ikv_window *window, struct ikv_slot *slot, struct ikv_slot_read *read,
                     const struct ikv_io_file *file, void *buffer, uint64_t offset, uint32_t size)
{
    const uint64_t align = file->direct ? file->align : 1;
    const uint64_t start = offset & ~(align - 1);
    const uint64_t end = ikv_round_up(offset + size, align);

    read->bytes = (const unsigned char *)buffer + (offset - start);
    read->size = size;
    read->request = (struct ikv_io_request){.file = file,
                                            .offset = start,
                                            .length = (uint32_t)(end - start),
                                            .need = (uint32_t)(offset + size - start),
                                            .buffer = buffer,
                                            .owner = slot,
                                            .nowait = window->nowait};
    int code = window->backend->submit(window->io, &read->request);
    IKV_TRACE3(read_begin, buffer, offset, size);
    if (code == 0) {
        slot->waiting++;
        window->bytes += read->request.length;
    } else {
        read->request.code = code; /* as if the read had failed */
    }
}

void ikv_window_answer(struct ikv_slot *slot, struct ikv_slot_read *read,
                       const unsigned char *bytes, uint32_t size, int code)
{
    read->bytes = bytes;
    read->size = size;
    read->request = (struct ikv_io_request){.owner = slot, .code = code};
}

void ikv_window_launch(struct ikv_window *window, struct ikv_slot *slot)
{
    if (slot->waiting > 0)
        return;
    const unsigned last = (window->ready_head + window->ready_count++) % window->slot_count;
    window->ready[last] = (uint32_t)(slot - window->slots);
}

struct ikv_slot *ikv_window_reap(struct ikv_window *window)
{
    if (window->ready_count > 0) {
        struct ikv_slot *slot = &window->slots[window->ready[window->ready_head]];
        window->ready_head = (window->ready_head + 1) % window->slot_count;
        window->ready_count--;
        return slot;
    }
    if (window->timed && window->backend->synchronous)
        window->reap_began = ikv_clock();
    for (;;) {
        const struct ikv_io_request *request = window->backend->reap(window->io);
        struct ikv_slot *slot = request->owner;
        window->bytes -= request->length;
        IKV_TRACE3(read_end, request->buffer, request->offset, request->code);
        if (--slot->waiting == 0)
            return slot;
    }
}

uint64_t ikv_window_system_calls(struct ikv_window *window)
{
    if (!window->backend->system_calls)
        return 0;
    const uint64_t before = window->system_calls;
    window->system_calls = window->backend->system_calls(window->io);
    return window->system_calls - before;
}
