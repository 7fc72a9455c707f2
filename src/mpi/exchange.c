#include "mpi/exchange.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

int ikv_exchange_init(struct exchange *exchange, MPI_Comm comm)
{
    *exchange = (struct exchange){.comm = comm, .request = MPI_REQUEST_NULL};
    (void)MPI_Comm_size(comm, &exchange->ranks);
    (void)MPI_Comm_rank(comm, &exchange->rank);
    int *sizes = calloc((size_t)exchange->ranks * 4, sizeof *sizes);
    if (sizes == NULL)
        return -ENOMEM;
    exchange->send_sizes = sizes;
    exchange->send_at = sizes + exchange->ranks;
    exchange->receive_sizes = exchange->send_at + exchange->ranks;
    exchange->receive_at = exchange->receive_sizes + exchange->ranks;
    return 0;
}

void ikv_exchange_free(struct exchange *exchange)
{
    if (exchange->send_sizes != NULL)
        ikv_exchange_wait(exchange);
    free(exchange->send_sizes);
    *exchange = (struct exchange){.request = MPI_REQUEST_NULL};
}

void ikv_exchange_place(struct exchange *exchange)
{
    size_t sent = 0, received = 0;
    for (int i = 0; i < exchange->ranks; i++) {
        /* Larger sums are only compared with a limit. */
        exchange->send_at[i] = (int)(sent <= INT_MAX ? sent : 0);
        exchange->receive_at[i] = (int)(received <= INT_MAX ? received : 0);
        sent += (size_t)exchange->send_sizes[i];
        received += (size_t)exchange->receive_sizes[i];
    }
    exchange->sent = sent;
    exchange->received = received;
}

void ikv_exchange_sizes(struct exchange *exchange, struct exchange_counts *counts)
{
    (void)MPI_Alltoall(exchange->send_sizes, 1, MPI_INT, exchange->receive_sizes, 1, MPI_INT,
                       exchange->comm);
    counts->collectives++;
    ikv_exchange_place(exchange);
}

void ikv_exchange_start(struct exchange *exchange, const void *send, void *receive,
                        struct exchange_counts *counts)
{
    for (int i = 0; i < exchange->ranks; i++) {
        if (i == exchange->rank || exchange->send_sizes[i] == 0)
            continue;
        counts->messages++;
        counts->bytes += (uint64_t)exchange->send_sizes[i];
    }
    counts->collectives++;
    (void)MPI_Ialltoallv(send, exchange->send_sizes, exchange->send_at, MPI_BYTE, receive,
                         exchange->receive_sizes, exchange->receive_at, MPI_BYTE, exchange->comm,
                         &exchange->request);
}

void ikv_exchange_wait(struct exchange *exchange)
{
    if (exchange->request == MPI_REQUEST_NULL)
        return;
    /* NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker): the call is in ikv_exchange_start. */
    (void)MPI_Wait(&exchange->request, MPI_STATUS_IGNORE);
}
