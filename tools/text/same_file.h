/* Outputs that would overwrite an input. */
#ifndef SAME_FILE_H
#define SAME_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Two names of one regular file, or twice the same name. */
bool same_file(const char *path, const char *other);

/* Refuse the output `path` of --OPTION if it is an input. NULL and "-" name no file, neither as an
 * output nor as an input. Returns STATUS_DONE, or STATUS_USAGE after reporting. */
int check_not_input(const char *option, const char *path, const char *const *inputs, size_t count);

#endif
