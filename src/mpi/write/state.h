/*
 * A build, on one rank:
 *
 *     next -> run.c       sorted by key into a temporary store; a sample of the keys
 *             sample.c    all ranks: where shards begin
 *             build.c     these written down, in the journal, for a build that resumes
 *             outbox.c    pairs of the store, in key order, for each rank that writes a shard
 *             inbox.c     pairs of all ranks, merged in key order
 *             shard.c     written to a shard
 *             build.c     the manifest is published
 */
#ifndef IKV_MPI_STATE_H
#define IKV_MPI_STATE_H

#include "indexkv_mpi.h"
#include "mpi/exchange.h"
#include "mpi/nodes.h"
#include "mpi/write/sample.h"
#include "shards/journal.h"

#include <stdbool.h>

struct build {
    MPI_Comm comm;
    struct nodes nodes;
    const char *dir;
    ikv_writer_options writer; /* store_id is not set: table_id has it */
    uint32_t flags;
    uint64_t memory, fingerprint;
    unsigned char table_id[16];
    size_t width;
    bool has_ranges;

    size_t shards;
    unsigned char *splitters; /* first keys of shards 1 to shards - 1 */
    int *writers;             /* the rank that writes each shard */
    bool *whole;              /* shards that are complete already */
    struct ikv_shard_facts *facts;

    struct ikv_table_lock *lock; /* of `dir`, on rank 0 */
    char *run_path;              /* the temporary store */
    ikv_store *run;
    ikv_mpi_build_stats stats;
    struct exchange_counts counts;
};

/* The shard of a key. */
size_t ikv_build_shard_of(const struct build *build, const void *key);
/* The path of a shard. Free it; NULL: no memory. */
char *ikv_build_shard_path(const struct build *build, size_t shard);

/* Read and sort the pairs of this rank, except those of whole shards. `sample` may be NULL. Not
 * collective. */
int ikv_build_sort(struct build *build, ikv_mpi_next_fn next, void *user, struct sample *sample,
                   ikv_error *err);
/* Remove the temporary store. */
void ikv_build_remove_run(struct build *build);

/* Collective: exchange pairs, and write all shards that are not whole. */
int ikv_build_write_shards(struct build *build, ikv_error *err);

#endif
