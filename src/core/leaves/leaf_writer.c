#include "core/leaves/leaf_writer.h"

#include "core/format/checksum.h"
#include "core/format/trailer.h"

#include <errno.h>
#include <stdlib.h>

void ikv_leaf_writer_init(struct ikv_leaf_writer *writer)
{
    *writer = (struct ikv_leaf_writer){.is_contiguous = true};
    ikv_tape_init(&writer->fences, NULL);
    ikv_tape_init(&writer->extents, NULL);
    ikv_tape_init(&writer->index, NULL);
    ikv_filter_writer_init(&writer->filter);
}

int ikv_leaf_writer_begin(struct ikv_leaf_writer *writer, struct ikv_output *output,
                          const struct ikv_leaf_writer_options *options)
{
    *writer = (struct ikv_leaf_writer){
        .output = output,
        .key = options->key,
        .leaf_size = options->leaf_size,
        .stride = options->stride,
        .seed = options->seed,
        .extent_leaves = IKV_EXTENT_SIZE / options->leaf_size,
        .end = IKV_HEADER_SIZE,
        .is_contiguous = true,
        .last_record = IKV_NO_RECORD,
    };
    ikv_tape_init(&writer->fences, options->dir);
    ikv_tape_init(&writer->extents, options->dir);
    ikv_tape_init(&writer->index, options->dir);
    ikv_filter_writer_init(&writer->filter);
    writer->extent = malloc(IKV_EXTENT_SIZE);
    int code = writer->extent
                   ? ikv_leaf_builder_new(&writer->builder, &options->key, options->leaf_size)
                   : -ENOMEM;
    if (code == 0)
        code = ikv_checksum_stream_new(&writer->sum);
    if (code == 0)
        code = ikv_filter_writer_begin(&writer->filter, &options->key, options->filter_bits,
                                       options->seed, options->dir);
    if (code < 0)
        ikv_leaf_writer_free(writer);
    return code;
}

void ikv_leaf_writer_free(struct ikv_leaf_writer *writer)
{
    ikv_tape_free(&writer->fences);
    ikv_tape_free(&writer->extents);
    ikv_tape_free(&writer->index);
    ikv_filter_writer_free(&writer->filter);
    ikv_leaf_builder_free(&writer->builder);
    ikv_checksum_stream_free(writer->sum);
    free(writer->extent);
    writer->sum = NULL;
    writer->extent = NULL;
}

/* ---------------------------------------------------------------- extents */

static unsigned char *leaf_at(const struct ikv_leaf_writer *writer, uint32_t i)
{
    return writer->extent + (size_t)i * writer->leaf_size;
}

/* Collect the fence and the base format's index entries of a leaf that will be at `offset`. */
static int note_leaf(struct ikv_leaf_writer *writer, const struct ikv_leaf *leaf, uint64_t offset)
{
    const uint32_t stride = ikv_leaf_stride(&writer->key);
    unsigned char entry[IKV_STRIDE_MAX];

    int code = ikv_tape_append(&writer->fences, leaf->entries, writer->key.width);
    for (uint32_t i = 0; i < leaf->count && code == 0 && writer->stride; i++) {
        const unsigned char *at = leaf->entries + (size_t)i * stride;
        const uint32_t place = ikv_leaf_place(&writer->key, at);
        ikv_entry_encode_stored(&writer->key, writer->stride, at,
                                ikv_leaf_position(leaf, offset, place), entry);
        code = ikv_tape_append(&writer->index, entry, writer->stride);
    }
    return code;
}

static int note_leaves(struct ikv_leaf_writer *writer, uint64_t start)
{
    int code = 0;

    for (uint32_t i = 0; i < writer->in_extent && code == 0; i++) {
        struct ikv_leaf leaf;
        if (!ikv_leaf_decode(leaf_at(writer, i), writer->leaf_size, &writer->key, &leaf))
            return -EINVAL; /* can't happen: it was just built */
        code = note_leaf(writer, &leaf, start + (uint64_t)i * writer->leaf_size);
        if (code == 0)
            code = ikv_filter_writer_add(&writer->filter, writer->leaves - writer->in_extent + i,
                                         &leaf);
    }
    return code;
}

/* Number of leaves at the start of the extent that hold no records. */
static uint32_t leading_empty_leaves(const struct ikv_leaf_writer *writer)
{
    struct ikv_leaf leaf;

    for (uint32_t i = 0; i < writer->in_extent; i++) {
        if (ikv_leaf_decode(leaf_at(writer, i), writer->leaf_size, &writer->key, &leaf) &&
            leaf.count > leaf.outside_count)
            return i;
    }
    return writer->in_extent;
}

/* End the records outside: extend the last one up to the first record in the extent. Its true size
 * is stored in the 8 bytes before the extent. */
static int end_outside(struct ikv_leaf_writer *writer, uint64_t *ret_start)
{
    struct ikv_output *output = writer->output;
    const uint64_t now = ikv_output_offset(output);
    const uint64_t start = ikv_round_up(now + IKV_OUTSIDE_TAIL_SIZE, writer->leaf_size);
    const uint32_t empty = leading_empty_leaves(writer);
    const uint64_t first = writer->leaves - writer->in_extent;
    const uint64_t reach = start + (uint64_t)empty * writer->leaf_size +
                           (empty == 0 ? ikv_leaf_records_begin(first) : 0);
    unsigned char tail[IKV_OUTSIDE_TAIL_SIZE] = {0};
    unsigned char field[IKV_RECORD_HEADER_SIZE];

    ikv_store32(tail, writer->outside_size);
    ikv_store32(field, (uint32_t)(reach - writer->outside_at - IKV_RECORD_HEADER_SIZE));
    int code = ikv_output_append(output, NULL, (size_t)(start - now - IKV_OUTSIDE_TAIL_SIZE));
    if (code == 0)
        code = ikv_output_append(output, tail, sizeof tail);
    if (code == 0)
        code = ikv_output_patch(output, writer->outside_at, field, sizeof field);
    writer->any_outside = false;
    *ret_start = start;
    return code;
}

static int write_extent(struct ikv_leaf_writer *writer)
{
    const uint64_t first = writer->leaves - writer->in_extent;
    const size_t size = (size_t)writer->in_extent * writer->leaf_size;
    uint64_t start = first == 0 ? 0 : writer->end;
    unsigned char bytes[8];
    int code = 0;

    if (writer->any_outside)
        code = end_outside(writer, &start);
    if (start != first * writer->leaf_size)
        writer->is_contiguous = false;
    ikv_store64(bytes, start);
    if (code == 0)
        code = ikv_tape_append(&writer->extents, bytes, sizeof bytes);
    if (code == 0)
        code = note_leaves(writer, start);
    /* The first leaf leaves room for the file's header. */
    const size_t skip = start == 0 ? IKV_HEADER_SIZE : 0;
    if (code == 0)
        code = ikv_output_append(writer->output, writer->extent + skip, size - skip);
    writer->end = start + size;
    writer->in_extent = 0;
    writer->last_record = IKV_NO_RECORD;
    return code;
}

/* ---------------------------------------------------------------- leaves */

static int end_leaf(struct ikv_leaf_writer *writer)
{
    const struct ikv_leaf_builder *builder = &writer->builder;
    const uint32_t number = writer->in_extent;

    if (!writer->is_open)
        return 0;
    ikv_leaf_end(&writer->builder, writer->seed);
    if (builder->last_record != IKV_NO_RECORD) {
        writer->last_record = number * writer->leaf_size + builder->last_record;
    } else if (writer->last_record != IKV_NO_RECORD) {
        /* The last record before it extends over this leaf, too. */
        unsigned char *field = writer->extent + writer->last_record;
        ikv_store32(field, ikv_load32(field) + writer->leaf_size);
    }
    writer->is_open = false;
    writer->in_extent++;
    writer->leaves++;
    return writer->in_extent == writer->extent_leaves ? write_extent(writer) : 0;
}

/* Ensure that a leaf with room for one more pair is open. A full extent is written before a record
 * outside the next one: such records precede the extent whose leaves refer to them. */
static int make_room(struct ikv_leaf_writer *writer, uint32_t size, bool is_outside)
{
    int code = 0;

    if (writer->is_open && !ikv_leaf_has_room(&writer->builder, size, is_outside))
        code = end_leaf(writer);
    if (code == 0 && !writer->is_open) {
        ikv_leaf_begin(&writer->builder, writer->leaves, leaf_at(writer, writer->in_extent));
        writer->is_open = true;
    }
    writer->pairs++;
    return code;
}

int ikv_leaf_writer_add(struct ikv_leaf_writer *writer, const unsigned char *key, const void *value,
                        uint32_t size)
{
    if (!ikv_leaf_writer_holds(writer, size)) {
        int code = ikv_leaf_writer_open(writer, key, size);
        if (code == 0)
            code = ikv_leaf_writer_append(writer, value, size);
        return code == 0 ? ikv_leaf_writer_close(writer) : code;
    }
    int code = make_room(writer, size, false);
    if (code == 0)
        ikv_leaf_add(&writer->builder, key, value, size,
                     ikv_record_checksum(writer->seed, key, writer->key.width, value, size));
    return code;
}

int ikv_leaf_writer_open(struct ikv_leaf_writer *writer, const unsigned char *key, uint32_t size)
{
    unsigned char field[IKV_RECORD_HEADER_SIZE];
    int code = make_room(writer, size, true);

    if (code < 0)
        return code;
    writer->any_outside = true;
    writer->outside_at = ikv_output_offset(writer->output);
    writer->outside_size = size + IKV_RECORD_CHECKSUM_SIZE;
    ikv_leaf_add_outside(&writer->builder, key, writer->outside_at);
    ikv_checksum_stream_reset_record(writer->sum, writer->seed, key, writer->key.width);
    ikv_store32(field, writer->outside_size);
    return ikv_output_append(writer->output, field, sizeof field);
}

int ikv_leaf_writer_append(struct ikv_leaf_writer *writer, const void *bytes, size_t size)
{
    ikv_checksum_stream_add(writer->sum, bytes, size);
    return ikv_output_append(writer->output, bytes, size);
}

int ikv_leaf_writer_close(struct ikv_leaf_writer *writer)
{
    unsigned char field[IKV_RECORD_CHECKSUM_SIZE];

    ikv_store32(field, (uint32_t)ikv_checksum_stream_value(writer->sum));
    return ikv_output_append(writer->output, field, sizeof field);
}

int ikv_leaf_writer_end(struct ikv_leaf_writer *writer)
{
    int code = end_leaf(writer);

    if (code == 0 && writer->in_extent > 0)
        code = write_extent(writer);
    return code == 0 ? ikv_filter_writer_end(&writer->filter) : code;
}
