/* Opening the stores of a table. */
#include "shards/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A path that does not depend on the directory of the table. */
static bool is_absolute(const char *path)
{
    return path[0] == '/' || strncmp(path, "http://", 7) == 0 || strncmp(path, "https://", 8) == 0;
}

char *ikv_shard_path(const struct ikv_manifest *manifest, size_t shard, size_t place)
{
    const char *path = manifest->shards[shard].paths[place];
    if (is_absolute(path))
        return strdup(path);
    const size_t size = strlen(manifest->dir) + 1 + strlen(path) + 1;
    char *joined = malloc(size);
    if (joined != NULL)
        (void)snprintf(joined, size, "%s/%s", manifest->dir, path);
    return joined;
}

static int differs(const struct ikv_manifest *manifest, size_t shard, const char *path,
                   const char *what, ikv_error *err)
{
    return ikv_shards_fail(err, IKV_E_CHANGED, path,
                           "not shard %zu of %zu of %s, but of another build: its %s differs "
                           "from the manifest",
                           shard, manifest->shard_count, manifest->dir, what);
}

int ikv_shard_check(const struct ikv_manifest *manifest, size_t shard, const char *path,
                    const ikv_store *store, ikv_error *err)
{
    const struct ikv_shard *listed = &manifest->shards[shard];
    ikv_info info;
    ikv_store_info(store, &info);
    if (info.key_type != manifest->key_type)
        return differs(manifest, shard, path, "key type", err);
    if (memcmp(info.store_id, listed->store_id, sizeof info.store_id) != 0)
        return differs(manifest, shard, path, "store id", err);
    if (info.file_size != listed->size)
        return differs(manifest, shard, path, "size", err);
    if (info.pair_count != listed->pairs)
        return differs(manifest, shard, path, "number of pairs", err);
    if (info.value_bytes != listed->value_bytes)
        return differs(manifest, shard, path, "sum of value sizes", err);
    if (info.layout != manifest->layout || (info.has_ranges != 0) != manifest->has_ranges)
        return differs(manifest, shard, path, "layout", err);
    return 0;
}

static int open_place(const struct ikv_manifest *manifest, size_t shard, size_t place,
                      const ikv_open_options *options, ikv_store **ret_store, ikv_error *err)
{
    ikv_store *store = NULL;
    char *path = ikv_shard_path(manifest, shard, place);
    if (path == NULL)
        return ikv_shards_fail(err, -ENOMEM, manifest->dir, "%s", ikv_strerror(-ENOMEM));
    int code = ikv_open(path, options, &store, err);
    if (code == 0)
        code = ikv_shard_check(manifest, shard, path, store, err);
    free(path);
    if (code < 0) {
        ikv_close(store);
        return code;
    }
    *ret_store = store;
    return 0;
}

/* Say which shard of which table an error is about. */
static void add_shard(const struct ikv_manifest *manifest, size_t shard, ikv_error *err)
{
    ikv_error inner = *err;
    (void)ikv_shards_fail(err, inner.code, manifest->dir, "shard %zu of %zu: ", shard,
                          manifest->shard_count);
    const size_t used = strlen(err->message);
    (void)snprintf(err->message + used, sizeof err->message - used, "%s", inner.message);
    memcpy(err->file, inner.file, sizeof err->file);
    memcpy(err->key, inner.key, sizeof err->key);
    err->key_type = inner.key_type;
    err->offset = inner.offset;
}

int ikv_shard_open(const struct ikv_manifest *manifest, size_t shard, size_t place,
                   const ikv_open_options *options, ikv_store **ret_store, size_t *ret_place,
                   ikv_error *err)
{
    const size_t count = manifest->shards[shard].path_count;
    ikv_error first = {0}, other;
    int first_code = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t tried = (place + i) % count;
        const int code =
            open_place(manifest, shard, tried, options, ret_store, i == 0 ? &first : &other);
        if (code == 0) {
            if (ret_place != NULL)
                *ret_place = tried;
            return 0;
        }
        if (i == 0)
            first_code = code;
    }
    if (err != NULL) {
        *err = first;
        if (first_code != IKV_E_CHANGED) /* that message has it */
            add_shard(manifest, shard, err);
    }
    return first_code;
}
