#include "golden.h"

#include "hostkey.h"
#include "tmpdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANIFEST_COLUMNS 10

/* Splits the line at tabs, in place. Returns the number of columns. */
static size_t split_columns(char *line, char **columns, size_t room)
{
    size_t count = 0;

    while (count < room) {
        columns[count++] = line;
        line = strchr(line, '\t');
        if (line == NULL)
            break;
        *line++ = '\0';
    }
    return count;
}

static void copy_text(char *to, size_t size, const char *from)
{
    if (strlen(from) >= size)
        test_die("manifest: text too long: %s", from);
    memcpy(to, from, strlen(from) + 1);
}

static void parse_manifest_line(char *line, const char *directory, golden_file *ret_file)
{
    char *columns[MANIFEST_COLUMNS];
    int length;

    if (split_columns(line, columns, MANIFEST_COLUMNS) != MANIFEST_COLUMNS)
        test_die("manifest: too few columns: %s", line);
    memset(ret_file, 0, sizeof(*ret_file));
    copy_text(ret_file->name, sizeof(ret_file->name), columns[0]);
    copy_text(ret_file->case_name, sizeof(ret_file->case_name), columns[5]);
    length = snprintf(ret_file->path, sizeof(ret_file->path), "%s/%s", directory, ret_file->name);
    if (length < 0 || (size_t)length >= sizeof(ret_file->path))
        test_die("path too long: %s/%s", directory, ret_file->name);
    ret_file->type = hostkey_type_from_name(columns[1]);
    ret_file->is_complete = strcmp(columns[2], "incomplete") != 0;
    if (ret_file->is_complete)
        ret_file->pair_count = strtoul(columns[2], NULL, 10);
    ret_file->stride = (uint32_t)strtoul(columns[7], NULL, 10);
    ret_file->file_bytes = strtoull(columns[8], NULL, 10);
}

static golden_file *read_manifest(const char *directory, golden_file *files, size_t *count)
{
    char path[512];
    size_t size;
    unsigned char *text;
    char *rest;
    char *line;

    snprintf(path, sizeof(path), "%s/manifest.tsv", directory);
    text = file_read(path, &size);
    rest = (char *)text;
    (void)strsep(&rest, "\n"); /* column names */
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (line[0] == '\0')
            continue;
        files = must_realloc(files, (*count + 1) * sizeof(*files));
        parse_manifest_line(line, directory, &files[(*count)++]);
    }
    free(text);
    return files;
}

golden_file *golden_list(size_t *ret_count)
{
    golden_file *files = NULL;

    *ret_count = 0;
    files = read_manifest(TESTS_DIR "/golden", files, ret_count);
    return read_manifest(TESTS_DIR "/golden/stride24", files, ret_count);
}

static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a' + 10);
    test_die("not a hex digit: %c", c);
}

static void add_expected_line(store_model *model, char *line)
{
    unsigned char key[IKV_KEY_WIDTH_MAX];
    char *columns[2];
    unsigned char *value;
    size_t size;

    if (split_columns(line, columns, 2) != 2 ||
        hostkey_from_decimal(model->type, columns[0], key) != 0)
        test_die("malformed expected pair: %s", line);
    size = strlen(columns[1]) / 2;
    value = must_malloc(size);
    for (size_t i = 0; i < size; i++)
        value[i] =
            (unsigned char)(hex_digit(columns[1][2 * i]) << 4 | hex_digit(columns[1][2 * i + 1]));
    model_add(model, key, value, size);
    free(value);
}

void golden_expected(const golden_file *file, store_model *ret_model)
{
    char path[544];
    size_t stem = strlen(file->path) - strlen(".ikv");
    size_t size;
    unsigned char *text;
    char *rest;
    char *line;

    if (!file->is_complete)
        test_die("%s is incomplete: no expected pairs", file->name);
    snprintf(path, sizeof(path), "%.*s.expected.tsv", (int)stem, file->path);
    text = file_read(path, &size);
    model_init(ret_model, file->type);
    rest = (char *)text;
    while ((line = strsep(&rest, "\n")) != NULL)
        if (line[0] != '\0')
            add_expected_line(ret_model, line);
    free(text);
    if (ret_model->count != file->pair_count)
        test_die("%s: %zu pairs instead of %zu", path, ret_model->count, file->pair_count);
    model_sort(ret_model, MODEL_KEEP_ALL);
}
