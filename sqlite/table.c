#include "table.h"
SQLITE_EXTENSION_INIT3

#include <stdlib.h>
#include <string.h>

/* ---- opening */

/* The text of an argument, `length` bytes, without space around it and quotes, for sqlite3_free. */
static char *unquoted(const char *text, size_t length)
{
    for (; length > 0 && text[0] == ' '; length--)
        text++;
    while (length > 0 && text[length - 1] == ' ')
        length--;
    const char quote = length > 0 ? text[0] : '\0';
    if ((quote != '\'' && quote != '"') || length < 2 || text[length - 1] != quote)
        return sqlite3_mprintf("%.*s", (int)length, text);
    char *plain = sqlite3_mprintf("%.*s", (int)length - 2, text + 1);
    if (plain == NULL)
        return NULL;
    char *end = plain;
    for (const char *at = plain; *at != '\0'; at++) {
        *end++ = *at;
        if (*at == quote && at[1] == quote) /* doubled, as in SQL */
            at++;
    }
    *end = '\0';
    return plain;
}

/* NULL, or what was expected of the option. */
static const char *set_option(const char *name, const char *value, ikv_open_options *options,
                              int *text_values)
{
    static const char *const backends[] = {"auto", "pread", "uring", "mmap"};
    if (strcmp(name, "key_type") == 0)
        return ikv_key_type_parse(value, &options->key_type) == 0 ? NULL : "u64, for instance";
    if (strcmp(name, "value") == 0) {
        *text_values = strcmp(value, "text") == 0;
        return *text_values || strcmp(value, "blob") == 0 ? NULL : "text or blob";
    }
    if (strcmp(name, "backend") != 0)
        return "value, backend or key_type";
    for (int i = 0; i < 4; i++)
        if (strcmp(value, backends[i]) == 0) {
            options->backend = (ikv_backend)i;
            return NULL;
        }
    return "auto, pread, uring or mmap";
}

/* NAME=VALUE. Returns a status of SQLite. */
static int parse_option(const char *text, ikv_open_options *options, int *text_values,
                        char **ret_message)
{
    const char *equals = strchr(text, '=');
    char *name = unquoted(text, equals != NULL ? (size_t)(equals - text) : strlen(text));
    char *value = equals != NULL ? unquoted(equals + 1, strlen(equals + 1)) : sqlite3_mprintf("");
    int status = name == NULL || value == NULL ? SQLITE_NOMEM : SQLITE_OK;
    if (status == SQLITE_OK) {
        const char *expected = set_option(name, value, options, text_values);
        if (expected != NULL) {
            *ret_message = sqlite3_mprintf("option %s: expected %s", text, expected);
            status = SQLITE_ERROR;
        }
    }
    sqlite3_free(name);
    sqlite3_free(value);
    return status;
}

int table_open(int argc, const char *const *argv, struct table **ret_table, char **ret_message)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_error err;
    if (argc < 1) {
        *ret_message = sqlite3_mprintf("expected the path of a store: indexkv('PATH')");
        return SQLITE_ERROR;
    }
    struct table *table = calloc(1, sizeof *table);
    char *path = unquoted(argv[0], strlen(argv[0]));
    int status = table == NULL || path == NULL ? SQLITE_NOMEM : SQLITE_OK;
    for (int i = 1; i < argc && status == SQLITE_OK; i++)
        status = parse_option(argv[i], &options, &table->text, ret_message);
    if (status == SQLITE_OK && ikv_open(path, &options, &table->store, &err) < 0) {
        *ret_message = sqlite3_mprintf("%s", err.message);
        status = err.code > -1000 ? SQLITE_CANTOPEN : SQLITE_ERROR;
    }
    sqlite3_free(path);
    if (status != SQLITE_OK) {
        free(table);
        return status;
    }
    ikv_store_info(table->store, &table->info);
    *ret_table = table;
    return SQLITE_OK;
}

void table_close(struct table *table)
{
    ikv_close(table->store);
    free(table);
}

/* ---- keys */

static int is_bytes(const struct table *table)
{
    return (table->info.key_type & 0xff00u) == (IKV_KEY_BYTES(1) & 0xff00u);
}

static int is_signed(const struct table *table)
{
    return (table->info.key_type & 0xff00u) == (IKV_KEY_I8 & 0xff00u);
}

static int is_wide(const struct table *table)
{
    return !is_bytes(table) && table->info.key_width > 8;
}

/* The affinity is that of the values, so that '5' finds 5; of u64 they have two types, and none. */
const char *table_declaration(const struct table *table)
{
    if (is_bytes(table))
        return "CREATE TABLE store(key BLOB, value)";
    if (is_wide(table))
        return "CREATE TABLE store(key TEXT, value)";
    return table->info.key_type == IKV_KEY_U64 ? "CREATE TABLE store(key, value)"
                                               : "CREATE TABLE store(key INTEGER, value)";
}

int keys_in_sql_order(const struct table *table)
{
    return !is_wide(table) && table->info.key_type != IKV_KEY_U64;
}

/* An integer of up to 64 bits from the bytes of a key, in the order of the machine. */
static uint64_t word_of_key(const struct table *table, const void *key)
{
    uint8_t narrow;
    uint16_t half;
    uint32_t single;
    uint64_t word = 0;
    const int negative = is_signed(table);
    switch (table->info.key_width) {
    case 1:
        memcpy(&narrow, key, 1);
        return negative ? (uint64_t)(int8_t)narrow : narrow;
    case 2:
        memcpy(&half, key, 2);
        return negative ? (uint64_t)(int16_t)half : half;
    case 4:
        memcpy(&single, key, 4);
        return negative ? (uint64_t)(int32_t)single : single;
    default:
        memcpy(&word, key, 8);
        return word;
    }
}

static void key_of_word(const struct table *table, uint64_t word, void *ret_key)
{
    const uint8_t narrow = (uint8_t)word;
    const uint16_t half = (uint16_t)word;
    const uint32_t single = (uint32_t)word;
    switch (table->info.key_width) {
    case 1:
        memcpy(ret_key, &narrow, 1);
        break;
    case 2:
        memcpy(ret_key, &half, 2);
        break;
    case 4:
        memcpy(ret_key, &single, 4);
        break;
    default:
        memcpy(ret_key, &word, 8);
        break;
    }
}

void return_key(const struct table *table, sqlite3_context *context, const void *key)
{
    char text[IKV_KEY_TEXT_MAX];
    if (is_bytes(table)) {
        sqlite3_result_blob(context, key, (int)table->info.key_width, SQLITE_TRANSIENT);
        return;
    }
    if (!is_wide(table)) {
        const uint64_t word = word_of_key(table, key);
        if (is_signed(table) || word <= INT64_MAX) {
            sqlite3_result_int64(context, (sqlite3_int64)word);
            return;
        }
    }
    const int length = ikv_key_format(table->info.key_type, IKV_SYNTAX_DEC, key, text, sizeof text);
    sqlite3_result_text(context, text, length, SQLITE_TRANSIENT);
}

/* The smallest and largest key of at most 64 bits, as far as they are INTEGER. */
static sqlite3_int64 smallest(const struct table *table)
{
    return is_signed(table) ? INT64_MIN >> (64 - 8 * table->info.key_width) : 0;
}

static sqlite3_int64 largest(const struct table *table)
{
    const unsigned bits = 8 * table->info.key_width - (is_signed(table) ? 1 : 0);
    return bits >= 63 ? INT64_MAX : (INT64_C(1) << bits) - 1;
}

/* For u64 and wider keys only the text that return_key writes is equal to the key: not 05, and not
 * the text of a number that is an INTEGER. The other types have the affinity INTEGER, so SQLite has
 * converted the text already, or compares as if it had. */
static int parse_text(const struct table *table, sqlite3_value *value, void *ret_key)
{
    char again[IKV_KEY_TEXT_MAX];
    const ikv_key_type type = table->info.key_type;
    const char *text = (const char *)sqlite3_value_text(value);
    if (text == NULL ||
        ikv_key_parse(type, IKV_SYNTAX_DEC, text, (size_t)sqlite3_value_bytes(value), ret_key) < 0)
        return 0;
    if (keys_in_sql_order(table))
        return 1;
    if (!is_wide(table) && word_of_key(table, ret_key) <= INT64_MAX)
        return 0;
    return ikv_key_format(type, IKV_SYNTAX_DEC, ret_key, again, sizeof again) > 0 &&
           strcmp(text, again) == 0;
}

int key_of_value(const struct table *table, sqlite3_value *value, void *ret_key)
{
    const int type = sqlite3_value_type(value);
    if (is_bytes(table)) {
        if (type != SQLITE_BLOB || (size_t)sqlite3_value_bytes(value) != table->info.key_width)
            return 0;
        memcpy(ret_key, sqlite3_value_blob(value), table->info.key_width);
        return 1;
    }
    if (type == SQLITE_NULL || type == SQLITE_BLOB)
        return 0;
    if ((type == SQLITE_TEXT || is_wide(table)) && parse_text(table, value, ret_key))
        return 1;
    if (is_wide(table) || (type == SQLITE_TEXT && !keys_in_sql_order(table)))
        return 0;
    if (type == SQLITE_TEXT && sqlite3_value_numeric_type(value) == SQLITE_TEXT)
        return 0;
    /* A number, perhaps in another form, such as 5.0. */
    const double number = sqlite3_value_double(value);
    const sqlite3_int64 integer = sqlite3_value_int64(value); /* clamped, if out of range */
    if ((double)integer != number || integer < smallest(table) || integer > largest(table))
        return 0;
    key_of_word(table, (uint64_t)integer, ret_key);
    return 1;
}

enum bound bound_of_value(const struct table *table, sqlite3_value *value, int lower, void *ret_key)
{
    const int type = sqlite3_value_type(value);
    if (type == SQLITE_NULL)
        return BOUND_NOTHING; /* no comparison with NULL is true */
    if (is_bytes(table)) {
        /* A shorter string is padded with the smallest or largest byte, a longer one is cut. */
        if (type != SQLITE_BLOB)
            return BOUND_NONE;
        const size_t width = table->info.key_width;
        size_t size = (size_t)sqlite3_value_bytes(value);
        size = size < width ? size : width;
        memset(ret_key, lower ? 0 : 0xff, width);
        if (size > 0)
            memcpy(ret_key, sqlite3_value_blob(value), size);
        return BOUND_KEY;
    }
    if (type != SQLITE_INTEGER || is_wide(table))
        return BOUND_NONE;
    /* Of u64, the keys that are TEXT are above all integers here, too. */
    const sqlite3_int64 integer = sqlite3_value_int64(value);
    if (lower ? integer > largest(table) : integer < smallest(table))
        return BOUND_NOTHING;
    if (lower ? integer < smallest(table) : integer > largest(table))
        return BOUND_NONE;
    key_of_word(table, (uint64_t)integer, ret_key);
    return BOUND_KEY;
}
