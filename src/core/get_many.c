/* Looking up: the two public calls. */
#include "result.h"

static int check(const struct ikv_store *store, const void *keys, size_t count,
                 const ikv_get_options *options, const struct ikv_result *result,
                 struct ikv_get_options *known, ikv_error *err)
{
    if (!store || !result || (!keys && count))
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "looking up: an argument is NULL");
    int code = ikv_options_copy(known, sizeof *known, options, err);
    if (code < 0)
        return code;
    if ((unsigned)known->match > IKV_CEILING)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "get options: no such match");
    if (count >= IKV_NO_CHUNK)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "a batch of more than 2^32 - 2 keys");
    return 0;
}

static int run(const struct ikv_store *store, const void *keys, size_t count, ikv_match match,
               struct ikv_result *result)
{
    int code = ikv_result_begin(result, count);

    if (code < 0 || count == 0) {
        result->stats.backend = store->backend->name;
        return code;
    }
    code = ikv_batch_prepare(result, store, keys, count, match);
    if (code == 0)
        code = ikv_fetch_open(result);
    if (code == 0)
        code = ikv_fetch_run(result);
    if (code == 0)
        ikv_batch_finish(result);
    else
        result->count = 0;
    return code;
}

int ikv_get_many(ikv_store *store, const void *keys, size_t count, const ikv_get_options *options,
                 ikv_result *result, ikv_error *err)
{
    struct ikv_get_options known = {0};

    int code = check(store, keys, count, options, result, &known, err);
    if (code < 0) {
        if (result)
            (void)ikv_result_begin(result, 0);
        return code;
    }
    code = run(store, keys, count, known.match, result);
    if (code < 0)
        return ikv_fail(err, code, IKV_AT_FILE(store->path), "looking up %zu keys", count);
    if (result->read_code < 0 && err)
        *err = result->read_error;
    return result->read_code;
}

int ikv_get(ikv_store *store, const void *key, const ikv_get_options *options, ikv_result *result,
            ikv_error *err)
{
    int code = ikv_get_many(store, key, 1, options, result, err);
    if (code < 0)
        return code;
    switch (ikv_result_items(result)[0].status) {
    case IKV_FOUND:
        return 0;
    case IKV_CORRUPT:
        if (err)
            *err = result->problem;
        return result->problem.code;
    default:
        return ikv_fail(err, IKV_E_NOT_FOUND,
                        (struct ikv_where){store->path, IKV_NO_OFFSET, store->index.key.type, key},
                        "looking up");
    }
}
