#include "core/write/compact.h"

#include "core/io/file_io.h"
#include "core/io/reader.h"
#include "core/write/records.h"

#include <errno.h>
#include <stdlib.h>

#define REPORT_EVERY   ((uint64_t)1 << 16)
#define ENTRIES_BUFFER ((size_t)1 << 20)

/* Of the half of the memory that is not the output's. */
#define BUFFERS ((size_t)2 << 20)

struct shift {
    uint64_t position;
    uint64_t bytes;
};

/* ---------------------------------------------------------------- 1. records */

struct mover {
    struct ikv_writer *writer;
    struct ikv_reader reader;
    uint64_t write_from; /* the file does not change before this offset */
    struct ikv_tape *shifts;
    uint64_t shifted;
};

static int next_dropped(struct ikv_writer *writer, uint64_t *position)
{
    int code;
    const uint64_t *entry = ikv_sorter_next(writer->dropped, &code);
    *position = entry ? *entry : UINT64_MAX;
    return code;
}

/* Copy `size` bytes from the reader to the output, except those dropped or in place already. */
static int move_bytes(struct mover *mover, uint64_t size, bool keep)
{
    while (size > 0) {
        const unsigned char *bytes;
        size_t n;
        uint64_t from = mover->reader.offset;
        int code = ikv_reader_take(&mover->reader, size, &bytes, &n);
        if (code == 0 && keep && from + n > mover->write_from) {
            size_t in_place = from < mover->write_from ? (size_t)(mover->write_from - from) : 0;
            code = ikv_output_append(&mover->writer->output, bytes + in_place, n - in_place);
        }
        if (code < 0)
            return code;
        size -= n;
    }
    return 0;
}

/* Copy the next record, or drop it and append its shift. */
static int move_record(struct mover *mover, bool keep)
{
    struct ikv_writer *writer = mover->writer;
    unsigned char field[IKV_RECORD_HEADER_SIZE];
    uint64_t position = mover->reader.offset;

    int code = ikv_reader_copy(&mover->reader, field, sizeof field);
    if (code < 0)
        return code;
    uint32_t size = ikv_load32(field);
    if (keep) {
        ikv_size_stats_add(&writer->sizes, size - ikv_writer_surplus(writer));
        if (position + sizeof field > mover->write_from) {
            size_t in_place =
                position < mover->write_from ? (size_t)(mover->write_from - position) : 0;
            code = ikv_output_append(&writer->output, field + in_place, sizeof field - in_place);
        }
    } else {
        unsigned char shift[16];
        mover->shifted += sizeof field + size;
        ikv_store64(shift, position);
        ikv_store64(shift + 8, mover->shifted);
        code = ikv_tape_append(mover->shifts, shift, sizeof shift);
    }
    return code == 0 ? move_bytes(mover, size, keep) : code;
}

/* Seek the output to the block in which the first dropped record begins. */
static int rewind_output(struct mover *mover, uint64_t first_dropped)
{
    struct ikv_writer *writer = mover->writer;
    uint64_t block = first_dropped / IKV_BLOCK_SIZE;

    mover->write_from = ikv_max(block * IKV_BLOCK_SIZE, IKV_HEADER_SIZE);
    int code = ikv_output_seek(&writer->output, mover->write_from);
    if (writer->plain)
        return code;
    writer->output.block_sums = &writer->block_sums;
    return code == 0 ? ikv_tape_truncate(&writer->block_sums, block * IKV_BLOCK_CHECKSUM_SIZE)
                     : code;
}

static int move_records(struct mover *mover)
{
    struct ikv_writer *writer = mover->writer;
    const uint64_t end = writer->records_end;
    uint64_t dropped;
    uint64_t seen = 0;

    int code = ikv_sorter_finish(writer->dropped, NULL, NULL);
    if (code == 0)
        code = next_dropped(writer, &dropped);
    if (code == 0)
        code = rewind_output(mover, dropped);
    memset(&writer->sizes, 0, sizeof writer->sizes);
    while (code == 0 && mover->reader.offset < end) {
        if (seen++ % REPORT_EVERY == 0)
            code = ikv_writer_report(writer, "compact", mover->reader.offset, end, "bytes");
        bool keep = mover->reader.offset != dropped;
        if (code == 0)
            code = move_record(mover, keep);
        if (code == 0 && !keep)
            code = next_dropped(writer, &dropped);
    }
    return code == 0 ? ikv_writer_end_records(writer) : code;
}

/* ---------------------------------------------------------------- 2. index */

/* Shifts of the dropped records from shift[0].position up to, but not with, `end`. */
struct shifts {
    struct shift *shift;
    size_t count;
    uint64_t end;
};

static uint64_t moved_position(const struct shifts *shifts, uint64_t position)
{
    size_t low = 0;
    size_t high = shifts->count;

    if (shifts->count == 0 || position < shifts->shift[0].position || position >= shifts->end)
        return position;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (shifts->shift[middle].position <= position)
            low = middle;
        else
            high = middle;
    }
    return position - shifts->shift[low].bytes;
}

static int load_shifts(const struct ikv_tape *tape, uint64_t first, size_t capacity,
                       struct shifts *shifts)
{
    const uint64_t total = ikv_tape_size(tape) / 16;
    unsigned char bytes[16];

    shifts->count = (size_t)ikv_min(capacity, total - first);
    for (size_t i = 0; i < shifts->count; i++) {
        int code = ikv_tape_read(tape, (first + i) * 16, bytes, sizeof bytes);
        if (code < 0)
            return code;
        shifts->shift[i] = (struct shift){ikv_load64(bytes), ikv_load64(bytes + 8)};
    }
    shifts->end = UINT64_MAX;
    if (first + shifts->count == total)
        return 0;
    int code = ikv_tape_read(tape, (first + shifts->count) * 16, bytes, sizeof bytes);
    shifts->end = ikv_load64(bytes);
    return code;
}

/* Change the positions of the index at `start` in place. */
static int shift_in_place(struct ikv_writer *writer, uint64_t start, const struct shifts *shifts)
{
    const size_t stride = writer->stride;
    const size_t entries = ENTRIES_BUFFER / stride;
    unsigned char *buffer = malloc(entries * stride);
    int code = buffer ? 0 : -ENOMEM;

    for (uint64_t i = 0; i < writer->pairs && code == 0; i += entries) {
        size_t n = (size_t)ikv_min(entries, writer->pairs - i);
        code = ikv_pread_all(writer->output.fd, buffer, n * stride, start + i * stride, NULL);
        for (size_t k = 0; k < n && code == 0; k++) {
            unsigned char *field = buffer + k * stride + writer->key.width;
            ikv_store64(field, moved_position(shifts, ikv_load64(field)));
        }
        if (code == 0)
            code = ikv_pwrite_all(writer->output.fd, buffer, n * stride, start + i * stride);
        if (code == 0)
            code = ikv_writer_report(writer, "compact", i, writer->pairs, "pairs");
    }
    free(buffer);
    return code;
}

/* Read the index at `start`, apply the last shifts, and write it after the records. */
static int rewrite_index(struct ikv_writer *writer, uint64_t start, const struct shifts *shifts)
{
    const struct ikv_io_file file = {.fd = writer->output.fd};
    struct ikv_index_writer index;
    struct ikv_reader reader;
    unsigned char entry[IKV_STRIDE_MAX];
    uint64_t words[IKV_KEY_WORDS_MAX];

    int code = ikv_reader_init(&reader, &file, start, start + writer->pairs * writer->stride, 0);
    ikv_index_writer_begin(&index, &writer->output, &writer->key, writer->stride,
                           writer->plain ? NULL : &writer->fences, &writer->page_sums);
    for (uint64_t i = 0; i < writer->pairs && code == 0; i++) {
        if (i % REPORT_EVERY == 0)
            code = ikv_writer_report(writer, "index", i, writer->pairs, "pairs");
        if (code == 0)
            code = ikv_reader_copy(&reader, entry, writer->stride);
        if (code < 0)
            break;
        uint64_t position = moved_position(shifts, ikv_entry_position(&writer->key, entry));
        ikv_key_load(&writer->key, entry, words);
        code = ikv_index_writer_put(&index, words, position);
    }
    ikv_reader_free(&reader);
    return code == 0 ? ikv_index_writer_end(&index) : code;
}

static int move_index(struct ikv_writer *writer, uint64_t start, const struct ikv_tape *tape)
{
    const uint64_t total = ikv_tape_size(tape) / 16;
    const size_t capacity =
        (size_t)ikv_min(total, (writer->memory / 2 - BUFFERS) / sizeof(struct shift));
    struct shifts shifts = {.shift = malloc(capacity * sizeof(struct shift)), .count = 0};

    int code = shifts.shift ? ikv_tape_truncate(&writer->fences, 0) : -ENOMEM;
    if (code == 0)
        code = ikv_tape_truncate(&writer->page_sums, 0);
    for (uint64_t first = 0; first < total && code == 0; first += capacity) {
        code = load_shifts(tape, first, capacity, &shifts);
        if (code < 0)
            break;
        if (first + capacity < total)
            code = shift_in_place(writer, start, &shifts);
        else
            code = rewrite_index(writer, start, &shifts);
    }
    free(shifts.shift);
    return code;
}

int ikv_writer_compact(struct ikv_writer *writer)
{
    const struct ikv_io_file file = {.fd = writer->output.fd};
    struct ikv_tape shifts;
    struct mover mover = {.writer = writer, .shifts = &shifts};
    const uint64_t old_index = writer->index_start;

    ikv_tape_init(&shifts, writer->temp_dir);
    int code = ikv_output_flush(&writer->output);
    if (code == 0)
        code = ikv_reader_init(&mover.reader, &file, IKV_HEADER_SIZE, writer->records_end, 0);
    if (code == 0)
        code = move_records(&mover);
    ikv_reader_free(&mover.reader);
    if (code == 0)
        code = move_index(writer, old_index, &shifts);
    ikv_tape_free(&shifts);
    return code;
}
