#include "core/write/finish.h"

#include "core/write/compact.h"
#include "core/write/finish_clustered.h"
#include "core/write/finish_ranges.h"
#include "core/write/records.h"
#include "core/write/trailer_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define REPORT_EVERY ((uint64_t)1 << 16)

/* Dropped positions are sorted in this share of the memory, while the main sorter merges. */
#define DROPPED_SHARE 8

/* ---------------------------------------------------------------- index and duplicates */

static int fail_duplicate(const struct ikv_writer *writer, const uint64_t *entry, ikv_error *err)
{
    unsigned char stored[IKV_KEY_WIDTH_MAX];
    unsigned char key[IKV_KEY_WIDTH_MAX];

    ikv_key_store(&writer->key, entry, stored);
    ikv_key_swap_host(&writer->key, stored, key);
    struct ikv_where where = {writer->output.target.path, IKV_NO_OFFSET, writer->key.type, key};
    return ikv_fail(err, IKV_E_DUPLICATE, where, "cannot write");
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

/* Take the next entry in order of (key, position). `held` is the entry to keep for the current key:
 * the first or the last one so far. */
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

/* ---------------------------------------------------------------- all of it */

static int finish_file(struct ikv_writer *writer, unsigned char ret_header[IKV_HEADER_SIZE])
{
    struct ikv_output *output = &writer->output;
    /* Without the index, readers of the base format find a store without pairs. */
    struct ikv_header header = {
        .version = IKV_FORMAT_VERSION,
        .completed = 1,
        .pair_count = writer->has_index ? writer->pairs : 0,
        .index_start = writer->has_index ? writer->index_start : IKV_HEADER_SIZE,
    };
    int code = 0;

    if (!writer->plain)
        ikv_header_tag(&header, header.tag);
    ikv_header_encode(&header, ret_header);
    if (!writer->plain)
        code = ikv_writer_write_trailer(writer, ret_header);
    if (code == 0)
        code = ikv_output_flush(output);
    /* After compaction the file has a tail left over. */
    if (code == 0 && writer->dropped_count &&
        ftruncate(output->fd, (off_t)ikv_output_offset(output)) != 0)
        code = -errno;
    return code;
}

/* Records in order of arrival: write their index, remove duplicates. */
static int complete_arrival(struct ikv_writer *writer, ikv_error *err)
{
    int code = ikv_writer_end_records(writer);

    if (code == 0)
        code = ikv_sorter_finish(writer->sorter, writer->progress, writer->progress_user);
    ikv_sorter_stats(writer->sorter, &writer->sorted);
    if (code == 0)
        code = write_index(writer, err);
    ikv_sorter_free(writer->sorter); /* the next steps use its memory */
    writer->sorter = NULL;
    if (code == 0 && writer->dropped_count)
        code = ikv_writer_compact(writer);
    return code;
}

int ikv_writer_complete(struct ikv_writer *writer, unsigned char ret_header[IKV_HEADER_SIZE],
                        ikv_error *err)
{
    int code = ikv_writer_report(writer, "sort", 0, 0, "pairs");

    if (code == 0 && writer->ranges) {
        code = ikv_writer_write_ranges(writer, err);
        if (code < 0)
            return code;
    }
    if (code == 0)
        code = writer->clustered ? ikv_writer_complete_clustered(writer)
                                 : complete_arrival(writer, err);
    if (code == IKV_E_DUPLICATE) /* the only error with details: it names the key */
        return writer->clustered ? fail_duplicate(writer, writer->clustered->duplicate, err) : code;
    if (code == 0)
        code = finish_file(writer, ret_header);
    if (code == 0)
        code = ikv_writer_report(writer, "sync", 0, 0, "bytes");
    return code < 0 ? ikv_fail(err, code, IKV_AT_FILE(writer->output.target.path), "cannot write")
                    : 0;
}
