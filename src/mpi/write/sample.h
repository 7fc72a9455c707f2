/*
 * A sample of the different keys of all ranks: those with the smallest hashes. Which keys these are
 * does not depend on how the pairs are divided among ranks, nor on how often a key occurs, so
 * neither do the shards.
 */
#ifndef IKV_MPI_SAMPLE_H
#define IKV_MPI_SAMPLE_H

#include <indexkv.h>
#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

struct sample {
    ikv_key_type type;
    size_t width, entry; /* an entry is a hash and a key */
    size_t capacity;     /* entries to keep; there is room for twice as many */
    size_t count;
    uint64_t limit; /* keys with larger hashes are not kept */
    unsigned char *entries;
};

/* For a table of `shards` shards. Returns 0 or -ENOMEM. */
int ikv_sample_init(struct sample *sample, ikv_key_type type, size_t shards);
void ikv_sample_free(struct sample *sample);

void ikv_sample_add(struct sample *sample, const void *key);

/* Collective: merge the samples of all ranks on rank 0. */
void ikv_sample_merge(struct sample *sample, MPI_Comm comm);

/* On rank 0, after that: the first keys of shards 1 to `shards` - 1, ascending. Without any keys
 * they are zero. */
void ikv_sample_split(struct sample *sample, size_t shards, unsigned char *ret_keys);

#endif
