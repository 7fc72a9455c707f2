#include "core/write/trailer_writer.h"

#include "core/format/checksum.h"
#include "core/io/file_io.h"

#include <errno.h>
#include <stdlib.h>

struct trailer {
    struct ikv_section section[8];
    uint32_t count;
};

static int begin_section(struct ikv_writer *writer, struct trailer *trailer, uint32_t type,
                         uint32_t flags, uint64_t length)
{
    uint64_t offset = ikv_output_offset(&writer->output);
    uint64_t aligned = ikv_round_up(offset, IKV_SECTION_ALIGN);

    trailer->section[trailer->count] =
        (struct ikv_section){.type = type, .flags = flags, .offset = aligned, .length = length};
    return ikv_output_append(&writer->output, NULL, (size_t)(aligned - offset));
}

static int put_bytes(struct ikv_writer *writer, struct trailer *trailer, uint32_t type,
                     uint32_t flags, const void *bytes, size_t size)
{
    int code = begin_section(writer, trailer, type, flags, size);
    if (code == 0)
        code = ikv_output_append(&writer->output, bytes, size);
    trailer->section[trailer->count++].checksum = ikv_checksum(bytes, size);
    return code;
}

static int put_tape(struct ikv_writer *writer, struct trailer *trailer, uint32_t type,
                    uint32_t flags, const struct ikv_tape *tape)
{
    const uint64_t size = ikv_tape_size(tape);
    struct ikv_checksum_stream *sum = NULL;
    const size_t piece = 1 << 16;
    unsigned char *buffer = malloc(piece);

    int code = buffer ? ikv_checksum_stream_new(&sum) : -ENOMEM;
    if (code == 0)
        code = begin_section(writer, trailer, type, flags, size);
    for (uint64_t at = 0; at < size && code == 0; at += piece) {
        size_t n = (size_t)ikv_min(piece, size - at);
        code = ikv_tape_read(tape, at, buffer, n);
        if (code == 0) {
            ikv_checksum_stream_add(sum, buffer, n);
            code = ikv_output_append(&writer->output, buffer, n);
        }
    }
    if (code == 0)
        trailer->section[trailer->count++].checksum = ikv_checksum_stream_value(sum);
    ikv_checksum_stream_free(sum);
    free(buffer);
    return code;
}

static int put_properties(struct ikv_writer *writer, struct trailer *trailer)
{
    unsigned char bytes[IKV_PROPERTIES_SIZE];

    struct ikv_properties properties = {
        .key_type = writer->key.type,
        .flags = (writer->in_key_order ? IKV_PROPERTY_IN_KEY_ORDER : 0) |
                 (writer->has_ranges ? IKV_PROPERTY_RANGES : 0),
        .stride = writer->stride,
        .pair_count = writer->pairs,
        .records_end = writer->records_end,
        .value_bytes = writer->sizes.sum,
        .value_size_min = writer->sizes.min,
        .value_size_max = writer->sizes.max,
        .value_size_p99 = ikv_size_stats_p99(&writer->sizes),
    };
    ikv_properties_encode(&properties, bytes);
    return put_bytes(writer, trailer, IKV_SECTION_PROPERTIES, 0, bytes, sizeof bytes);
}

static int put_directory_and_footer(struct ikv_writer *writer, const struct trailer *trailer,
                                    const unsigned char header[IKV_HEADER_SIZE])
{
    unsigned char directory[8 * IKV_SECTION_ENTRY_SIZE];
    unsigned char footer_bytes[IKV_FOOTER_SIZE];
    const size_t size = (size_t)trailer->count * IKV_SECTION_ENTRY_SIZE;
    uint64_t offset = ikv_output_offset(&writer->output);
    uint64_t aligned = ikv_round_up(offset, IKV_SECTION_ALIGN);

    for (uint32_t i = 0; i < trailer->count; i++)
        ikv_section_encode(&trailer->section[i], directory + (size_t)i * IKV_SECTION_ENTRY_SIZE);
    struct ikv_footer footer = {.version = IKV_TRAILER_VERSION,
                                .sections = trailer->count,
                                .file_size = aligned + size + IKV_FOOTER_SIZE,
                                .directory_checksum = ikv_checksum(directory, size)};
    memcpy(footer.store_id, writer->store_id, sizeof footer.store_id);
    memcpy(footer.header, header, IKV_HEADER_SIZE);
    ikv_footer_encode(&footer, footer_bytes);

    int code = ikv_output_append(&writer->output, NULL, (size_t)(aligned - offset));
    if (code == 0)
        code = ikv_output_append(&writer->output, directory, size);
    return code == 0 ? ikv_output_append(&writer->output, footer_bytes, sizeof footer_bytes) : code;
}

/* A checksum of the start of the file distinguishes a damaged header from a file that was rewritten
 * in place. */
static int checksum_head(struct ikv_writer *writer, uint64_t *ret)
{
    unsigned char head[IKV_PAGE_SIZE];
    const size_t size = sizeof head - IKV_HEADER_SIZE;
    /* Not in the middle of the file: that would divide a write. */
    int code = writer->output.piece_start == 0 ? ikv_output_flush(&writer->output) : 0;

    if (code == 0)
        code = ikv_pread_all(writer->output.fd, head, size, IKV_HEADER_SIZE, NULL);
    *ret = code == 0 ? ikv_checksum(head, size) : 0;
    return code;
}

static int put_filter(struct ikv_writer *writer, struct trailer *trailer,
                      const struct ikv_filter_writer *filter)
{
    int code =
        put_tape(writer, trailer, IKV_SECTION_FILTER, IKV_SECTION_OPTIONAL, &filter->directory);

    return code == 0 ? put_tape(writer, trailer, IKV_SECTION_FILTER_CELLS, IKV_SECTION_OPTIONAL,
                                &filter->cells)
                     : code;
}

/* The leaves' size and places, and their fences. */
static int put_leaves(struct ikv_writer *writer, struct trailer *trailer)
{
    const struct ikv_leaf_writer *leaves = &writer->clustered->leaves;
    struct ikv_leaves info = {
        .leaf_size = leaves->leaf_size,
        .extent_leaves = leaves->extent_leaves,
        .count = leaves->leaves,
        .has_index = writer->has_index,
    };
    unsigned char bytes[IKV_LEAVES_SIZE];

    int code = checksum_head(writer, &info.head_checksum);
    ikv_leaves_encode(&info, bytes);
    if (code == 0)
        code = put_bytes(writer, trailer, IKV_SECTION_LEAVES, 0, bytes, sizeof bytes);
    if (code == 0 && !leaves->is_contiguous)
        code = put_tape(writer, trailer, IKV_SECTION_EXTENTS, 0, &leaves->extents);
    if (code == 0)
        code = put_tape(writer, trailer, IKV_SECTION_FENCES, IKV_SECTION_OPTIONAL, &leaves->fences);
    if (code == 0 && leaves->filter.bits && leaves->leaves)
        code = put_filter(writer, trailer, &leaves->filter);
    return code;
}

static int put_pages(struct ikv_writer *writer, struct trailer *trailer)
{
    int code = put_tape(writer, trailer, IKV_SECTION_FENCES, IKV_SECTION_OPTIONAL, &writer->fences);

    if (code == 0)
        code = put_tape(writer, trailer, IKV_SECTION_PAGE_CHECKSUMS, IKV_SECTION_OPTIONAL,
                        &writer->page_sums);
    if (code == 0)
        code = put_tape(writer, trailer, IKV_SECTION_BLOCK_CHECKSUMS, IKV_SECTION_OPTIONAL,
                        &writer->block_sums);
    return code;
}

int ikv_writer_write_trailer(struct ikv_writer *writer, const unsigned char header[IKV_HEADER_SIZE])
{
    struct trailer trailer = {.count = 0};

    int code = put_properties(writer, &trailer);
    if (code == 0)
        code = writer->clustered ? put_leaves(writer, &trailer) : put_pages(writer, &trailer);
    if (code == 0 && writer->metadata_size)
        code = put_bytes(writer, &trailer, IKV_SECTION_METADATA, IKV_SECTION_OPTIONAL,
                         writer->metadata, writer->metadata_size);
    return code == 0 ? put_directory_and_footer(writer, &trailer, header) : code;
}
