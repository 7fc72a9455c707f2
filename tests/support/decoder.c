#include "decoder.h"

#include "tmpdir.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t little_endian(const unsigned char *bytes, size_t width)
{
    uint64_t number = 0;

    for (size_t i = width; i > 0; i--)
        number = number << 8 | bytes[i - 1];
    return number;
}

static int violated(decoded_store *decoded, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int violated(decoded_store *decoded, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(decoded->error, sizeof(decoded->error), format, arguments);
    va_end(arguments);
    return -1;
}

size_t decoder_stride(decoder_kind kind, size_t key_width)
{
    size_t alignment = kind != DECODER_BYTES && key_width == 16 ? 16 : 8;

    return (key_width + 8 + alignment - 1) / alignment * alignment;
}

int decoder_compare(const decoder_layout *layout, const unsigned char *a, const unsigned char *b)
{
    size_t width = layout->key_width;

    if (layout->kind == DECODER_BYTES)
        return memcmp(a, b, width);
    if (layout->kind == DECODER_SIGNED) {
        int a_is_negative = a[width - 1] >= 0x80;
        int b_is_negative = b[width - 1] >= 0x80;

        if (a_is_negative != b_is_negative)
            return a_is_negative ? -1 : 1;
    }
    /* Two's complement numbers of the same sign have the order of their bit patterns. */
    for (size_t i = width; i > 0; i--)
        if (a[i - 1] != b[i - 1])
            return a[i - 1] < b[i - 1] ? -1 : 1;
    return 0;
}

static int check_header(decoded_store *decoded)
{
    const unsigned char *header = decoded->bytes;
    uint64_t room;

    if (decoded->file_size < DECODER_HEADER_SIZE)
        return violated(decoded, "file of %zu bytes has no header", decoded->file_size);
    if (little_endian(header, 2) != 2)
        return violated(decoded, "version %u", (unsigned)little_endian(header, 2));
    if (header[2] != 1)
        return violated(decoded, "completed is %u", header[2]);
    decoded->pair_count = little_endian(header + 3, 8);
    decoded->index_start = little_endian(header + 11, 8);
    memcpy(decoded->spare, header + 19, sizeof(decoded->spare));
    if (decoded->index_start < DECODER_HEADER_SIZE || decoded->index_start > decoded->file_size)
        return violated(decoded, "index_start %llu", (unsigned long long)decoded->index_start);
    room = (decoded->file_size - decoded->index_start) / decoded->layout.stride;
    if (decoded->pair_count > room)
        return violated(decoded, "%llu pairs, but room for %llu",
                        (unsigned long long)decoded->pair_count, (unsigned long long)room);
    decoded->index_end =
        decoded->index_start + decoded->pair_count * (uint64_t)decoded->layout.stride;
    return 0;
}

static int read_entries(decoded_store *decoded)
{
    const decoder_layout *layout = &decoded->layout;

    decoded->entries = must_malloc((size_t)decoded->pair_count * sizeof(*decoded->entries));
    for (size_t i = 0; i < decoded->pair_count; i++) {
        const unsigned char *from = decoded->bytes + decoded->index_start + i * layout->stride;
        decoder_entry *entry = &decoded->entries[i];
        uint64_t position = little_endian(from + layout->key_width, 8);

        memset(entry, 0, sizeof(*entry));
        memcpy(entry->key, from, layout->key_width);
        if (i > 0 && decoder_compare(layout, entry[-1].key, entry->key) > 0)
            return violated(decoded, "entry %zu is less than its predecessor", i);
        if (position < DECODER_HEADER_SIZE || position > decoded->index_start ||
            decoded->index_start - position < 4)
            return violated(decoded, "entry %zu: position %llu", i, (unsigned long long)position);
        entry->position = position;
        entry->size = (uint32_t)little_endian(decoded->bytes + position, 4);
        if (entry->size > decoded->index_start - position - 4)
            return violated(decoded, "entry %zu: record of %lu bytes overlaps the index", i,
                            (unsigned long)entry->size);
        entry->content = decoded->bytes + position + 4;
    }
    return 0;
}

static int by_position(const void *a, const void *b)
{
    const decoder_entry *const *x = a;
    const decoder_entry *const *y = b;

    return ((*x)->position > (*y)->position) - ((*x)->position < (*y)->position);
}

/* Records fill the space from the header to the padding without gaps. */
static int check_records(decoded_store *decoded)
{
    size_t count = (size_t)decoded->pair_count;
    const decoder_entry **order = must_malloc(count * sizeof(const decoder_entry *));
    uint64_t expected = DECODER_HEADER_SIZE;
    int outcome = 0;

    decoded->arrival = must_malloc(count * sizeof(*decoded->arrival));
    for (size_t i = 0; i < count; i++)
        order[i] = &decoded->entries[i];
    qsort(order, count, sizeof(*order), by_position);
    for (size_t i = 0; i < count && outcome == 0; i++) {
        decoded->arrival[i] = (size_t)(order[i] - decoded->entries);
        if (order[i]->position != expected)
            outcome =
                violated(decoded, "record %zu is at %llu instead of %llu", i,
                         (unsigned long long)order[i]->position, (unsigned long long)expected);
        expected = order[i]->position + 4 + order[i]->size;
    }
    free(order);
    if (outcome != 0)
        return outcome;
    decoded->records_end = expected;
    for (uint64_t at = expected; at < decoded->index_start; at++)
        if (decoded->bytes[at] != 0)
            return violated(decoded, "byte %llu between records and index is not zero",
                            (unsigned long long)at);
    return 0;
}

int decoder_read(const char *path, const decoder_layout *layout, decoded_store *ret_decoded)
{
    memset(ret_decoded, 0, sizeof(*ret_decoded));
    ret_decoded->layout = *layout;
    if (layout->key_width == 0 || layout->key_width > DECODER_KEY_WIDTH_MAX ||
        layout->stride < layout->key_width + 8)
        test_die("invalid layout: key width %zu, stride %zu", layout->key_width, layout->stride);
    ret_decoded->bytes = file_read(path, &ret_decoded->file_size);
    if (check_header(ret_decoded) != 0 || read_entries(ret_decoded) != 0)
        return -1;
    return check_records(ret_decoded);
}

void decoder_free(decoded_store *decoded)
{
    free(decoded->bytes);
    free(decoded->entries);
    free(decoded->arrival);
    memset(decoded, 0, sizeof(*decoded));
}

size_t decoder_repeated_keys(const decoded_store *decoded)
{
    size_t repeated = 0;

    for (size_t i = 1; i < decoded->pair_count; i++)
        repeated += memcmp(decoded->entries[i - 1].key, decoded->entries[i].key,
                           decoded->layout.key_width) == 0;
    return repeated;
}
