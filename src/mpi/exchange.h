/* Exchanges of bytes between all ranks, counted. */
#ifndef IKV_MPI_EXCHANGE_H
#define IKV_MPI_EXCHANGE_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that a rank sends or receives in one exchange: displacements of MPI_Alltoallv are ints. */
#define EXCHANGE_MAX ((uint64_t)1 << 30)

struct exchange_counts {
    uint64_t collectives;
    uint64_t messages; /* non-empty ones, to other ranks */
    uint64_t bytes;    /* in these */
};

/* One exchange at a time. Sizes and places are in bytes, one for each rank. */
struct exchange {
    MPI_Comm comm;
    int ranks, rank;
    int *send_sizes, *send_at, *receive_sizes, *receive_at;
    size_t sent, received; /* sums of the sizes */
    MPI_Request request;   /* MPI_REQUEST_NULL: none is in progress */
};

/* Returns 0 or -ENOMEM. Then exchange_free is allowed, as for a zeroed struct. */
int ikv_exchange_init(struct exchange *exchange, MPI_Comm comm);
void ikv_exchange_free(struct exchange *exchange);

/* Collective: pass send_sizes on, so that receive_sizes, all places and sums are set. The caller
 * keeps sums below EXCHANGE_MAX before the data is exchanged. */
void ikv_exchange_sizes(struct exchange *exchange, struct exchange_counts *counts);
/* Set the places and sums again, after sizes were changed. */
void ikv_exchange_place(struct exchange *exchange);

/* Collective: start to exchange the data, without waiting; and wait for the end. */
void ikv_exchange_start(struct exchange *exchange, const void *send, void *receive,
                        struct exchange_counts *counts);
void ikv_exchange_wait(struct exchange *exchange);

#endif
