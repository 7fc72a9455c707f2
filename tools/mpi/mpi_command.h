/* The subcommands of indexkv-mpi, and what they share. */
#ifndef MPI_COMMAND_H
#define MPI_COMMAND_H

#include <indexkv_mpi.h>
#include <stdbool.h>

/* All ranks of the job. */
struct job {
    MPI_Comm comm;
    int rank, ranks;
};

/* Collective, like all that they call. Each returns an exit status, the same on all ranks. */
int mpi_build(const struct job *job, int argc, char **argv);
int mpi_get(const struct job *job, int argc, char **argv);

/* Parse the command line on all ranks, on rank 0 first, so that errors and --help are printed once.
 * `parse` returns OPTIONS_CONTINUE or an exit status, and so does this. */
int job_parse(const struct job *job, int argc, char **argv,
              int (*parse)(void *user, int argc, char **argv), void *user);

/* Collective: the worst status of all ranks. */
int job_status(const struct job *job, int status);

/* After a call of the library that all ranks returned with this code: report it once, unless the
 * rank on which it happened did so (IKV_E_CANCELED). */
int job_error(const struct job *job, int code, const ikv_error *error);

#endif
