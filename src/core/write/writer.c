/* The public functions of writers. */
#include "core/format/checksum.h"
#include "core/io/file_io.h"
#include "core/write/finish.h"
#include "core/write/records.h"

#include <errno.h>
#include <stdlib.h>

#define MEMORY_DEFAULT ((uint64_t)256 << 20)
#define MEMORY_MIN     ((uint64_t)8 << 20)

/* Ranges are sorted in one half. */
#define MEMORY_MIN_RANGES (2 * MEMORY_MIN)

/* Memory of a writer besides the sorter: a write, an extent, tapes, size statistics, dropped
 * positions. */
#define MEMORY_FIXED ((uint64_t)5 << 20)

/* To build a segment of a filter of absent keys. */
#define MEMORY_FILTER ((uint64_t)5 << 19)

static bool is_clustered(const struct ikv_writer_options *options)
{
    return options->layout == IKV_LAYOUT_CLUSTERED ||
           (options->layout == IKV_LAYOUT_DEFAULT && !(options->flags & IKV_WRITE_PLAIN));
}

static const char *check_ranges(const struct ikv_writer_options *options,
                                const struct ikv_key_info *key)
{
    if ((unsigned)options->on_overlap > IKV_OVERLAP_INNERMOST)
        return "unknown overlap policy";
    if (!(options->flags & IKV_WRITE_RANGES))
        return options->on_overlap ? "on_overlap without IKV_WRITE_RANGES" : NULL;
    if (options->flags & IKV_WRITE_PLAIN)
        return "a plain store can't hold ranges";
    if (key->width > IKV_RANGE_WIDTH_MAX)
        return "ranges need keys of at most 64 bytes";
    if (options->memory && options->memory < MEMORY_MIN_RANGES)
        return "memory below 16 MiB for ranges";
    return NULL;
}

static const char *check_layout(const struct ikv_writer_options *options)
{
    if ((unsigned)options->layout > IKV_LAYOUT_CLUSTERED)
        return "unknown layout";
    if (is_clustered(options) && (options->flags & IKV_WRITE_PLAIN))
        return "a plain store can't be clustered";
    if (!is_clustered(options) && (options->flags & IKV_WRITE_NO_V2_INDEX))
        return "only a clustered store can be written without the v2 index";
    if (!is_clustered(options) && options->leaf_size)
        return "leaf_size without the clustered layout";
    if (!is_clustered(options) && options->filter_bits)
        return "filter_bits without the clustered layout";
    if (options->filter_bits && !ikv_filter_bits_are_valid(options->filter_bits))
        return "filter_bits is not 8 or 16";
    if (options->leaf_size && !ikv_leaf_size_is_valid(options->leaf_size))
        return "leaf_size is not 4096, 8192, 16384 or 32768";
    return NULL;
}

static int check_options(const struct ikv_writer_options *options, struct ikv_key_info *key,
                         ikv_error *err)
{
    const char *wrong = NULL;

    if (!ikv_key_describe(options->key_type, key))
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "writer options: key_type is not set");
    if (options->flags & ~(uint32_t)(IKV_WRITE_PLAIN | IKV_WRITE_NO_V2_INDEX | IKV_WRITE_RANGES))
        wrong = "unknown flags";
    else if ((unsigned)options->on_duplicate > IKV_DUPLICATES_LAST)
        wrong = "unknown duplicate policy";
    else if (options->mode & ~07777u)
        wrong = "mode has bits beyond 07777";
    else if (options->metadata_size > IKV_METADATA_MAX)
        wrong = "more than 1 MiB of metadata";
    else if (options->metadata_size && !options->metadata)
        wrong = "metadata_size without metadata";
    else if (options->memory && options->memory < MEMORY_MIN)
        wrong = "memory below 8 MiB";
    else if ((options->flags & IKV_WRITE_PLAIN) && (options->store_id || options->metadata_size))
        wrong = "a plain store can't hold a store id or metadata";
    else if (options->stride && options->stride != ikv_key_stride(key) &&
             !((options->flags & IKV_WRITE_PLAIN) && ikv_key_stride(key) == 32 &&
               key->width == 16 && key->kind != IKV_KIND_BYTES && options->stride == 24))
        wrong = "invalid stride for this key type";
    else
        wrong = check_layout(options);
    if (!wrong)
        wrong = check_ranges(options, key);
    return wrong ? ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "writer options: %s", wrong) : 0;
}

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

static int new_ranges(struct ikv_writer *writer, const struct ikv_writer_options *options)
{
    const struct ikv_ranges_options ranges = {
        .key = writer->key,
        .memory = writer->memory / 2,
        .dir = writer->temp_dir,
        .on_duplicate = options->on_duplicate,
        .on_overlap = options->on_overlap,
    };

    writer->has_ranges = (options->flags & IKV_WRITE_RANGES) != 0;
    return writer->has_ranges ? ikv_ranges_new(&ranges, &writer->ranges) : 0;
}

static int new_sorter(struct ikv_writer *writer, const struct ikv_writer_options *options)
{
    const uint64_t memory = (writer->has_ranges ? writer->memory / 2 : writer->memory) -
                            MEMORY_FIXED - (options->filter_bits ? MEMORY_FILTER : 0);
    const struct ikv_sorter_options sorter = {.words = writer->key.words + 1,
                                              .memory = memory,
                                              .expected = options->expected_pairs,
                                              .dir = writer->temp_dir};
    const struct ikv_clustered_options clustered = {
        .key = writer->key,
        .output = &writer->output,
        .dir = writer->temp_dir,
        .seed = writer->record_seed,
        .memory = memory,
        .leaf_size = options->leaf_size,
        .stride = writer->has_index ? writer->stride : 0,
        .filter_bits = options->filter_bits,
        .on_duplicate = options->on_duplicate,
    };

    return is_clustered(options) ? ikv_clustered_new(&clustered, &writer->clustered)
                                 : ikv_sorter_new(&sorter, &writer->sorter);
}

static int set_options(struct ikv_writer *writer, const struct ikv_writer_options *options,
                       const char *path)
{
    writer->plain = (options->flags & IKV_WRITE_PLAIN) != 0;
    writer->has_index = !(options->flags & IKV_WRITE_NO_V2_INDEX);
    writer->stride = options->stride ? options->stride : ikv_key_stride(&writer->key);
    writer->on_duplicate = options->on_duplicate;
    writer->memory = ikv_memory_option(options->memory, MEMORY_DEFAULT);
    writer->progress = options->on_progress;
    writer->progress_user = options->progress_user;
    writer->metadata_size = options->metadata_size;
    if (options->metadata_size) {
        writer->metadata = malloc(options->metadata_size);
        if (!writer->metadata)
            return -ENOMEM;
        memcpy(writer->metadata, options->metadata, options->metadata_size);
    }
    writer->temp_dir = options->temp_dir ? copy_text(options->temp_dir) : ikv_directory_of(path);
    if (!writer->temp_dir)
        return -ENOMEM;
    if (options->store_id)
        memcpy(writer->store_id, options->store_id, sizeof writer->store_id);
    else if (!writer->plain) {
        int code = ikv_random_bytes(writer->store_id, sizeof writer->store_id);
        if (code < 0)
            return code;
    }
    writer->record_seed = ikv_record_seed(writer->store_id);
    ikv_tape_init(&writer->block_sums, writer->temp_dir);
    ikv_tape_init(&writer->fences, writer->temp_dir);
    ikv_tape_init(&writer->page_sums, writer->temp_dir);

    const int code = new_ranges(writer, options);
    return code == 0 ? new_sorter(writer, options) : code;
}

/* The header says "incomplete" until the store is published. */
static int begin_file(struct ikv_writer *writer)
{
    struct ikv_header header = {.version = IKV_FORMAT_VERSION};
    unsigned char bytes[IKV_HEADER_SIZE];

    ikv_header_encode(&header, bytes);
    int code = ikv_pwrite_all(writer->output.fd, bytes, sizeof bytes, 0);
    if (code == 0)
        code = ikv_output_seek(&writer->output, IKV_HEADER_SIZE);
    writer->output.block_sums = writer->plain || writer->clustered ? NULL : &writer->block_sums;
    return code;
}

int ikv_writer_new(const char *path, const ikv_writer_options *options, ikv_writer **ret_writer,
                   ikv_error *err)
{
    struct ikv_writer_options known;
    struct ikv_key_info key;

    if (!path || !options || !ret_writer)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_writer_new: an argument is NULL");
    int code = ikv_options_copy(&known, sizeof known, options, err);
    if (code == 0)
        code = check_options(&known, &key, err);
    if (code < 0)
        return code;

    struct ikv_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return ikv_fail(err, -ENOMEM, IKV_AT_FILE(path), "cannot create");
    writer->output = IKV_NO_OUTPUT;
    writer->block_sums.fd = writer->fences.fd = writer->page_sums.fd = -1;
    writer->key = key;
    code = set_options(writer, &known, path);
    if (code < 0)
        (void)ikv_fail(err, code, IKV_AT_FILE(path), "cannot create");
    else
        code = ikv_output_create(&writer->output, path, known.mode, err);
    if (code == 0) {
        code = begin_file(writer);
        if (code < 0)
            (void)ikv_fail(err, code, IKV_AT_FILE(path), "cannot write");
    }
    if (code < 0) {
        ikv_writer_abort(writer);
        return code;
    }
    *ret_writer = writer;
    return 0;
}

void ikv_writer_abort(ikv_writer *writer)
{
    if (!writer)
        return;
    ikv_output_discard(&writer->output);
    ikv_clustered_free(writer->clustered);
    ikv_ranges_free(writer->ranges);
    ikv_scratch_free(&writer->content);
    ikv_sorter_free(writer->sorter);
    ikv_sorter_free(writer->dropped);
    ikv_tape_free(&writer->block_sums);
    ikv_tape_free(&writer->fences);
    ikv_tape_free(&writer->page_sums);
    free(writer->metadata);
    free(writer->temp_dir);
    free(writer);
}

/* ---------------------------------------------------------------- adding */

static uint32_t value_size_max(const struct ikv_writer *writer)
{
    return (writer->clustered ? IKV_VALUE_SIZE_MAX_CLUSTERED
                              : UINT32_MAX - ikv_writer_surplus(writer)) -
           (writer->has_ranges ? writer->key.width : 0);
}

/* Whether the writer can take a pair with this key. */
static int check_pair(const struct ikv_writer *writer, const void *key, size_t size, ikv_error *err)
{
    const struct ikv_where where = {writer->output.target.path, IKV_NO_OFFSET, writer->key.type,
                                    key};

    if (writer->failed) {
        if (err)
            *err = writer->failure;
        return writer->failed;
    }
    return size > value_size_max(writer)
               ? ikv_fail(err, IKV_E_VALUE_TOO_LARGE, where, "%zu bytes", size)
               : 0;
}

/* The result of adding a pair. After a failure the writer is of no more use. */
static int note_result(struct ikv_writer *writer, int code, ikv_error *err)
{
    if (code < 0) {
        writer->failed = ikv_fail(&writer->failure, code, IKV_AT_FILE(writer->output.target.path),
                                  "cannot write");
        if (err)
            *err = writer->failure;
    }
    return code;
}

int ikv_writer_add(ikv_writer *writer, const void *key, const void *value, size_t size,
                   ikv_error *err)
{
    unsigned char stored[IKV_KEY_WIDTH_MAX];

    if (!writer || !key || (!value && size))
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_writer_add: an argument is NULL");
    int code = check_pair(writer, key, size, err);
    if (code < 0)
        return code;
    ikv_key_swap_host(&writer->key, key, stored);
    code = writer->has_ranges
               ? ikv_ranges_add(writer->ranges, stored, stored, value, (uint32_t)size)
               : ikv_writer_put(writer, stored, value, (uint32_t)size);
    return note_result(writer, code, err);
}

int ikv_writer_add_range(ikv_writer *writer, const void *first, const void *last, const void *value,
                         size_t size, ikv_error *err)
{
    unsigned char from[IKV_KEY_WIDTH_MAX];
    unsigned char to[IKV_KEY_WIDTH_MAX];

    if (!writer || !first || !last || (!value && size))
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE,
                        "ikv_writer_add_range: an argument is NULL");
    int code = check_pair(writer, first, size, err);
    if (code < 0)
        return code;
    const struct ikv_where where = {writer->output.target.path, IKV_NO_OFFSET, writer->key.type,
                                    first};
    if (!writer->has_ranges)
        return ikv_fail(err, IKV_E_INVALID, where, "not a store of ranges");
    if (ikv_key_compare(writer->key.type, first, last) > 0)
        return ikv_fail(err, IKV_E_INVALID, where, "the range ends before it begins");
    ikv_key_swap_host(&writer->key, first, from);
    ikv_key_swap_host(&writer->key, last, to);
    code = ikv_ranges_add(writer->ranges, from, to, value, (uint32_t)size);
    return note_result(writer, code, err);
}

static void collect_stats(const struct ikv_writer *writer, uint64_t file_size,
                          ikv_build_stats *stats)
{
    const struct ikv_sorter_stats *sorted = &writer->sorted;
    const struct ikv_ranges_stats *ranges = &writer->range_stats;

    stats->pairs = writer->pairs;
    stats->dropped = writer->dropped_count + ranges->dropped;
    stats->value_bytes = writer->sizes.sum;
    stats->file_size = file_size;
    stats->spilled_runs = sorted->runs + ranges->runs;
    stats->spilled_bytes = sorted->spilled_bytes + ranges->spilled_bytes;
    stats->merge_passes = sorted->passes + ranges->passes;
    stats->input_sorted = sorted->input_sorted && !writer->has_ranges;
}

int ikv_writer_finish(ikv_writer *writer, ikv_build_stats *ret_stats, ikv_error *err)
{
    ikv_build_stats stats = {0};
    unsigned char header[IKV_HEADER_SIZE];

    if (!writer)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_writer_finish: writer is NULL");
    int code = writer->failed;
    if (code < 0) {
        if (err)
            *err = writer->failure;
    } else {
        code = ikv_writer_complete(writer, header, err);
    }
    if (code == 0) {
        collect_stats(writer, ikv_output_offset(&writer->output), &stats);
        code = ikv_output_publish(&writer->output, header, err);
    }
    if (ret_stats && (code == 0 || code == IKV_E_DURABILITY))
        *ret_stats = stats;
    ikv_writer_abort(writer);
    return code;
}

int ikv_build(const char *path, const ikv_writer_options *options, ikv_next_fn next, void *user,
              ikv_build_stats *ret_stats, ikv_error *err)
{
    struct ikv_writer *writer = NULL;
    struct ikv_pair pair;

    if (!next)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_build: next is NULL");
    int code = ikv_writer_new(path, options, &writer, err);
    if (code < 0)
        return code;
    /* A negative code from next is returned unchanged, without setting err. */
    while ((code = next(user, &pair)) == 1) {
        code = ikv_writer_add(writer, pair.key, pair.value, pair.size, err);
        if (code < 0)
            break;
    }
    if (code == 0)
        return ikv_writer_finish(writer, ret_stats, err);
    ikv_writer_abort(writer);
    if (code > 0)
        return ikv_fail(err, IKV_E_INVALID, IKV_AT_FILE(path), "next returned %d", code);
    return code;
}
