#include "shards/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

int ikv_shards_vfail(ikv_error *err, int code, const char *file, const char *format,
                     va_list arguments)
{
    if (err == NULL)
        return code;
    *err = (ikv_error){.code = code, .offset = IKV_NO_OFFSET};
    int used = 0;
    if (file != NULL) {
        const size_t length = strlen(file), room = sizeof err->file - 1;
        (void)snprintf(err->file, sizeof err->file, "%s%s", length > room ? "..." : "",
                       length > room ? file + (length - (room - 3)) : file);
        used = snprintf(err->message, sizeof err->message, "%s: ", err->file);
    }
    (void)vsnprintf(err->message + used, sizeof err->message - (size_t)used, format, arguments);
    return code;
}

int ikv_shards_fail(ikv_error *err, int code, const char *file, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)ikv_shards_vfail(err, code, file, format, arguments);
    va_end(arguments);
    return code;
}

/* ---------------------------------------------------------------- making one */

static int random_id(unsigned char id[16])
{
    const int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    const bool whole = fd >= 0 && read(fd, id, 16) == 16;
    if (fd >= 0)
        (void)close(fd);
    return whole ? 0 : -EIO;
}

int ikv_manifest_new(const char *dir, ikv_key_type type, ikv_layout layout, bool has_ranges,
                     const unsigned char *table_id, struct ikv_manifest **ret, ikv_error *err)
{
    if (ikv_key_width(type) == 0)
        return ikv_shards_fail(err, IKV_E_INVALID, dir, "not a key type: %u", (unsigned)type);
    struct ikv_manifest *manifest = calloc(1, sizeof *manifest);
    if (manifest == NULL || (manifest->dir = strdup(dir)) == NULL) {
        ikv_manifest_free(manifest);
        return ikv_shards_fail(err, -ENOMEM, dir, "%s", ikv_strerror(-ENOMEM));
    }
    manifest->key_type = type;
    manifest->layout = layout == IKV_LAYOUT_ARRIVAL ? layout : IKV_LAYOUT_CLUSTERED;
    manifest->has_ranges = has_ranges;
    int code = 0;
    if (table_id != NULL)
        memcpy(manifest->table_id, table_id, sizeof manifest->table_id);
    else
        code = random_id(manifest->table_id);
    if (code < 0) {
        ikv_manifest_free(manifest);
        return ikv_shards_fail(err, code, dir, "no random numbers for the id of the table");
    }
    *ret = manifest;
    return 0;
}

static void free_paths(struct ikv_shard *shard)
{
    for (size_t i = 0; shard->paths != NULL && i < shard->path_count; i++)
        free(shard->paths[i]);
    free(shard->paths);
}

void ikv_manifest_free(struct ikv_manifest *manifest)
{
    if (manifest == NULL)
        return;
    for (size_t i = 0; i < manifest->shard_count; i++)
        free_paths(&manifest->shards[i]);
    free(manifest->shards);
    free(manifest->order);
    free(manifest->dir);
    free(manifest);
}

/* The first or last key: the floor or ceiling of the greatest or smallest possible one. */
static int extreme_key(ikv_store *store, const ikv_info *info, ikv_match match, ikv_result *result,
                       unsigned char *ret_key, ikv_error *err)
{
    unsigned char key[IKV_KEY_WIDTH_MAX];
    const bool top = match == IKV_FLOOR;
    const bool is_signed = (info->key_type & ~0xffu) == (IKV_KEY_I8 & ~0xffu);
    memset(key, top ? 0xff : 0, sizeof key);
    if (is_signed) {
        const uint16_t one = 1;
        const bool little = *(const unsigned char *)&one == 1;
        key[little ? info->key_width - 1 : 0] = top ? 0x7f : 0x80;
    }
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    options.match = match;
    const int code = ikv_get(store, key, &options, result, err);
    if (code == 0)
        memcpy(ret_key, ikv_result_items(result)->key, info->key_width);
    return code;
}

int ikv_shard_facts_of(ikv_store *store, struct ikv_shard_facts *ret, ikv_error *err)
{
    ikv_info info;
    ikv_store_info(store, &info);
    if (!info.has_trailer)
        return ikv_shards_fail(err, IKV_E_UNSUPPORTED, "a shard",
                               "a plain store can't be a shard: it has no id and no checksums");
    struct ikv_shard_facts facts = {.key_type = info.key_type,
                                    .layout = (int32_t)info.layout,
                                    .has_ranges = info.has_ranges,
                                    .value_size_min = info.value_size_min,
                                    .value_size_max = info.value_size_max,
                                    .pairs = info.pair_count,
                                    .value_bytes = info.value_bytes,
                                    .size = info.file_size};
    memcpy(facts.store_id, info.store_id, sizeof facts.store_id);
    ikv_result *result = NULL;
    int code = 0;
    if (info.pair_count > 0 && ikv_result_new(&result) < 0)
        return ikv_shards_fail(err, -ENOMEM, "a shard", "%s", ikv_strerror(-ENOMEM));
    if (info.pair_count > 0) {
        code = extreme_key(store, &info, IKV_CEILING, result, facts.first, err);
        if (code == 0)
            code = extreme_key(store, &info, IKV_FLOOR, result, facts.last, err);
    }
    ikv_result_free(result);
    if (code == 0)
        *ret = facts;
    return code;
}

bool ikv_shard_path_valid(const char *path)
{
    return path[0] != '\0' && path[strlen(path) - 1] != '/';
}

static bool copy_paths(struct ikv_shard *shard, const char *const *paths, size_t count)
{
    shard->paths = calloc(count, sizeof *shard->paths);
    if (shard->paths == NULL)
        return false;
    for (; shard->path_count < count; shard->path_count++) {
        shard->paths[shard->path_count] = strdup(paths[shard->path_count]);
        if (shard->paths[shard->path_count] == NULL)
            return false;
    }
    return true;
}

/* Room for one more shard; the array grows by doubling. */
static bool reserve(struct ikv_manifest *manifest)
{
    const size_t count = manifest->shard_count;
    if ((count & (count - 1)) != 0) /* not a power of 2, and so not full */
        return true;
    struct ikv_shard *more = realloc(manifest->shards, (count == 0 ? 1 : 2 * count) * sizeof *more);
    if (more == NULL)
        return false;
    manifest->shards = more;
    return true;
}

static int check_new(const struct ikv_manifest *manifest, const struct ikv_shard_facts *facts,
                     const char *const *paths, size_t path_count, ikv_error *err)
{
    const char *name = path_count > 0 ? paths[0] : manifest->dir;
    const char *what = NULL;
    if (path_count == 0 || path_count > IKV_SHARD_PATHS_MAX)
        what = "a shard has 1 to 64 places";
    else if (manifest->shard_count == IKV_SHARDS_MAX)
        what = "more than 1048576 shards";
    else if (facts->key_type != manifest->key_type)
        what = "another key type than that of the table";
    else if (facts->layout != (int32_t)manifest->layout)
        what = "another layout than that of the table";
    else if ((facts->has_ranges != 0) != manifest->has_ranges)
        what = "a store of ranges among others, or the reverse";
    else if (ikv_key_compare(facts->key_type, facts->first, facts->last) > 0)
        what = "its last key is below its first one";
    else if (manifest->shard_count > 0 &&
             ikv_key_compare(facts->key_type, manifest->shards[manifest->shard_count - 1].last,
                             facts->first) >= 0)
        what = "its keys are not above those of the shard before";
    for (size_t i = 0; what == NULL && i < path_count; i++)
        if (!ikv_shard_path_valid(paths[i]))
            what = "a path is empty, or names a directory";
    return what == NULL ? 0 : ikv_shards_fail(err, IKV_E_INVALID, name, "%s", what);
}

int ikv_manifest_add(struct ikv_manifest *manifest, const struct ikv_shard_facts *facts,
                     const char *const *paths, size_t path_count, ikv_error *err)
{
    if (facts->pairs == 0)
        return 0;
    const int code = check_new(manifest, facts, paths, path_count, err);
    if (code < 0)
        return code;
    struct ikv_shard shard = {
        .pairs = facts->pairs, .value_bytes = facts->value_bytes, .size = facts->size};
    memcpy(shard.first, facts->first, sizeof shard.first);
    memcpy(shard.last, facts->last, sizeof shard.last);
    memcpy(shard.store_id, facts->store_id, sizeof shard.store_id);
    if (!copy_paths(&shard, paths, path_count) || !reserve(manifest)) {
        free_paths(&shard);
        return ikv_shards_fail(err, -ENOMEM, manifest->dir, "%s", ikv_strerror(-ENOMEM));
    }
    if (manifest->shard_count == 0 || facts->value_size_min < manifest->value_size_min)
        manifest->value_size_min = facts->value_size_min;
    if (facts->value_size_max > manifest->value_size_max)
        manifest->value_size_max = facts->value_size_max;
    manifest->pairs += shard.pairs;
    manifest->value_bytes += shard.value_bytes;
    manifest->shards[manifest->shard_count++] = shard;
    return 0;
}

int ikv_manifest_add_place(struct ikv_manifest *manifest, size_t shard, const char *path,
                           bool first, ikv_error *err)
{
    struct ikv_shard *to = &manifest->shards[shard];
    if (to->path_count == IKV_SHARD_PATHS_MAX || !ikv_shard_path_valid(path))
        return ikv_shards_fail(err, IKV_E_INVALID, path, "shard %zu: %s", shard,
                               to->path_count == IKV_SHARD_PATHS_MAX
                                   ? "a shard has at most 64 places"
                                   : "a path is empty, or names a directory");
    char **paths = realloc(to->paths, (to->path_count + 1) * sizeof *paths);
    if (paths != NULL)
        to->paths = paths;
    char *copy = strdup(path);
    if (paths == NULL || copy == NULL) {
        free(copy);
        return ikv_shards_fail(err, -ENOMEM, manifest->dir, "%s", ikv_strerror(-ENOMEM));
    }
    if (first)
        memmove(paths + 1, paths, to->path_count * sizeof *paths);
    paths[first ? 0 : to->path_count] = copy;
    to->path_count++;
    return 0;
}

int ikv_manifest_remove_place(struct ikv_manifest *manifest, size_t shard, size_t place,
                              ikv_error *err)
{
    struct ikv_shard *from = &manifest->shards[shard];
    if (from->path_count == 1)
        return ikv_shards_fail(err, IKV_E_INVALID, manifest->dir,
                               "shard %zu of %zu has no other place", shard, manifest->shard_count);
    free(from->paths[place]);
    from->path_count--;
    memmove(from->paths + place, from->paths + place + 1,
            (from->path_count - place) * sizeof *from->paths);
    return 0;
}

void ikv_shard_name(const unsigned char name_id[16], size_t index, char name[IKV_SHARD_NAME_SIZE])
{
    char hex[17];
    for (size_t i = 0; i < 8; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", name_id[i]);
    (void)snprintf(name, IKV_SHARD_NAME_SIZE, "shard-%s-%05zu.ikv", hex, index);
}

void ikv_shard_store_id(const unsigned char table_id[16], size_t index, unsigned char ret_id[16])
{
    unsigned char seed[24];
    memcpy(seed, table_id, 16);
    for (size_t i = 0; i < 8; i++)
        seed[16 + i] = (unsigned char)((uint64_t)index >> (8 * i));
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(seed, sizeof seed));
    memcpy(ret_id, canonical.digest, 16);
}

/* ---------------------------------------------------------------- checking */

int ikv_manifest_check(const struct ikv_manifest *manifest, const char *path, ikv_error *err)
{
    uint64_t pairs = 0, value_bytes = 0;
    for (size_t i = 0; i < manifest->shard_count; i++) {
        const struct ikv_shard *shard = &manifest->shards[i];
        const char *what = NULL;
        if (shard->pairs > UINT64_MAX - pairs || shard->value_bytes > UINT64_MAX - value_bytes)
            what = "the sum of pairs or of value sizes is too large";
        else if (ikv_key_compare(manifest->key_type, shard->first, shard->last) > 0)
            what = "its last key is below its first one";
        else if (i > 0 && ikv_key_compare(manifest->key_type, shard[-1].first, shard->first) >= 0)
            what = "it is not in key order";
        else if (i > 0 && ikv_key_compare(manifest->key_type, shard[-1].last, shard->first) >= 0)
            what = "its range of keys overlaps that of the shard before";
        if (what != NULL)
            return ikv_shards_fail(err, IKV_E_HEADER, path, "shard %zu: %s", i, what);
        pairs += shard->pairs;
        value_bytes += shard->value_bytes;
    }
    if (pairs != manifest->pairs || value_bytes != manifest->value_bytes)
        return ikv_shards_fail(err, IKV_E_HEADER, path,
                               "\"%s\" of the table is not the sum of the shards",
                               pairs != manifest->pairs ? "pairs" : "value_bytes");
    if (manifest->value_size_min > manifest->value_size_max)
        return ikv_shards_fail(err, IKV_E_HEADER, path, "\"value_size_min\" is above the maximum");
    return 0;
}
