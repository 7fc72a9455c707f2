/*
 * Which shard is run next. Every store has a lane; workers take shards from the lanes in turn, and
 * within a lane from the batches in turn. A batch that nobody has begun may be taken out of turn:
 * so that a worker that is busy with large batches can begin a small one beside them.
 *
 *     lanes (a ring)     store A            store B
 *                          |                  |
 *     fresh              b4 b5              b3        nobody has begun them
 *     begun              b1 b2                        more of their shards are to be taken
 *
 * Nothing here locks: the engine's lock is held.
 */
#ifndef IKV_POOL_SCHEDULE_H
#define IKV_POOL_SCHEDULE_H

#include "core/query/result.h"

struct ikv_job_list {
    struct ikv_job *first;
    struct ikv_job *last;
};

struct ikv_lane {
    struct ikv_lane *prev; /* in the ring; NULL: not in it, since there is nothing to be taken */
    struct ikv_lane *next;
    struct ikv_job_list fresh;
    struct ikv_job_list begun;
    bool fresh_is_next; /* the two lists take turns, too */
};

struct ikv_schedule {
    struct ikv_lane *turn; /* the lane to be served next */
    atomic_uint shards;    /* to be taken; read without the lock as a hint, as is: */
    atomic_uint fresh;     /* batches that nobody has begun */
};

/* A batch with job->result->run_count shards. */
void ikv_schedule_push(struct ikv_schedule *schedule, struct ikv_lane *lane, struct ikv_job *job);
/* The next shard; only of a batch that nobody has begun, if `fresh_only`. NULL: there is none. */
struct ikv_run *ikv_schedule_take(struct ikv_schedule *schedule, bool fresh_only);

#endif
