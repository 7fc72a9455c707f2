/*
 * Input files of `indexkv build`.
 *
 *     0  u8   format: TSV, CSV, binary
 *     1  u8   number of the key type
 *     2  u8   syntax of keys
 *     3  u8   CSV: delimiter, header, columns
 *     4  ...  the file
 *
 * TSV and binary files are also read by a few lines of this file, and the pairs compared. A CSV row
 * must be the same in one piece and in two.
 */
#include "fuzz.h"

#include "hostkey.h"
#include "indexkv.h"
#include "tmpdir.h"

#include "input/csv_row.h"
#include "input/pair_reader.h"
#include "input/rejects.h"

#include <stdio.h>
#include <string.h>

typedef struct naive {
    const uint8_t *bytes;
    size_t size;
    ikv_key_type type;
    ikv_key_syntax syntax;
} naive;

/* The next pair of a TSV file. Returns 0 if there is none, or it is invalid. Empty lines are
 * skipped. */
static int next_tsv(naive *file, unsigned char *key, const uint8_t **value, size_t *size)
{
    while (file->size > 0 && file->bytes[0] == '\n') {
        file->bytes++;
        file->size--;
    }
    const uint8_t *line = file->bytes;
    const uint8_t *end = file->size > 0 ? memchr(line, '\n', file->size) : NULL;
    const size_t length = end != NULL ? (size_t)(end - line) : file->size;
    const uint8_t *tab = length > 0 ? memchr(line, '\t', length) : NULL;

    if (tab == NULL ||
        ikv_key_parse(file->type, file->syntax, (const char *)line, (size_t)(tab - line), key) != 0)
        return 0;
    *value = tab + 1;
    *size = length - (size_t)(tab + 1 - line);
    file->bytes += length + (end != NULL);
    file->size -= length + (end != NULL);
    return 1;
}

/* The next pair of a binary file: key as stored, u32 size, value. */
static int next_binary(naive *file, unsigned char *key, const uint8_t **value, size_t *size)
{
    const size_t width = hostkey_width(file->type);
    const uint8_t *at = file->bytes + width;

    if (file->size < width + 4)
        return 0;
    *size = at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
    if (*size > file->size - width - 4)
        return 0;
    hostkey_from_file(file->type, file->bytes, key);
    *value = at + 4;
    file->bytes += width + 4 + *size;
    file->size -= width + 4 + *size;
    return 1;
}

static void compare(naive *file, enum input_format format, int result, const struct pair *pair)
{
    unsigned char key[IKV_KEY_WIDTH_MAX];
    const uint8_t *value = NULL;
    size_t size = 0;
    const int expected = format == INPUT_TSV ? next_tsv(file, key, &value, &size)
                                             : next_binary(file, key, &value, &size);

    if (expected != (result == INPUT_MORE))
        fuzz_fail("a pair was %s", expected ? "lost" : "made up");
    if (!expected)
        return;
    if (pair->size != size || memcmp(pair->key, key, hostkey_width(file->type)) != 0 ||
        (size > 0 && memcmp(pair->value, value, size) != 0))
        fuzz_fail("a pair differs");
}

static void read_file(const struct pair_format *format, naive *file)
{
    char path[TMPDIR_PATH_MAX];
    char *paths[] = {path};
    struct rejects rejects = {.options = REJECTS_OPTIONS_INIT}; /* stop at the first bad line */
    struct pair_reader reader;
    struct pair pair = {0};
    int result;

    snprintf(path, sizeof(path), "%s", fuzz_write("pairs", file->bytes, file->size));
    if (pair_reader_open(&reader, format, paths, 1, &rejects) == 0) {
        do {
            result = pair_reader_next(&reader, &pair);
            if (format->format != INPUT_CSV)
                compare(file, format->format, result, &pair);
        } while (result == INPUT_MORE);
    }
    pair_reader_close(&reader);
}

/* Scan one row, of which first only `piece` bytes are there. */
static void scan_in_pieces(const char *text, size_t size, char delimiter, size_t piece)
{
    struct csv_row whole = {0};
    struct csv_row parts = {0};
    const char *problem = NULL;

    csv_row_begin(&whole);
    csv_row_begin(&parts);
    const enum csv_scan expected = csv_row_scan(&whole, delimiter, text, size, true, &problem);
    enum csv_scan got = csv_row_scan(&parts, delimiter, text, piece, false, &problem);
    if (got == CSV_MORE)
        got = csv_row_scan(&parts, delimiter, text, size, true, &problem);
    if (expected != got)
        fuzz_fail("a row in two pieces: %d instead of %d", (int)got, (int)expected);
    if (got == CSV_ROW) {
        if (whole.count != parts.count || whole.length != parts.length ||
            whole.consumed != parts.consumed || whole.consumed > size)
            fuzz_fail("a row in two pieces differs");
        for (size_t i = 0; i < whole.count; i++)
            if (whole.fields[i].start != parts.fields[i].start ||
                whole.fields[i].end != parts.fields[i].end || whole.fields[i].end > size)
                fuzz_fail("field %zu differs", i);
    }
    csv_row_free(&whole);
    csv_row_free(&parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char delimiters[] = {',', ';', '\t', '|'};
    static const char *const columns[] = {NULL, "2", "2,1", "\"2\",3", "name"};
    fuzz_input input = {bytes, size};
    struct pair_format format = {.format = (enum input_format)fuzz_choose(&input, 3)};

    format.key_type = hostkey_types[fuzz_choose(&input, (uint32_t)hostkey_type_count)];
    format.key_syntax = (ikv_key_syntax)fuzz_choose(&input, 4);
    const uint32_t csv = fuzz_choose(&input, 40);
    format.delimiter = delimiters[csv % 4];
    format.header = csv / 4 % 2 == 1;
    format.key_column = "1";
    format.line_max = (size_t)1 << 20;
    format.value_columns = columns[csv / 8];
    naive file = {input.bytes, input.size, format.key_type, format.key_syntax};
    read_file(&format, &file);
    if (format.format == INPUT_CSV && input.size > 0)
        scan_in_pieces((const char *)input.bytes, input.size, format.delimiter,
                       input.size * csv / 40);
    return 0;
}
