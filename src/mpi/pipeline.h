/*
 * The rounds of a lookup. Three are in progress, so that engine, network and the caller are all
 * busy; step t of the loop, on every rank:
 *
 *     round t        take keys of the caller, agree on how many, exchange them, submit lookups
 *     round t - 1    wait for its lookups, start to exchange the answers
 *     round t - 2    wait for its answers, pass them to the caller
 *
 * Lookups of round t run while answers of t - 1 are exchanged and the caller uses those of t - 2.
 */
#ifndef IKV_MPI_PIPELINE_H
#define IKV_MPI_PIPELINE_H

#include "mpi/round.h"

enum { ROUNDS = 3 };

struct pipeline {
    struct lookup lookup;
    const ikv_mpi_stream *stream;
    struct round rounds[ROUNDS];
    uint64_t started, looked_up, answered; /* rounds so far */

    /* The batch of the caller that keys are taken from. */
    const unsigned char *keys;
    size_t count, taken;
    bool ended;        /* the caller has no more keys */
    bool batch_ended;  /* on all ranks: ask for another one */
    bool failed;       /* on all ranks: the call ends */
    size_t limit;      /* keys that a rank sends in the next round; the same on all ranks */
    size_t own_limit;  /* this rank's limit, by what values take */
    size_t take_limit; /* keys that this rank can receive in a round */
};

/* Collective. Returns the agreed code; `err` is not NULL. */
int ikv_pipeline_run(struct pipeline *pipeline, ikv_error *err);

#endif
