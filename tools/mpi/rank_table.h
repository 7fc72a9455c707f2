/* Tables with a row for each rank, on standard error. */
#ifndef RANK_TABLE_H
#define RANK_TABLE_H

#include "mpi/mpi_command.h"

#include <stddef.h>

enum { RANK_COLUMNS_MAX = 16 };

struct rank_column {
    const char *name;
    double value; /* of this rank */
    int decimals; /* 0: a count */
};

/* Collective: rank 0 prints the rows of all ranks, their sums, and how much the largest is above
 * the average. */
void rank_table_print(const struct job *job, const struct rank_column *columns, size_t count);

#endif
