#include "core/leaves/leaf_reader.h"

#include "core/format/checksum.h"
#include "core/io/file_io.h"
#include "core/sort/pair_sorter.h"

#include <errno.h>
#include <stdlib.h>

int ikv_leaf_reader_begin(struct ikv_leaf_reader *reader, const struct ikv_leaf_writer *writer)
{
    *reader = (struct ikv_leaf_reader){.writer = writer};
    reader->bytes = malloc(IKV_EXTENT_SIZE);
    reader->value = malloc(IKV_PAIR_VALUE_MAX);
    return reader->bytes && reader->value ? 0 : -ENOMEM;
}

void ikv_leaf_reader_free(struct ikv_leaf_reader *reader)
{
    free(reader->bytes);
    free(reader->value);
}

static int load_extent(struct ikv_leaf_reader *reader)
{
    const struct ikv_leaf_writer *writer = reader->writer;
    const uint64_t extent = reader->leaf / writer->extent_leaves;
    unsigned char start[8];

    int code = ikv_tape_read(&writer->extents, extent * sizeof start, start, sizeof start);
    if (code < 0)
        return code;
    reader->start = ikv_load64(start);
    reader->loaded = (uint32_t)ikv_min(writer->extent_leaves, writer->leaves - reader->leaf);
    reader->next = 0;
    reader->leaf += reader->loaded;
    return ikv_pread_all(writer->output->fd, reader->bytes,
                         (size_t)reader->loaded * writer->leaf_size, reader->start, NULL);
}

/* Ensure that reader->at has entries left. 1; 0: the end; or a negative code. */
static int load_leaf(struct ikv_leaf_reader *reader)
{
    const struct ikv_leaf_writer *writer = reader->writer;

    if (reader->entry < reader->at.count)
        return 1;
    if (reader->next == reader->loaded) {
        if (reader->leaf == writer->leaves)
            return 0;
        int code = load_extent(reader);
        if (code < 0)
            return code;
    }
    const unsigned char *bytes = reader->bytes + (size_t)reader->next++ * writer->leaf_size;
    reader->entry = 0;
    return ikv_leaf_decode(bytes, writer->leaf_size, &writer->key, &reader->at) ? 1 : -EIO;
}

int ikv_leaf_reader_read(struct ikv_leaf_reader *reader, const struct ikv_leaf_pair *pair,
                         uint32_t offset, void *buf, size_t size)
{
    return ikv_pread_all(reader->writer->output->fd, buf, size,
                         pair->position + IKV_RECORD_HEADER_SIZE + offset, NULL);
}

/* A record outside: its size field is right, except for the last record before the extent. */
static int load_outside(struct ikv_leaf_reader *reader, struct ikv_leaf_pair *pair)
{
    const int fd = reader->writer->output->fd;
    unsigned char field[IKV_RECORD_HEADER_SIZE];

    int code = ikv_pread_all(fd, field, sizeof field, pair->position, NULL);
    if (code == 0 && ikv_load32(field) >= reader->start - pair->position - sizeof field)
        code = ikv_pread_all(fd, field, sizeof field, reader->start - IKV_OUTSIDE_TAIL_SIZE, NULL);
    if (code < 0)
        return code;
    pair->size = ikv_load32(field) - IKV_RECORD_CHECKSUM_SIZE;
    if (pair->size > IKV_PAIR_VALUE_MAX)
        return 0;
    pair->value = reader->value;
    return ikv_leaf_reader_read(reader, pair, 0, reader->value, pair->size);
}

int ikv_leaf_reader_next(struct ikv_leaf_reader *reader, struct ikv_leaf_pair *ret)
{
    const struct ikv_key_info *key = &reader->writer->key;
    int code = load_leaf(reader);

    if (code <= 0)
        return code;
    const struct ikv_leaf *leaf = &reader->at;
    const unsigned char *entry = leaf->entries + (size_t)reader->entry++ * ikv_leaf_stride(key);
    const uint32_t place = ikv_leaf_place(key, entry);
    const uint64_t offset = reader->start + (uint64_t)(leaf->bytes - reader->bytes);
    uint32_t size = 0;

    *ret = (struct ikv_leaf_pair){.key = entry, .position = ikv_leaf_position(leaf, offset, place)};
    if (place & IKV_PLACE_OUTSIDE) {
        code = load_outside(reader, ret);
        return code < 0 ? code : 1;
    }
    if (!ikv_leaf_content(leaf, place, ikv_load32(leaf->bytes + place), &size))
        return -EIO;
    ret->size = size - IKV_RECORD_CHECKSUM_SIZE;
    ret->value = leaf->bytes + place + IKV_RECORD_HEADER_SIZE;
    return 1;
}
