/* Sequential reads of a range of a file, one block (1 MiB, aligned in the file) at a time. Verifies
 * the blocks' checksums if there are any. */
#ifndef IKV_READER_H
#define IKV_READER_H

#include "core/format/trailer.h"
#include "core/io/io.h"

struct ikv_reader {
    struct ikv_io_file file;
    uint64_t offset; /* of the next byte to return */
    uint64_t end;
    unsigned char *block;
    size_t begin; /* block[begin..filled) is returned next */
    size_t filled;

    /* Checksums of blocks; sums_offset 0: none. */
    uint64_t sums_offset; /* of block 0's checksum in the file */
    uint64_t sums_first;  /* block number of sums[0] */
    size_t sums_loaded;
    bool count_bad_blocks; /* whose checksum is wrong, instead of failing */
    uint64_t bad_blocks;
    unsigned char sums[512 * IKV_BLOCK_CHECKSUM_SIZE];

    uint64_t reads;
    uint64_t bytes;
    uint64_t retries;
};

/* Read [start, end). With sums_offset, start must be IKV_HEADER_SIZE or a multiple of
 * IKV_BLOCK_SIZE, and end the index start. -ENOMEM. */
int ikv_reader_init(struct ikv_reader *reader, const struct ikv_io_file *file, uint64_t start,
                    uint64_t end, uint64_t sums_offset);
void ikv_reader_free(struct ikv_reader *reader);

/* Return at least one byte and at most `max`: *ret_bytes, valid until the next call. Requires
 * offset < end. IKV_E_RECORD: the block's checksum is wrong. */
int ikv_reader_take(struct ikv_reader *reader, uint64_t max, const unsigned char **ret_bytes,
                    size_t *ret_size);
/* Copy exactly `size` bytes; IKV_E_TRUNCATED if the range ends before. */
int ikv_reader_copy(struct ikv_reader *reader, void *to, size_t size);

#endif
