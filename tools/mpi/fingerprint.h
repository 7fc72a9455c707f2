/* What a build that is resumed must have in common with the one that was interrupted. */
#ifndef FINGERPRINT_H
#define FINGERPRINT_H

#include "input/pair_reader.h"
#include "mpi/mpi_command.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Collective: a number for the names, sizes and times of the input files and for the options that
 * decide which pairs they contain. `skip`: bad lines are skipped. Ranks for which a file differs,
 * because it is another one or caches of a network file system disagree, would read parts that
 * overlap or leave gaps: that is an error that names the file. Returns STATUS_DONE, or an exit
 * status after reporting.
 */
int fingerprint_make(const struct job *job, const struct pair_format *format, bool skip,
                     char **paths, size_t count, uint64_t *ret_fingerprint);

#endif
