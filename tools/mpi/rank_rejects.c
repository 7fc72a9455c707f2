#include "mpi/rank_rejects.h"

#include <stdio.h>

int rank_rejects_open(struct rank_rejects *rank, const struct job *job,
                      const struct rejects_options *options, const char *const *inputs,
                      size_t count, const char *store)
{
    struct rejects_options of_rank = *options;
    if (options->path != NULL && job->ranks > 1) {
        (void)snprintf(rank->path, sizeof rank->path, "%s.%d", options->path, job->rank);
        of_rank.path = rank->path;
    }
    return rejects_open(&rank->rejects, &of_rank, inputs, count, store);
}
