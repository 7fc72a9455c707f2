/* On which node each rank runs, and what share of the shards it takes. */
#ifndef IKV_MPI_NODES_H
#define IKV_MPI_NODES_H

#include <indexkv.h>
#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

struct nodes {
    int rank, ranks;
    uint32_t node, nodes; /* of this rank, from 0; number of all */
    int node_ranks;       /* on this rank's node */
    double *capacity;     /* of each rank; 0: it gets no shards */
};

/* Collective, also the result. `hosts`: the host file of ikv_mpi_open_options; NULL: all ranks are
 * equal. Then ikv_nodes_free is allowed, as for a zeroed struct. */
int ikv_nodes_init(struct nodes *nodes, MPI_Comm comm, const char *hosts, ikv_error *err);
void ikv_nodes_free(struct nodes *nodes);

/* The ranks of each shard: owners[first[s]] to owners[first[s + 1] - 1]. */
struct placement {
    size_t shards;
    size_t *first;
    int *owners;
};

/*
 * Place shards of these sizes on ranks in proportion to their capacity, neighbours together. Every
 * rank with capacity gets a shard if there are enough. If there are fewer shards than ranks, the
 * largest have several owners. Returns 0 or -ENOMEM.
 */
int ikv_placement_init(struct placement *placement, const uint64_t *sizes, size_t shards,
                       const struct nodes *nodes);
void ikv_placement_free(struct placement *placement);

#endif
