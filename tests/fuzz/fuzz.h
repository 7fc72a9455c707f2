/*
 * What fuzz targets share. A target is a program with LLVMFuzzerTestOneInput, which interprets the
 * bytes of one input. libFuzzer calls it (INDEXKV_FUZZ), or replay.c with the files of a corpus.
 *
 * A target fails by fuzz_fail, or by what a sanitizer reports.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Print the message and abort. */
void fuzz_fail(const char *format, ...) __attribute__((noreturn))
__attribute__((format(printf, 1, 2)));

/* The unread rest of an input. Numbers read after its end are 0. */
typedef struct fuzz_input {
    const uint8_t *bytes;
    size_t size;
} fuzz_input;

uint64_t fuzz_take(fuzz_input *input, size_t width);
/* A number below `below`. */
uint32_t fuzz_choose(fuzz_input *input, uint32_t below);

/* A file that all inputs of this process use in turn, in memory if possible. Removed at exit. */
const char *fuzz_path(const char *name);
/* Replace the content of fuzz_path(name). */
const char *fuzz_write(const char *name, const uint8_t *bytes, size_t size);

#endif
