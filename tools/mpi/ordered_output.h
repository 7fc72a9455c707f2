/*
 * Output of all ranks in the order of the input. The input is divided into rounds, of which each
 * rank has a chunk; the output of a chunk follows that of the same round's chunks on lower ranks.
 * It goes to a file, by MPI-IO at computed offsets, or by way of rank 0 to standard output; or each
 * rank has a file of its own.
 */
#ifndef ORDERED_OUTPUT_H
#define ORDERED_OUTPUT_H

#include "base/buffer.h"
#include "mpi/mpi_command.h"
#include "text/output.h"

#include <stdint.h>

struct ordered_output {
    const struct job *job;
    const char *path; /* NULL: standard output */
    bool in_parts;    /* path is a directory with a file for each rank */
    char *temporary;  /* the file that becomes `path` */
    MPI_File file;    /* shared; MPI_FILE_NULL: none */
    struct output output;
    struct buffer pending; /* written to, but not yet passed on; `output` appends to it */
    struct buffer ends;    /* of size_t: where in `pending` each complete chunk ends */
    uint64_t complete;     /* chunks of this rank */
    uint64_t written;      /* rounds */
    bool failed;           /* writing did, on this rank */
    uint64_t offset;       /* in the file, of the next round */
};

/* Collective. Returns STATUS_DONE, or an exit status after reporting, the same on all ranks. */
int ordered_output_open(struct ordered_output *ordered, const struct job *job, const char *path,
                        bool in_parts);

/* This rank's next chunk is complete in `output`. */
int ordered_output_chunk(struct ordered_output *ordered);

/* Collective: pass on the rounds that are complete on all ranks. `ended`: this rank has no more
 * chunks. Returns the exit status of this rank. */
int ordered_output_write(struct ordered_output *ordered, bool ended);

/* Collective: close the file, and publish it if it is `whole` on all ranks. Returns the worst
 * status. */
int ordered_output_close(struct ordered_output *ordered, int status, bool whole);

#endif
