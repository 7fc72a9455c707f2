/* From sorted entries to a whole store: index, duplicates, trailer, header. */
#include "core/format/checksum.h"
#include "core/io/file_io.h"
#include "core/write/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define REPORT_EVERY ((uint64_t)1 << 16)

/* The sorter of dropped positions works while the main one merges. */
#define DROPPED_SHARE 8

int ikv_writer_end_records(struct ikv_writer *writer)
{
    struct ikv_output *output = &writer->output;

    writer->records_end = writer->index_start = ikv_output_offset(output);
    if (!writer->plain)
        writer->index_start = ikv_round_up(writer->records_end, IKV_PAGE_SIZE);
    int code = ikv_output_append(output, NULL, (size_t)(writer->index_start - writer->records_end));
    if (code == 0)
        code = ikv_output_flush(output);
    output->block_sums = NULL;
    return code;
}

/* ---------------------------------------------------------------- index and duplicates */

static int fail_duplicate(const struct ikv_writer *writer, const uint64_t *entry, ikv_error *err)
{
    unsigned char stored[IKV_KEY_WIDTH_MAX];
    unsigned char key[IKV_KEY_WIDTH_MAX];

    ikv_key_store(&writer->key, entry, stored);
    ikv_key_swap_host(&writer->key, stored, key);
    struct ikv_where where = {writer->output.path, IKV_NO_OFFSET, writer->key.type, key};
    return ikv_fail(err, IKV_E_DUPLICATE, where, "not written");
}

static int drop(struct ikv_writer *writer, uint64_t position)
{
    if (!writer->dropped) {
        struct ikv_sorter_options options = {
            .words = 1, .memory = writer->memory / DROPPED_SHARE, .dir = writer->temp_dir};
        int code = ikv_sorter_new(&options, &writer->dropped);
        if (code < 0)
            return code;
    }
    writer->dropped_count++;
    return ikv_sorter_add(writer->dropped, &position);
}

/* One entry in order of key, then position. `held` is the one of the current key that stays: the
 * first of its group, or the latest seen. */
static int take_entry(struct ikv_writer *writer, struct ikv_index_writer *index, uint64_t *held,
                      const uint64_t *entry, bool is_first)
{
    const uint32_t words = writer->key.words;

    if (!is_first && ikv_words_compare(held, entry, words) == 0) {
        uint64_t older = held[words];
        if (writer->on_duplicate == IKV_DUPLICATES_ERROR)
            return IKV_E_DUPLICATE;
        if (writer->on_duplicate == IKV_DUPLICATES_FIRST)
            return drop(writer, entry[words]);
        held[words] = entry[words];
        return drop(writer, older);
    }
    int code = is_first ? 0 : ikv_index_writer_put(index, held, held[words]);
    memcpy(held, entry, (words + 1) * sizeof *held);
    return code;
}

static int write_index(struct ikv_writer *writer, ikv_error *err)
{
    struct ikv_index_writer index;
    uint64_t held[IKV_ENTRY_WORDS_MAX] = {0};
    const uint64_t *entry;
    uint64_t seen = 0;
    int code = 0;

    ikv_index_writer_begin(&index, &writer->output, &writer->key, writer->stride,
                           writer->plain ? NULL : &writer->fences, &writer->page_sums);
    while ((entry = ikv_sorter_next(writer->sorter, &code)) != NULL) {
        if (seen % REPORT_EVERY == 0)
            code = ikv_writer_report(writer, "index", seen, writer->sorted.entries, "pairs");
        if (code == 0)
            code = take_entry(writer, &index, held, entry, seen == 0);
        if (code == IKV_E_DUPLICATE)
            return fail_duplicate(writer, entry, err);
        if (code < 0)
            return code;
        seen++;
    }
    if (code == 0 && seen > 0)
        code = ikv_index_writer_put(&index, held, held[writer->key.words]);
    writer->pairs = seen - writer->dropped_count;
    writer->in_key_order = index.ascending;
    return code == 0 ? ikv_index_writer_end(&index) : code;
}

/* ---------------------------------------------------------------- trailer */

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
                    const struct ikv_tape *tape)
{
    const uint64_t size = ikv_tape_size(tape);
    struct ikv_checksum_stream *sum = NULL;
    const size_t piece = 1 << 16;
    unsigned char *buffer = malloc(piece);

    int code = buffer ? ikv_checksum_stream_new(&sum) : -ENOMEM;
    if (code == 0)
        code = begin_section(writer, trailer, type, IKV_SECTION_OPTIONAL, size);
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
        .flags = writer->in_key_order ? IKV_PROPERTY_IN_KEY_ORDER : 0,
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

static int write_trailer(struct ikv_writer *writer, const unsigned char header[IKV_HEADER_SIZE])
{
    struct trailer trailer = {.count = 0};

    int code = put_properties(writer, &trailer);
    if (code == 0)
        code = put_tape(writer, &trailer, IKV_SECTION_FENCES, &writer->fences);
    if (code == 0)
        code = put_tape(writer, &trailer, IKV_SECTION_PAGE_CHECKSUMS, &writer->page_sums);
    if (code == 0)
        code = put_tape(writer, &trailer, IKV_SECTION_BLOCK_CHECKSUMS, &writer->block_sums);
    if (code == 0 && writer->metadata_size)
        code = put_bytes(writer, &trailer, IKV_SECTION_METADATA, IKV_SECTION_OPTIONAL,
                         writer->metadata, writer->metadata_size);
    return code == 0 ? put_directory_and_footer(writer, &trailer, header) : code;
}

/* ---------------------------------------------------------------- all of it */

static int finish_file(struct ikv_writer *writer, unsigned char ret_header[IKV_HEADER_SIZE])
{
    struct ikv_output *output = &writer->output;
    struct ikv_header header = {.version = IKV_FORMAT_VERSION,
                                .completed = 1,
                                .pair_count = writer->pairs,
                                .index_start = writer->index_start};
    int code = 0;

    if (!writer->plain)
        ikv_header_tag(&header, header.tag);
    ikv_header_encode(&header, ret_header);
    if (!writer->plain)
        code = write_trailer(writer, ret_header);
    if (code == 0)
        code = ikv_output_flush(output);
    /* Compaction leaves a tail of the longer file behind. */
    if (code == 0 && writer->dropped_count &&
        ftruncate(output->fd, (off_t)ikv_output_offset(output)) != 0)
        code = -errno;
    return code;
}

int ikv_writer_complete(struct ikv_writer *writer, unsigned char ret_header[IKV_HEADER_SIZE],
                        ikv_error *err)
{
    int code = ikv_writer_report(writer, "sort", 0, 0, "pairs");

    /* write_index alone names a key in its error; for the rest the code says it all. */
    if (code == 0)
        code = ikv_writer_end_records(writer);
    if (code == 0)
        code = ikv_sorter_finish(writer->sorter, writer->progress, writer->progress_user);
    ikv_sorter_stats(writer->sorter, &writer->sorted);
    if (code == 0) {
        code = write_index(writer, err);
        if (code == IKV_E_DUPLICATE)
            return code;
    }
    ikv_sorter_free(writer->sorter); /* its memory is for what comes */
    writer->sorter = NULL;
    if (code == 0 && writer->dropped_count)
        code = ikv_writer_compact(writer);
    if (code == 0)
        code = finish_file(writer, ret_header);
    if (code == 0)
        code = ikv_writer_report(writer, "sync", 0, 0, "bytes");
    return code < 0 ? ikv_fail(err, code, IKV_AT_FILE(writer->output.path), "writing it") : 0;
}
