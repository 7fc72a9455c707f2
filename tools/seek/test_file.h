/*
 * A test file of random bytes in a directory, without holes, which would not be read from the
 * device. Unless it is kept, it has no name, so it disappears with the process in any case.
 */
#ifndef TEST_FILE_H
#define TEST_FILE_H

#include "base/progress.h"

#include <stdbool.h>
#include <stdint.h>

struct test_file {
    const char *directory;
    uint64_t size;
    uint64_t seed;
    bool keep;       /* as DIRECTORY/indexkv-seek.data */
    char path[4096]; /* set by test_file_make, if it is kept */
};

/* Create the file and open it for reading. STATUS_DONE; otherwise the file was removed, and the
 * status is STATUS_INTERRUPTED, or another one after reporting. */
int test_file_make(struct test_file *file, bool direct, struct progress *progress, int *ret_fd);

#endif
