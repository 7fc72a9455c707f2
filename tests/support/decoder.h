/*
 * A decoder of the base format, written from its description alone and sharing nothing with the
 * library: it reads a whole file into memory and checks every rule of the format.
 *
 *   0            u16 version = 2 | u8 completed | u64 pair_count | u64 index_start | 5 bytes
 *   24           records without gaps: u32 size, then size bytes
 *   ...          zeros up to index_start (the crate writes none)
 *   index_start  pair_count entries in key order: key, u64 position, padding up to the stride
 *
 * What follows the index is not looked at.
 */
#ifndef TEST_DECODER_H
#define TEST_DECODER_H

#include <stddef.h>
#include <stdint.h>

#define DECODER_HEADER_SIZE   24
#define DECODER_KEY_WIDTH_MAX 128

typedef enum decoder_kind {
    DECODER_UNSIGNED = 1, /* little-endian in the file */
    DECODER_SIGNED = 2,   /* two's complement, little-endian in the file */
    DECODER_BYTES = 3     /* compared as memcmp does */
} decoder_kind;

/* How keys and entries of a file are to be understood; the base format does not record it. */
typedef struct decoder_layout {
    decoder_kind kind;
    size_t key_width;
    size_t stride;
} decoder_layout;

typedef struct decoder_entry {
    unsigned char key[DECODER_KEY_WIDTH_MAX]; /* as it lies in the file */
    uint64_t position;
    const unsigned char *content; /* of the record: `size` bytes in decoded_store.bytes */
    uint32_t size;
} decoder_entry;

typedef struct decoded_store {
    decoder_layout layout;
    unsigned char *bytes; /* the file */
    size_t file_size;
    uint64_t pair_count;
    uint64_t index_start;
    uint64_t records_end; /* offset after the last record */
    uint64_t index_end;   /* offset after the last entry */
    unsigned char spare[5];
    decoder_entry *entries; /* in the order of the index */
    size_t *arrival;        /* arrival[i]: number of the entry whose record lies at place i */
    char error[256];        /* the rule that is broken; "" if none is */
} decoded_store;

/* The stride of a Rust struct {key, u64}: 16 and 32 for integers, N + 8 rounded up to 8 for bytes.
 */
size_t decoder_stride(decoder_kind kind, size_t key_width);

/*
 * Read and check. 0 if every rule holds, -1 with decoded_store.error set otherwise; the result is
 * to be freed in both cases. Equal keys break no rule of the base format; decoder_repeated_keys
 * counts them.
 */
int decoder_read(const char *path, const decoder_layout *layout, decoded_store *ret_decoded);
void decoder_free(decoded_store *decoded);

/* Number of entries whose key is that of the entry before. */
size_t decoder_repeated_keys(const decoded_store *decoded);

/* Order of two keys as they lie in the file. */
int decoder_compare(const decoder_layout *layout, const unsigned char *a, const unsigned char *b);

#endif
