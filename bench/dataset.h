/*
 * Data sets: stores that are made once, by their parameters, and kept in a directory.
 *
 * A data set has n pairs. Keys are u64, all different, and look random: pair i has the key
 * dataset_key(i), and was written as the i-th. Its value is i in the first 8 bytes, so that an
 * answer can be checked, and zeros behind. The same parameters give the same file.
 */
#ifndef BENCH_DATASET_H
#define BENCH_DATASET_H

#include "harness.h"

#include <indexkv.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATASET_VALUE_MIN 8

struct dataset {
    const char *directory;
    uint64_t pairs;
    uint32_t value_size; /* DATASET_VALUE_MIN or more */
    bool plain;          /* as the Rust crate writes it, without checksums and fences */
};

/* The finaliser of splitmix64; each of its steps can be undone, so no two keys are equal. */
static inline uint64_t dataset_key(uint64_t i)
{
    i += 0x9e3779b97f4a7c15u;
    i = (i ^ (i >> 30)) * 0xbf58476d1ce4e5b9u;
    i = (i ^ (i >> 27)) * 0x94d049bb133111ebu;
    return i ^ (i >> 31);
}

/* Make the store unless it is there already, and see that it is what its name says. Returns
 * BENCH_*; `path` is set on success. */
int dataset_get(const struct dataset *dataset, char *path, size_t size, struct bench_error *error);

/* Is this the answer to dataset_key(i)? */
bool dataset_is_answer(const struct dataset *dataset, uint64_t i, const ikv_item *item);

/* Read the whole file, so that the page cache has it. */
int dataset_warm(const char *path, struct bench_error *error);

#endif
