/* Which rank reads which parts of the input files: neighbouring ones, in the order of ranks. */
#ifndef FILE_PARTS_H
#define FILE_PARTS_H

#include "input/pair_reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_parts {
    char **paths;            /* of the files that this rank reads from */
    struct file_part *parts; /* of each */
    size_t count;
};

/*
 * Divide the files among ranks by bytes. Files whose records can be found from any offset are cut:
 * lines of text, rows of one line, binary pairs of one size. Others are read by one rank:
 * compressed files, pipes, other CSV and binary. Returns STATUS_DONE, or an exit status after
 * reporting.
 */
int file_parts_make(struct file_parts *parts, const struct pair_format *format, char **paths,
                    size_t count, int rank, int ranks);
void file_parts_free(struct file_parts *parts);

/* Whether ranks can read parts of it: a regular file that is not compressed; with `binary` it may
 * begin with any bytes. *ret_size is its size. Returns STATUS_DONE, or an exit status after
 * reporting. */
int file_can_be_cut(const char *path, bool binary, bool *ret_can, uint64_t *ret_size);

#endif
