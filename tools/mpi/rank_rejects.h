/* The file with skipped lines of each rank. */
#ifndef RANK_REJECTS_H
#define RANK_REJECTS_H

#include "input/rejects.h"
#include "mpi/mpi_command.h"

#include <limits.h>

struct rank_rejects {
    struct rejects rejects;
    char path[PATH_MAX];
};

/* Like rejects_open, for FILE.RANK; with one rank, for FILE. */
int rank_rejects_open(struct rank_rejects *rank, const struct job *job,
                      const struct rejects_options *options, const char *const *inputs,
                      size_t count, const char *store);

#endif
