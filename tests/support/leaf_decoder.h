/*
 * A decoder of clustered stores, written from the description of the format and sharing no code
 * with the library. Reads a whole file into memory, checks every rule of the format, and returns
 * keys and values without surplus bytes. (For decoder.h, values of these stores end with surplus
 * bytes.)
 *
 *   24..         extents of up to 1 MiB of leaves; before an extent, records outside its leaves
 *   leaf         records without gaps | zeros | positions, u64 each | entries: key, u16 place |
 *                u16 entries, u16 positions, u16 end of the records, u16 zero, u64 checksum
 *   records end  zeros up to a multiple of 4096
 *   then         the index of the base format, or nothing; sections
 */
#ifndef TEST_LEAF_DECODER_H
#define TEST_LEAF_DECODER_H

#include "decoder.h"
#include "trailer_decoder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct leaf_pair {
    const unsigned char *key;   /* as stored, in the leaf's directory */
    const unsigned char *value; /* `size` bytes in decoded_leaves.bytes, then the checksum */
    uint32_t size;
    bool is_outside;
    uint64_t position; /* of the record */
    uint64_t next;     /* offset of the next record, by its size field */
    size_t leaf;
} leaf_pair;

typedef struct leaf_bounds {
    uint64_t offset; /* in the file, as the next two */
    uint64_t records_end;
    uint64_t directory; /* up to the end of the leaf */
    size_t first;       /* pair */
    size_t count;       /* of pairs */
    size_t outside;     /* of these: records outside the leaf */
} leaf_bounds;

typedef struct decoded_leaves {
    unsigned char *bytes; /* the file */
    size_t file_size;
    decoded_trailer trailer;
    uint32_t leaf_size;
    bool has_v2_index;
    size_t leaf_count;
    leaf_bounds *leaves;
    size_t pair_count;
    leaf_pair *pairs; /* in key order */
    char error[320];  /* the violated rule, "" if none */
} decoded_leaves;

/* Whether the file is a native store with leaves. */
bool leaf_decoder_applies(const char *path);

/* Reads and checks a file. Returns 0 if every rule holds, otherwise -1 with ret->error set. Free
 * the result in either case. */
int leaf_decoder_read(const char *path, decoded_leaves *ret);
void leaf_decoder_free(decoded_leaves *decoded);

#endif
