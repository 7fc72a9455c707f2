#include "core/io/reader.h"

#include "core/format/checksum.h"
#include "core/io/source.h"

#include <errno.h>
#include <stdlib.h>

#define READAHEAD ((uint64_t)2 * IKV_BLOCK_SIZE)

int ikv_reader_init(struct ikv_reader *reader, const struct ikv_io_file *file, uint64_t start,
                    uint64_t end, uint64_t sums_offset)
{
    memset(reader, 0, sizeof *reader);
    reader->block = malloc(IKV_BLOCK_SIZE);
    if (!reader->block)
        return -ENOMEM;
    reader->file = *file;
    reader->offset = start;
    reader->end = end;
    reader->sums_offset = sums_offset;
    return 0;
}

void ikv_reader_free(struct ikv_reader *reader)
{
    free(reader->block);
    reader->block = NULL;
}

static int load_sums(struct ikv_reader *reader, uint64_t block)
{
    uint64_t blocks = ikv_block_count(reader->end) - block;
    size_t size = (size_t)ikv_min(blocks * IKV_BLOCK_CHECKSUM_SIZE, sizeof reader->sums);

    reader->sums_first = block;
    reader->sums_loaded = size / IKV_BLOCK_CHECKSUM_SIZE;
    return ikv_file_read(&reader->file, reader->sums, size,
                         reader->sums_offset + block * IKV_BLOCK_CHECKSUM_SIZE, &reader->retries);
}

static int check_block(struct ikv_reader *reader)
{
    uint64_t block = reader->offset / IKV_BLOCK_SIZE;

    if (block < reader->sums_first || block - reader->sums_first >= reader->sums_loaded) {
        int code = load_sums(reader, block);
        if (code < 0)
            return code;
    }
    uint64_t sum =
        ikv_load64(reader->sums + (block - reader->sums_first) * IKV_BLOCK_CHECKSUM_SIZE);
    return sum == ikv_checksum(reader->block, reader->filled) ? 0 : IKV_E_RECORD;
}

static int fill(struct ikv_reader *reader)
{
    uint64_t room = IKV_BLOCK_SIZE - reader->offset % IKV_BLOCK_SIZE;
    size_t size = (size_t)ikv_min(room, reader->end - reader->offset);

    reader->begin = reader->filled = 0;
    /* The descriptor is advised for random reads, so request readahead. */
    ikv_file_will_read(&reader->file, reader->offset + size, READAHEAD);
    int code = ikv_file_read(&reader->file, reader->block, size, reader->offset, &reader->retries);
    if (code < 0)
        return code;
    reader->reads++;
    reader->bytes += size;
    reader->filled = size;
    if (!reader->sums_offset)
        return 0;
    code = check_block(reader);
    if (code != IKV_E_RECORD || !reader->count_bad_blocks)
        return code;
    reader->bad_blocks++;
    return 0;
}

int ikv_reader_take(struct ikv_reader *reader, uint64_t max, const unsigned char **ret_bytes,
                    size_t *ret_size)
{
    if (reader->begin == reader->filled) {
        int code = fill(reader);
        if (code < 0) {
            reader->begin = reader->filled = 0; /* never return unverified bytes */
            return code;
        }
    }
    size_t n = (size_t)ikv_min(max, reader->filled - reader->begin);
    *ret_bytes = reader->block + reader->begin;
    *ret_size = n;
    reader->begin += n;
    reader->offset += n;
    return 0;
}

int ikv_reader_copy(struct ikv_reader *reader, void *to, size_t size)
{
    unsigned char *at = to;

    if (size > reader->end - reader->offset)
        return IKV_E_TRUNCATED;
    while (size > 0) {
        const unsigned char *bytes;
        size_t n;
        int code = ikv_reader_take(reader, size, &bytes, &n);
        if (code < 0)
            return code;
        memcpy(at, bytes, n);
        at += n;
        size -= n;
    }
    return 0;
}
