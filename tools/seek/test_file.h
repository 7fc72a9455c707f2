/*
 * A test file in a directory: random bytes, nothing left out (a hole would be read from memory). It
 * has no name, so that it goes with the process whatever happens; unless it is to be kept.
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
    char path[4096]; /* set: where it is, if it is kept */
};

/* Make it, and give a descriptor for reading in *ret_fd. STATUS_DONE, or another after reporting,
 * or STATUS_INTERRUPTED; then nothing is left of it. */
int test_file_make(struct test_file *file, bool direct, struct progress *progress, int *ret_fd);

#endif
