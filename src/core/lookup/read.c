#include "core/lookup/read.h"

#include "core/base/clock.h"

bool ikv_read(struct ikv_run *run, struct ikv_slot *slot, struct ikv_slot_read *read, void *buffer,
              uint64_t offset, uint32_t size)
{
    struct ikv_map *map = run->map;

    if (!map || (!map->assume_resident && !ikv_map_query(map, offset, size))) {
        ikv_window_read(run->window, slot, read, run->file, buffer, offset, size);
        read->request.canceled = &run->batch->canceled;
        return false;
    }
    /* Only IKV_BACKEND_MMAP uses the mapping of a file that was truncated. */
    if (size > run->usable_size || offset > run->usable_size - size) {
        ikv_window_answer(slot, read, NULL, size, IKV_E_TRUNCATED);
        return true;
    }
    ikv_window_answer(slot, read, map->bytes + offset, size, 0);
    IKV_PREFETCH(map->bytes + offset);
    return true;
}

void ikv_read_launch(struct ikv_run *run, struct ikv_slot *slot)
{
    run->in_flight++;
    if (ikv_run_measures_latency(run))
        slot->started = ikv_clock();
    ikv_window_launch(run->window, slot);
}

void ikv_read_separately(struct ikv_run *run, enum ikv_slot_use use, uint32_t number)
{
    const size_t used = run->separate_count * sizeof(struct ikv_separate_read);
    struct ikv_separate_read *list = ikv_scratch_keep(&run->separate, used, used + sizeof *list);

    if (list)
        list[run->separate_count++] = (struct ikv_separate_read){use, number};
    else
        run->fatal = -ENOMEM;
}
