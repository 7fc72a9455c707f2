/* In the place of manifest_json.c, in a build without jansson. */
#include "shards/manifest.h"

static int not_built(const char *path, ikv_error *err)
{
    return ikv_shards_fail(err, IKV_E_UNSUPPORTED, path,
                           "sharded tables are not supported, built without jansson "
                           "(INDEXKV_SHARDS)");
}

int ikv_manifest_encode(const struct ikv_manifest *manifest, char **ret_text,
                        size_t *ret_size, /* NOLINT(readability-non-const-parameter) */
                        ikv_error *err)
{
    (void)ret_text;
    (void)ret_size;
    return not_built(manifest->dir, err);
}

int ikv_manifest_decode(const char *path, const char *dir, const char *text, size_t size,
                        struct ikv_manifest **ret, ikv_error *err)
{
    (void)dir;
    (void)text;
    (void)size;
    (void)ret;
    return not_built(path, err);
}
