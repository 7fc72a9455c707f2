#include "core/leaves/filter_writer.h"

#include <errno.h>
#include <stdlib.h>

void ikv_filter_writer_init(struct ikv_filter_writer *writer)
{
    *writer = (struct ikv_filter_writer){0};
    ikv_tape_init(&writer->directory, NULL);
    ikv_tape_init(&writer->cells, NULL);
}

int ikv_filter_writer_begin(struct ikv_filter_writer *writer, const struct ikv_key_info *key,
                            uint32_t bits, uint64_t seed, const char *dir)
{
    ikv_filter_writer_init(writer);
    if (bits == 0)
        return 0;
    writer->key = *key;
    writer->bits = bits;
    writer->seed = seed;
    ikv_tape_init(&writer->directory, dir);
    ikv_tape_init(&writer->cells, dir);
    /* A segment ends with the leaf that fills it. An entry takes at least 2 bytes of a leaf. */
    writer->capacity = IKV_FILTER_SEGMENT_KEYS + IKV_LEAF_SIZE_MAX / 2;
    writer->hashes = malloc(writer->capacity * sizeof *writer->hashes);
    return writer->hashes ? 0 : -ENOMEM;
}

void ikv_filter_writer_free(struct ikv_filter_writer *writer)
{
    ikv_tape_free(&writer->directory);
    ikv_tape_free(&writer->cells);
    free(writer->hashes);
    writer->hashes = NULL;
}

static int end_segment(struct ikv_filter_writer *writer)
{
    struct ikv_filter_segment segment;
    unsigned char entry[IKV_FILTER_ENTRY_SIZE];
    unsigned char *cells = NULL;

    if (writer->count == 0)
        return 0;
    int code = ikv_filter_build(writer->hashes, writer->count, writer->bits, &segment, &cells);
    if (code < 0)
        return code;
    segment.first_leaf = writer->first_leaf;
    segment.offset = ikv_tape_size(&writer->cells);
    ikv_filter_segment_encode(&segment, entry);
    code = ikv_tape_append(&writer->directory, entry, sizeof entry);
    if (code == 0)
        code = ikv_tape_append(&writer->cells, cells, (size_t)ikv_filter_size(&segment));
    free(cells);
    writer->count = 0;
    return code;
}

int ikv_filter_writer_add(struct ikv_filter_writer *writer, uint64_t number,
                          const struct ikv_leaf *leaf)
{
    const uint32_t stride = ikv_leaf_stride(&writer->key);

    if (writer->bits == 0)
        return 0;
    if (writer->count == 0)
        writer->first_leaf = number;
    for (uint32_t i = 0; i < leaf->count; i++)
        writer->hashes[writer->count++] =
            ikv_filter_hash(writer->seed, leaf->entries + (size_t)i * stride, writer->key.width);
    return writer->count >= IKV_FILTER_SEGMENT_KEYS ? end_segment(writer) : 0;
}

int ikv_filter_writer_end(struct ikv_filter_writer *writer)
{
    return end_segment(writer);
}
