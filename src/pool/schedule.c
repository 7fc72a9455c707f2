#include "pool/schedule.h"

static void append(struct ikv_job_list *list, struct ikv_job *job)
{
    job->lane_next = NULL;
    if (list->last)
        list->last->lane_next = job;
    else
        list->first = job;
    list->last = job;
}

static struct ikv_job *pop(struct ikv_job_list *list)
{
    struct ikv_job *job = list->first;

    list->first = job->lane_next;
    if (!list->first)
        list->last = NULL;
    return job;
}

static void enter_ring(struct ikv_schedule *schedule, struct ikv_lane *lane)
{
    if (lane->next)
        return;
    if (!schedule->turn) {
        lane->prev = lane->next = lane;
        schedule->turn = lane;
        return;
    }
    lane->next = schedule->turn; /* it is served last */
    lane->prev = schedule->turn->prev;
    lane->prev->next = lane;
    lane->next->prev = lane;
}

static void leave_ring(struct ikv_schedule *schedule, struct ikv_lane *lane)
{
    if (lane->next == lane) {
        schedule->turn = NULL;
    } else {
        lane->prev->next = lane->next;
        lane->next->prev = lane->prev;
        if (schedule->turn == lane)
            schedule->turn = lane->next;
    }
    lane->prev = lane->next = NULL;
}

void ikv_schedule_push(struct ikv_schedule *schedule, struct ikv_lane *lane, struct ikv_job *job)
{
    append(&lane->fresh, job);
    enter_ring(schedule, lane);
    atomic_fetch_add_explicit(&schedule->fresh, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&schedule->runs, job->run_count, memory_order_relaxed);
}

/* The lane whose turn it is; if `fresh_only`, the next one that has a fresh job. */
static struct ikv_lane *choose_lane(const struct ikv_schedule *schedule, bool fresh_only)
{
    struct ikv_lane *lane = schedule->turn;

    if (!lane || !fresh_only)
        return lane;
    do {
        if (lane->fresh.first)
            return lane;
        lane = lane->next;
    } while (lane != schedule->turn);
    return NULL;
}

static struct ikv_job *choose_job(struct ikv_schedule *schedule, struct ikv_lane *lane,
                                  bool fresh_only)
{
    const bool fresh =
        lane->fresh.first && (fresh_only || lane->fresh_is_next || !lane->begun.first);

    lane->fresh_is_next = !fresh;
    if (!fresh)
        return pop(&lane->begun);
    atomic_fetch_sub_explicit(&schedule->fresh, 1, memory_order_relaxed);
    return pop(&lane->fresh);
}

struct ikv_run *ikv_schedule_take(struct ikv_schedule *schedule, bool fresh_only)
{
    struct ikv_lane *lane = choose_lane(schedule, fresh_only);

    if (!lane)
        return NULL;
    struct ikv_job *job = choose_job(schedule, lane, fresh_only);
    struct ikv_run *run = job->runs[job->next_run++];
    atomic_fetch_sub_explicit(&schedule->runs, 1, memory_order_relaxed);
    if (job->next_run < job->run_count)
        append(&lane->begun, job);
    if (!fresh_only)
        schedule->turn = lane->next;
    if (!lane->fresh.first && !lane->begun.first)
        leave_ring(schedule, lane);
    return run;
}
