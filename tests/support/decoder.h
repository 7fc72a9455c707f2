/*
 * A decoder of the base format, independent of the library: written from the format's description
 * and sharing no code with it. Reads a whole file into memory and checks every rule of the format.
 *
 *   0            u16 version = 2 | u8 completed | u64 pair_count | u64 index_start | 5 bytes
 *   24           records without gaps: u32 size, then size bytes
 *   ...          zeros up to index_start (none in files of the crate)
 *   index_start  pair_count entries in key order: key, u64 position, padding up to the stride
 *
 * Bytes after the index are ignored.
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
    DECODER_BYTES = 3     /* compared by memcmp */
} decoder_kind;

/* How to interpret keys and entries; the base format does not record it. */
typedef struct decoder_layout {
    decoder_kind kind;
    size_t key_width;
    size_t stride;
} decoder_layout;

typedef struct decoder_entry {
    unsigned char key[DECODER_KEY_WIDTH_MAX]; /* in file byte order */
    uint64_t position;
    const unsigned char *content; /* the record's `size` bytes, in decoded_store.bytes */
    uint32_t size;
} decoder_entry;

typedef struct decoded_store {
    decoder_layout layout;
    unsigned char *bytes; /* the whole file */
    size_t file_size;
    uint64_t pair_count;
    uint64_t index_start;
    uint64_t records_end; /* offset after the last record */
    uint64_t index_end;   /* offset after the last entry */
    unsigned char spare[5];
    decoder_entry *entries; /* in index order */
    size_t *arrival;        /* arrival[i]: index of the entry that has the i-th record */
    char error[256];        /* the violated rule, "" if none */
} decoded_store;

/* The stride of a Rust struct {key, u64}: 16 or 32 for integers, width + 8 rounded up to a multiple
 * of 8 for byte strings. */
size_t decoder_stride(decoder_kind kind, size_t key_width);

/*
 * Reads and checks a file. Returns 0 if every rule holds, otherwise -1 with decoded_store.error
 * set; free the result in either case. The base format allows equal keys: decoder_repeated_keys
 * counts them.
 */
int decoder_read(const char *path, const decoder_layout *layout, decoded_store *ret_decoded);
void decoder_free(decoded_store *decoded);

/* Number of entries with the same key as the entry before. */
size_t decoder_repeated_keys(const decoded_store *decoded);

/* Compares two keys in file byte order. */
int decoder_compare(const decoder_layout *layout, const unsigned char *a, const unsigned char *b);

#endif
