/*
 * Data sets: generated stores that are kept in a directory for later runs. Equal parameters give
 * equal files.
 *
 * Pair i, with 0 <= i < pairs, is the i-th pair written. Its key is dataset_key(i) as a u64, or a
 * key of 16 bytes that starts with it; keys are unique and look random. Its value starts with i in
 * 8 bytes, so that answers can be checked, followed by zeros. Keys of other numbers are absent.
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
    uint32_t value_size;  /* DATASET_VALUE_MIN or more */
    uint32_t key_size;    /* 8 or 0: u64; 16: byte strings */
    uint32_t copy;        /* number of a copy, whose pages can be dropped separately; 0: none */
    bool plain;           /* a plain v2 file, without checksums and fences */
    ikv_layout layout;    /* 0: in the order of arrival, not the library's default */
    uint32_t filter_bits; /* of a clustered store */
    bool keep_cached;     /* peers do not drop the file from the page cache and read it again */
};

/* The finaliser of splitmix64, a bijection: keys are unique. */
static inline uint64_t dataset_key(uint64_t i)
{
    i += 0x9e3779b97f4a7c15u;
    i = (i ^ (i >> 30)) * 0xbf58476d1ce4e5b9u;
    i = (i ^ (i >> 27)) * 0x94d049bb133111ebu;
    return i ^ (i >> 31);
}

/* Keys in the format of the library. */
uint32_t dataset_key_size(const struct dataset *dataset);
ikv_key_type dataset_key_type(const struct dataset *dataset);
void dataset_put_key(const struct dataset *dataset, uint64_t i, unsigned char *key);
/* The number of the pair with this key. */
uint64_t dataset_number(const unsigned char *key);

/* Writes the value of pair i; `value` must be zeroed, or hold the value of another pair. */
void dataset_put_value(uint64_t i, unsigned char *value);
bool dataset_is_value(const struct dataset *dataset, uint64_t i, const void *value, size_t size);

/* The path of a file that contains the data set's pairs; the name encodes the parameters. */
int dataset_path(const struct dataset *dataset, const char *suffix, char *path, size_t size,
                 struct bench_error *error);

/* Create the store unless it exists, and check that it matches its name. Returns BENCH_*; `path` is
 * set on success. */
int dataset_ensure(const struct dataset *dataset, char *path, size_t size,
                   struct bench_error *error);

/* Whether the item is the right answer to the key of pair i. */
bool dataset_is_answer(const struct dataset *dataset, uint64_t i, const ikv_item *item);

/* Read the whole file into the page cache. */
int dataset_warm(const char *path, struct bench_error *error);
/* Drop the file from the page cache (except for mapped pages), and then read it. Sequential reads
 * fill the page cache with large folios, which can be mapped by huge pages; writes do not. */
int dataset_reload(const char *path, struct bench_error *error);

#endif
