/* Writing one shard from pairs in key order, some keys more than once. */
#ifndef IKV_MPI_SHARD_H
#define IKV_MPI_SHARD_H

#include "mpi/write/pair.h"
#include "mpi/write/state.h"

/* A pair is written when the next one shows that it is the one to keep. */
struct shard {
    struct build *build;
    size_t number;
    ikv_writer *writer; /* NULL: none is being written */
    struct bytes held;  /* the pair that waits, encoded; empty: none */
    struct wire_pair pair;
};

int ikv_shard_start(struct shard *shard, struct build *build, size_t number, ikv_error *err);
int ikv_shard_add(struct shard *shard, const struct wire_pair *pair, ikv_error *err);
/* Publish the file, and set the facts of the shard in the build. */
int ikv_shard_finish(struct shard *shard, ikv_error *err);
void ikv_shard_free(struct shard *shard);

/* The facts of a shard that is complete. Other stores than that of this build: IKV_E_CHANGED. */
int ikv_shard_read_facts(struct build *build, size_t number, ikv_error *err);

#endif
