/* The text of a manifest: FORMAT.md, section 15. */
#include "shards/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define FORMAT_NAME "indexkv sharded table"
/* How every manifest begins, and what follows the text that the checksum is about. */
static const char text_start[] = "{\n \"format\": \"" FORMAT_NAME "\"";
static const char tail_form[] = ",\n \"checksum\": \"%016" PRIx64 "\"\n}\n";
enum { TAIL_SIZE = 16 + 16 + 4 };

static const char *const table_members[] = {
    "format", "version",     "table_id",       "key_type",       "layout", "ranges",
    "pairs",  "value_bytes", "value_size_min", "value_size_max", "shards", "checksum"};
static const char *const shard_members[] = {"paths",       "first", "last",    "pairs",
                                            "value_bytes", "size",  "store_id"};
enum {
    TABLE_MEMBERS = sizeof table_members / sizeof table_members[0],
    SHARD_MEMBERS = sizeof shard_members / sizeof shard_members[0]
};

static const char *layout_name(ikv_layout layout)
{
    return layout == IKV_LAYOUT_CLUSTERED ? "clustered" : "arrival";
}

/* ---------------------------------------------------------------- encoding */

static json_t *encoded_id(const unsigned char id[16])
{
    char hex[33];
    for (size_t i = 0; i < 16; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", id[i]);
    return json_string(hex);
}

static json_t *encoded_key(ikv_key_type type, const unsigned char *key)
{
    char text[IKV_KEY_TEXT_MAX];
    return ikv_key_format(type, IKV_SYNTAX_HEX, key, text, sizeof text) < 0 ? NULL
                                                                            : json_string(text);
}

static json_t *encoded_number(uint64_t number)
{
    return number > INT64_MAX ? NULL : json_integer((json_int_t)number);
}

static json_t *encoded_shard(ikv_key_type type, const struct ikv_shard *shard)
{
    json_t *json = json_object(), *paths = json_array();
    int failed = 0;
    for (size_t i = 0; i < shard->path_count; i++) /* NULL if it is not UTF-8 */
        failed |= json_array_append_new(paths, json_string(shard->paths[i]));
    failed |= json_object_set_new(json, "paths", paths);
    failed |= json_object_set_new(json, "first", encoded_key(type, shard->first));
    failed |= json_object_set_new(json, "last", encoded_key(type, shard->last));
    failed |= json_object_set_new(json, "pairs", encoded_number(shard->pairs));
    failed |= json_object_set_new(json, "value_bytes", encoded_number(shard->value_bytes));
    failed |= json_object_set_new(json, "size", encoded_number(shard->size));
    failed |= json_object_set_new(json, "store_id", encoded_id(shard->store_id));
    if (failed) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *encoded_table(const struct ikv_manifest *manifest)
{
    char type[16];
    (void)ikv_key_type_name(manifest->key_type, type, sizeof type);
    json_t *json = json_object(), *shards = json_array();
    int failed = 0;
    for (size_t i = 0; i < manifest->shard_count; i++)
        failed |=
            json_array_append_new(shards, encoded_shard(manifest->key_type, &manifest->shards[i]));
    failed |= json_object_set_new(json, "format", json_string(FORMAT_NAME));
    failed |= json_object_set_new(json, "version", json_integer(IKV_MANIFEST_VERSION));
    failed |= json_object_set_new(json, "table_id", encoded_id(manifest->table_id));
    failed |= json_object_set_new(json, "key_type", json_string(type));
    failed |= json_object_set_new(json, "layout", json_string(layout_name(manifest->layout)));
    failed |= json_object_set_new(json, "ranges", json_boolean(manifest->has_ranges));
    failed |= json_object_set_new(json, "pairs", encoded_number(manifest->pairs));
    failed |= json_object_set_new(json, "value_bytes", encoded_number(manifest->value_bytes));
    failed |= json_object_set_new(json, "value_size_min", encoded_number(manifest->value_size_min));
    failed |= json_object_set_new(json, "value_size_max", encoded_number(manifest->value_size_max));
    failed |= json_object_set_new(json, "shards", shards);
    if (failed) {
        json_decref(json);
        return NULL;
    }
    return json;
}

int ikv_manifest_encode(const struct ikv_manifest *manifest, char **ret_text, size_t *ret_size,
                        ikv_error *err)
{
    json_t *json = encoded_table(manifest);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(1));
    json_decref(json);
    if (text == NULL)
        return ikv_shards_fail(err, IKV_E_INVALID, manifest->dir,
                               "no memory for the manifest, or a path is not UTF-8");
    const size_t length = strlen(text) - 2; /* without "\n}" */
    char *whole = malloc(length + TAIL_SIZE + 1);
    if (whole != NULL) {
        memcpy(whole, text, length); /* NOLINT(bugprone-not-null-terminated-result): see below */
        (void)snprintf(whole + length, TAIL_SIZE + 1, tail_form,
                       (uint64_t)XXH3_64bits(whole, length));
    }
    free(text);
    if (whole == NULL)
        return ikv_shards_fail(err, -ENOMEM, manifest->dir, "%s", ikv_strerror(-ENOMEM));
    *ret_text = whole;
    *ret_size = length + TAIL_SIZE;
    return 0;
}

/* ---------------------------------------------------------------- decoding */

/* A value being decoded: where it is, and the first error. */
struct decoding {
    const char *path;
    size_t shard; /* its number, or IKV_NO_SHARD */
    json_t *object;
    ikv_error *err;
    int code;
};

static void bad_member(struct decoding *in, const char *name, const char *what)
{
    if (in->code < 0)
        return;
    char place[40] = "";
    if (in->shard != IKV_NO_SHARD)
        (void)snprintf(place, sizeof place, "shard %zu: ", in->shard);
    in->code = ikv_shards_fail(in->err, IKV_E_HEADER, in->path, "%s\"%s\": %s", place, name, what);
}

static void check_members(struct decoding *in, const char *const *names, size_t count)
{
    const char *name;
    json_t *value;
    for (size_t i = 0; i < count; i++)
        if (json_object_get(in->object, names[i]) == NULL)
            bad_member(in, names[i], "missing");
    json_object_foreach (in->object, name, value) {
        size_t i = 0;
        while (i < count && strcmp(name, names[i]) != 0)
            i++;
        if (i == count)
            bad_member(in, name, "a member that this version does not have");
    }
}

static uint64_t decoded_number(struct decoding *in, const char *name, uint64_t min, uint64_t max)
{
    const json_t *value = json_object_get(in->object, name);
    const json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number < min || (uint64_t)number > max) {
        bad_member(in, name, "not a number, or out of range");
        return min;
    }
    return (uint64_t)number;
}

static const char *decoded_text(struct decoding *in, const char *name)
{
    const char *text = json_string_value(json_object_get(in->object, name));
    if (text == NULL)
        bad_member(in, name, "not a text");
    return text == NULL ? "" : text;
}

static void decoded_id(struct decoding *in, const char *name, unsigned char id[16])
{
    const char *text = decoded_text(in, name);
    if (strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32) {
        bad_member(in, name, "not 32 hexadecimal digits");
        return;
    }
    for (size_t i = 0; i < 16; i++) {
        unsigned byte = 0;
        (void)sscanf(text + 2 * i, "%2x", &byte); /* NOLINT(cert-err34-c): checked above */
        id[i] = (unsigned char)byte;
    }
}

/* Only the text that encoding gives: one text for a key. */
static void decoded_key(struct decoding *in, const char *name, ikv_key_type type,
                        unsigned char *key)
{
    const char *text = decoded_text(in, name);
    char again[IKV_KEY_TEXT_MAX] = "";
    if (ikv_key_parse(type, IKV_SYNTAX_HEX, text, strlen(text), key) < 0 ||
        ikv_key_format(type, IKV_SYNTAX_HEX, key, again, sizeof again) < 0 ||
        strcmp(text, again) != 0)
        bad_member(in, name, "not a key of the table's type in hexadecimal digits");
}

static void decoded_paths(struct decoding *in, struct ikv_shard *shard)
{
    const json_t *paths = json_object_get(in->object, "paths");
    const size_t count = json_array_size(paths);
    if (count == 0 || count > IKV_SHARD_PATHS_MAX) {
        bad_member(in, "paths", "not an array of 1 to 64 paths");
        return;
    }
    shard->paths = calloc(count, sizeof *shard->paths);
    for (size_t i = 0; shard->paths != NULL && i < count; i++) {
        const char *path = json_string_value(json_array_get(paths, i));
        if (path == NULL || !ikv_shard_path_valid(path)) {
            bad_member(in, "paths", "not an array of paths of files");
            return;
        }
        shard->paths[i] = strdup(path);
        if (shard->paths[i] == NULL)
            break;
        shard->path_count++;
    }
    if (shard->path_count < count && in->code == 0)
        in->code = ikv_shards_fail(in->err, -ENOMEM, in->path, "%s", ikv_strerror(-ENOMEM));
}

static int decode_shard(const struct decoding *table, json_t *json, struct ikv_manifest *manifest)
{
    struct decoding in = *table;
    struct ikv_shard *shard = &manifest->shards[manifest->shard_count];
    in.shard = manifest->shard_count++;
    in.object = json;
    if (!json_is_object(json))
        return ikv_shards_fail(in.err, IKV_E_HEADER, in.path, "shard %zu: not an object", in.shard);
    check_members(&in, shard_members, SHARD_MEMBERS);
    decoded_paths(&in, shard);
    decoded_key(&in, "first", manifest->key_type, shard->first);
    decoded_key(&in, "last", manifest->key_type, shard->last);
    shard->pairs = decoded_number(&in, "pairs", 1, INT64_MAX);
    shard->value_bytes = decoded_number(&in, "value_bytes", 0, INT64_MAX);
    shard->size = decoded_number(&in, "size", 1, INT64_MAX);
    decoded_id(&in, "store_id", shard->store_id);
    return in.code;
}

static int decode_shards(struct decoding *in, struct ikv_manifest *manifest)
{
    json_t *shards = json_object_get(in->object, "shards"), *shard;
    const size_t count = json_array_size(shards);
    if (!json_is_array(shards) || count > IKV_SHARDS_MAX)
        bad_member(in, "shards", "not an array of at most 1048576 shards");
    if (in->code < 0 || count == 0)
        return in->code;
    manifest->shards = calloc(count, sizeof *manifest->shards);
    if (manifest->shards == NULL)
        return ikv_shards_fail(in->err, -ENOMEM, in->path, "%s", ikv_strerror(-ENOMEM));
    size_t i;
    json_array_foreach (shards, i, shard) {
        const int code = decode_shard(in, shard, manifest);
        if (code < 0)
            return code;
    }
    return 0;
}

static void decode_table(struct decoding *in, struct ikv_manifest *manifest)
{
    check_members(in, table_members, TABLE_MEMBERS);
    decoded_id(in, "table_id", manifest->table_id);
    if (ikv_key_type_parse(decoded_text(in, "key_type"), &manifest->key_type) < 0)
        bad_member(in, "key_type", "not the name of a key type");
    const char *layout = decoded_text(in, "layout");
    manifest->layout = strcmp(layout, "clustered") == 0 ? IKV_LAYOUT_CLUSTERED : IKV_LAYOUT_ARRIVAL;
    if (strcmp(layout, layout_name(manifest->layout)) != 0)
        bad_member(in, "layout", "neither \"arrival\" nor \"clustered\"");
    const json_t *ranges = json_object_get(in->object, "ranges");
    manifest->has_ranges = json_is_true(ranges);
    if (!json_is_boolean(ranges))
        bad_member(in, "ranges", "neither true nor false");
    manifest->pairs = decoded_number(in, "pairs", 0, INT64_MAX);
    manifest->value_bytes = decoded_number(in, "value_bytes", 0, INT64_MAX);
    manifest->value_size_min =
        (uint32_t)decoded_number(in, "value_size_min", 0, IKV_VALUE_SIZE_MAX);
    manifest->value_size_max =
        (uint32_t)decoded_number(in, "value_size_max", 0, IKV_VALUE_SIZE_MAX);
}

/* Format and version first: another version may have another kind of checksum. */
static int check_version(const char *path, json_t *root, ikv_error *err)
{
    const char *format = json_string_value(json_object_get(root, "format"));
    const json_t *version = json_object_get(root, "version");
    if (format == NULL || strcmp(format, FORMAT_NAME) != 0)
        return ikv_shards_fail(err, IKV_E_NOT_STORE, path, "not the manifest of a sharded table");
    if (!json_is_integer(version))
        return ikv_shards_fail(err, IKV_E_HEADER, path, "\"version\": not a number");
    if (json_integer_value(version) != IKV_MANIFEST_VERSION)
        return ikv_shards_fail(err, IKV_E_VERSION, path,
                               "format version %" JSON_INTEGER_FORMAT
                               " of the manifest is unknown; this program reads version %d",
                               json_integer_value(version), IKV_MANIFEST_VERSION);
    return 0;
}

static int check_checksum(const char *path, const char *text, size_t size, uint64_t *ret_checksum,
                          ikv_error *err)
{
    char tail[TAIL_SIZE + 1] = "";
    if (size > TAIL_SIZE) {
        *ret_checksum = XXH3_64bits(text, size - TAIL_SIZE);
        (void)snprintf(tail, sizeof tail, tail_form, *ret_checksum);
    }
    if (size <= TAIL_SIZE || memcmp(text + size - TAIL_SIZE, tail, TAIL_SIZE) != 0)
        return ikv_shards_fail(err, IKV_E_HEADER, path,
                               "the checksum at the end is missing or wrong: the manifest is "
                               "damaged, or was edited");
    return 0;
}

static int decode_root(struct decoding *in, const char *dir, struct ikv_manifest *manifest)
{
    manifest->dir = strdup(dir);
    if (manifest->dir == NULL)
        return ikv_shards_fail(in->err, -ENOMEM, in->path, "%s", ikv_strerror(-ENOMEM));
    decode_table(in, manifest);
    int code = in->code < 0 ? in->code : decode_shards(in, manifest);
    if (code == 0)
        code = ikv_manifest_check(manifest, in->path, in->err);
    if (code == 0 && ikv_manifest_index(manifest) < 0)
        code = ikv_shards_fail(in->err, -ENOMEM, in->path, "%s", ikv_strerror(-ENOMEM));
    return code;
}

int ikv_manifest_decode(const char *path, const char *dir, const char *text, size_t size,
                        struct ikv_manifest **ret, ikv_error *err)
{
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        const bool began =
            size >= sizeof text_start - 1 && memcmp(text, text_start, sizeof text_start - 1) == 0;
        return began ? ikv_shards_fail(err, IKV_E_HEADER, path, "line %d, column %d: %s",
                                       error.line, error.column, error.text)
                     : ikv_shards_fail(err, IKV_E_NOT_STORE, path,
                                       "not the manifest of a sharded table");
    }
    uint64_t checksum = 0;
    int code = check_version(path, root, err);
    if (code == 0)
        code = check_checksum(path, text, size, &checksum, err);
    struct ikv_manifest *manifest = NULL;
    if (code == 0) {
        struct decoding in = {.path = path, .shard = IKV_NO_SHARD, .object = root, .err = err};
        manifest = calloc(1, sizeof *manifest);
        code = manifest != NULL ? decode_root(&in, dir, manifest)
                                : ikv_shards_fail(err, -ENOMEM, path, "%s", ikv_strerror(-ENOMEM));
    }
    json_decref(root);
    if (code < 0) {
        ikv_manifest_free(manifest);
        return code;
    }
    manifest->checksum = checksum;
    *ret = manifest;
    return 0;
}
