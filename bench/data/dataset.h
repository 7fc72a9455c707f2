/*
 * Data sets: stores that are made once, by their parameters, and kept in a directory.
 *
 * A data set has n pairs. Keys are all different, and look random: pair i was written as the i-th,
 * and has the key dataset_key(i) as an u64, or a key of 16 bytes that begins with it. Its value is
 * i in the first 8 bytes, so that an answer can be checked, and zeros behind. The same parameters
 * give the same file. Keys of numbers that are not less than n are not in it.
 */
#ifndef BENCH_DATASET_H
#define BENCH_DATASET_H

#include "harness/harness.h"

#include <indexkv.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATASET_VALUE_MIN 8
#define DATASET_KEY_MAX   16

struct dataset {
    const char *directory;
    uint64_t pairs;
    uint32_t value_size; /* DATASET_VALUE_MIN or more */
    uint32_t key_size;   /* 8, which 0 means too: u64; 16: byte strings */
    uint32_t copy;       /* 0, or the number of a copy, whose pages can be dropped alone */
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

/* The bytes of a key, as the library takes them. */
uint32_t dataset_key_size(const struct dataset *dataset);
ikv_key_type dataset_key_type(const struct dataset *dataset);
void dataset_put_key(const struct dataset *dataset, uint64_t i, unsigned char *key);
/* Whose key is it? */
uint64_t dataset_number(const unsigned char *key);

/* The value of pair i; `value` was zeroed, or has another pair's. */
void dataset_put_value(uint64_t i, unsigned char *value);
/* Is this it? */
bool dataset_is_value(const struct dataset *dataset, uint64_t i, const void *value, size_t size);

/* The path of a file with what the data set has, by its parameters. */
int dataset_path(const struct dataset *dataset, const char *suffix, char *path, size_t size,
                 struct bench_error *error);

/* Make the store unless it is there already, and see that it is what its name says. Returns
 * BENCH_*; `path` is set on success. */
int dataset_get(const struct dataset *dataset, char *path, size_t size, struct bench_error *error);

/* Is this the answer to dataset_key(i)? */
bool dataset_is_answer(const struct dataset *dataset, uint64_t i, const ikv_item *item);

/* Read the whole file, so that the page cache has it. */
int dataset_warm(const char *path, struct bench_error *error);
/* The same as after a restart: what the page cache had is dropped before, unless it is mapped. A
 * file that is read from one end to the other lies in the page cache in large pieces, which the
 * kernel can map by huge pages; one that was just written does not. */
int dataset_read_anew(const char *path, struct bench_error *error);

#endif
