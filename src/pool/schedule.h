/*
 * Which run is executed next. Every store has a lane. Workers take runs from the lanes in turn and,
 * within a lane, from its jobs in turn. A fresh job, of which no run was taken yet, may be taken
 * out of turn: so a worker that is busy with large batches can start a small one beside them.
 *
 *     lanes (a ring)     store A            store B
 *                          |                  |
 *     fresh              j4 j5              j3        no run was taken
 *     begun              j1 j2                        some runs were taken, not all
 *
 * The caller holds the queue's lock.
 */
#ifndef IKV_POOL_SCHEDULE_H
#define IKV_POOL_SCHEDULE_H

#include "pool/job.h"

struct ikv_job_list {
    struct ikv_job *first;
    struct ikv_job *last;
};

struct ikv_lane {
    struct ikv_lane *prev; /* in the ring; NULL: not in it, because the lane is empty */
    struct ikv_lane *next;
    struct ikv_job_list fresh;
    struct ikv_job_list begun;
    bool fresh_is_next; /* the two lists take turns, too */
};

struct ikv_schedule {
    struct ikv_lane *turn; /* the lane to be served next; NULL: all are empty */
    atomic_uint runs;      /* to be taken; also read without the lock, as a hint */
    atomic_uint fresh;     /* fresh jobs; the same */
};

/* Add a job to its store's lane, as a fresh one. */
void ikv_schedule_push(struct ikv_schedule *schedule, struct ikv_lane *lane, struct ikv_job *job);
/* Take the next run; if `fresh_only`, of a fresh job. NULL: there is none. */
struct ikv_run *ikv_schedule_take(struct ikv_schedule *schedule, bool fresh_only);

#endif
