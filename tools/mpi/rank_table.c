#include "mpi/rank_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 14 };

static void print_row(const char *name, const struct rank_column *columns, const double *values,
                      size_t count)
{
    (void)fprintf(stderr, "%9s", name);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(stderr, " %*.*f", WIDTH, columns[i].decimals, values[i]);
    (void)fputc('\n', stderr);
}

static void print_rows(const struct job *job, const struct rank_column *columns, size_t count,
                       const double *all)
{
    double sums[RANK_COLUMNS_MAX] = {0}, most[RANK_COLUMNS_MAX] = {0};
    (void)fprintf(stderr, "%9s", "rank");
    for (size_t i = 0; i < count; i++)
        (void)fprintf(stderr, " %*s", WIDTH, columns[i].name);
    (void)fputc('\n', stderr);
    for (int rank = 0; rank < job->ranks; rank++) {
        char name[16];
        const double *row = all + (size_t)rank * count;
        (void)snprintf(name, sizeof name, "%d", rank);
        print_row(name, columns, row, count);
        for (size_t i = 0; i < count; i++) {
            sums[i] += row[i];
            most[i] = row[i] > most[i] ? row[i] : most[i];
        }
    }
    print_row("all", columns, sums, count);
    (void)fprintf(stderr, "%9s", "imbalance");
    for (size_t i = 0; i < count; i++)
        (void)fprintf(stderr, " %*.3f", WIDTH, sums[i] > 0 ? most[i] * job->ranks / sums[i] : 1);
    (void)fputc('\n', stderr);
}

void rank_table_print(const struct job *job, const struct rank_column *columns, size_t count)
{
    double mine[RANK_COLUMNS_MAX];
    double *all = job->rank == 0 ? calloc((size_t)job->ranks * count, sizeof *all) : NULL;
    for (size_t i = 0; i < count; i++)
        mine[i] = columns[i].value;
    int ready = job->rank != 0 || all != NULL;
    (void)MPI_Bcast(&ready, 1, MPI_INT, 0, job->comm);
    if (ready)
        (void)MPI_Gather(mine, (int)count, MPI_DOUBLE, all, (int)count, MPI_DOUBLE, 0, job->comm);
    if (ready && all != NULL)
        print_rows(job, columns, count, all);
    free(all);
}
