/*
 * The query driver: keeps a window of reads in flight until the batch is done.
 *
 * Whenever a slot is free, the next read is planned: the rest of a long record, else pages that the
 * search waits for, else records whose positions are known. There is no barrier between levels or
 * between index and records: what a finished read makes possible is planned at once. Records are
 * taken in generations: all positions known when the pages have run out, sorted, so that neighbours
 * share a read; positions that turn up later make the next generation.
 */
#include "fetch.h"

#include <errno.h>

int ikv_fetch_open(struct ikv_result *result)
{
    if (ikv_window_is_usable(&result->window, result->store->backend))
        return 0;
    ikv_window_close(&result->window);
    return ikv_window_open(&result->window, result->store->backend);
}

void ikv_read_alone(struct ikv_result *result, enum ikv_slot_use use, uint32_t number)
{
    const size_t used = result->alone_count * sizeof(struct ikv_alone);
    struct ikv_alone *alone = ikv_scratch_keep(&result->alone, used, used + sizeof *alone);

    if (alone)
        alone[result->alone_count++] = (struct ikv_alone){use, number};
    else
        result->fatal = -ENOMEM;
}

static bool plan_alone(struct ikv_result *result)
{
    const struct ikv_alone *alone = result->alone.bytes;

    if (result->alone_next == result->alone_count)
        return false;
    alone += result->alone_next++;
    if (alone->use == IKV_SLOT_PAGES)
        ikv_read_page_alone(result, alone->number);
    else
        ikv_read_record_alone(result, alone->number);
    return true;
}

static bool plan(struct ikv_result *result)
{
    return plan_alone(result) || ikv_plan_tail(result) || ikv_plan_pages(result) ||
           ikv_plan_records(result);
}

/* After a fatal error the reads in flight are only waited for. */
static void complete(struct ikv_result *result, struct ikv_slot *slot)
{
    bool in_flight = false;

    result->stats.retries += slot->data.request.retries;
    result->stats.retries += slot->sums.request.retries;
    if (!result->fatal) {
        switch (slot->use) {
        case IKV_SLOT_PAGES:
            ikv_complete_pages(result, slot);
            break;
        case IKV_SLOT_RECORDS:
            ikv_complete_records(result, slot);
            break;
        case IKV_SLOT_TAIL:
            in_flight = ikv_complete_tail(result, slot);
            break;
        }
    }
    if (!in_flight)
        ikv_window_release(&result->window, slot);
}

int ikv_fetch_run(struct ikv_result *result)
{
    ikv_search_begin(&result->search);
    return ikv_fetch_records(result);
}

int ikv_fetch_records(struct ikv_result *result)
{
    struct ikv_window *window = &result->window;

    result->hits_sorted = result->hits_planned = 0;
    result->tail_count = result->tail_next = 0;
    result->alone_count = result->alone_next = 0;
    result->fetched = result->fetched_most = 0;
    for (;;) {
        while (!ikv_window_is_full(window) && !result->fatal && plan(result))
            ;
        if (ikv_window_is_idle(window))
            return result->fatal;
        complete(result, ikv_window_reap(window));
    }
}
