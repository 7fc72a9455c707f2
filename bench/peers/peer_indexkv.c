/* indexkv as a peer. */
#include "peers/peer_indexkv.h"
#include "subjects/engines.h"
#include "subjects/lookups.h"

#include <stdio.h>
#include <stdlib.h>

struct peer_indexkv {
    struct peer peer;
    ikv_backend backend;
    uint32_t threads;
    ikv_engine *engine;
    ikv_store *store;
    ikv_result *result;
};

static int failed(struct bench_error *error, const ikv_error *err)
{
    return bench_error_set(error, BENCH_FAILED, "%s", err->message);
}

static int indexkv_open(struct peer *peer, const char *path, size_t batch,
                        struct bench_error *error)
{
    struct peer_indexkv *indexkv = (struct peer_indexkv *)peer;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_error err = {.message = "out of memory"};

    (void)batch;
    if (ikv_result_new(&indexkv->result) < 0 ||
        engines_open(indexkv->threads, 0, &indexkv->engine, &err) < 0)
        return failed(error, &err);
    options.key_type = dataset_key_type(&peer->data);
    options.backend = indexkv->backend;
    options.engine = indexkv->engine;
    const int code = ikv_open(path, &options, &indexkv->store, &err);
    if (code < 0)
        return bench_error_set(error, lookups_is_unavailable(code) ? BENCH_SKIPPED : BENCH_FAILED,
                               "%s", err.message);
    return peer->data.keep_cached ? BENCH_OK : dataset_reload(path, error);
}

static void indexkv_close(struct peer *peer)
{
    struct peer_indexkv *indexkv = (struct peer_indexkv *)peer;

    ikv_result_free(indexkv->result);
    ikv_close(indexkv->store);
    engines_close(indexkv->engine);
    free(indexkv);
}

/* ---------------------------------------------------------------- warm */

/* Lookups visit every page of records, and thereby every page of the index. After the first pass
 * the library assumes that the pages are resident, so the second pass uses the mapping. */
#define WARM_BATCH  4096
#define WARM_PASSES 2

static int warm_pass(struct peer_indexkv *indexkv, uint64_t stride, struct bench_error *error)
{
    const struct dataset *data = &indexkv->peer.data;
    const size_t size = dataset_key_size(data);
    unsigned char *keys = bench_alloc((size_t)WARM_BATCH * size);
    uint64_t next = 0;
    ikv_error err;
    int code = BENCH_OK;

    while (next < data->pairs && code == BENCH_OK) {
        size_t count = 0;
        for (; count < WARM_BATCH && next < data->pairs; next += stride)
            dataset_put_key(data, next, keys + count++ * size);
        if (ikv_get_many(indexkv->store, keys, count, NULL, indexkv->result, &err) < 0)
            code = failed(error, &err);
    }
    free(keys);
    return code;
}

static int indexkv_warm(struct peer *peer, struct bench_error *error)
{
    struct peer_indexkv *indexkv = (struct peer_indexkv *)peer;
    const uint64_t in_page = 4096 / (peer->data.value_size + 8);
    int code = BENCH_OK;

    for (int i = 0; i < WARM_PASSES && code == BENCH_OK; i++)
        code = warm_pass(indexkv, in_page > 1 ? in_page : 1, error);
    return code;
}

/* ---------------------------------------------------------------- lookups */

static int indexkv_get_many(struct peer *peer, const unsigned char *keys, size_t count,
                            struct bench_error *error)
{
    const struct peer_indexkv *indexkv = (const struct peer_indexkv *)peer;
    ikv_error err;

    if (ikv_get_many(indexkv->store, keys, count, NULL, indexkv->result, &err) < 0)
        return failed(error, &err);
    return BENCH_OK;
}

/* Copies the values from the result to where they are checked. */
static void indexkv_finish(struct peer *peer, size_t count, struct step *step)
{
    const struct peer_indexkv *indexkv = (const struct peer_indexkv *)peer;
    const ikv_item *items = ikv_result_items(indexkv->result);
    const ikv_stats *stats = ikv_result_stats(indexkv->result);

    for (size_t i = 0; i < count; i++) {
        if (items[i].status == IKV_FOUND)
            answer_put(&peer->answers, i, items[i].value, items[i].size);
        else /* size 0 makes the check fail */
            peer->answers.sizes[i] = items[i].status == IKV_MISSING ? ANSWER_MISSING : 0;
    }
    step->reads = stats->index_reads + stats->record_reads;
    step->calls = stats->system_calls;
    step->mapped = stats->mapped;
}

static int indexkv_get(struct peer *peer, const unsigned char *key, size_t place,
                       struct bench_error *error)
{
    const struct peer_indexkv *indexkv = (const struct peer_indexkv *)peer;
    const struct answers *answers = &peer->answers;
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_error err;

    options.values = answers->values + place * answers->value_size;
    options.value_size = answers->value_size;
    const int code = ikv_get(indexkv->store, key, &options, indexkv->result, &err);
    if (code == 0)
        answers->sizes[place] = answers->value_size;
    else if (code == IKV_E_NOT_FOUND)
        answers->sizes[place] = ANSWER_MISSING;
    else
        return failed(error, &err);
    return BENCH_OK;
}

static const char *indexkv_describe(const struct peer *peer, char *text, size_t size)
{
    const struct peer_indexkv *indexkv = (const struct peer_indexkv *)peer;

    return engines_describe(ikv_result_stats(indexkv->result), text, size);
}

ikv_store *peer_indexkv_store(const struct peer *peer)
{
    return ((const struct peer_indexkv *)peer)->store;
}

struct peer *peer_indexkv_new(const struct dataset *data, ikv_backend backend, uint32_t threads)
{
    static const struct peer_kind kind = {.open = indexkv_open,
                                          .warm = indexkv_warm,
                                          .get_many = indexkv_get_many,
                                          .get = indexkv_get,
                                          .finish = indexkv_finish,
                                          .describe = indexkv_describe,
                                          .close = indexkv_close};
    struct peer_indexkv *indexkv = peer_new(sizeof *indexkv, &kind, data);

    indexkv->backend = backend;
    indexkv->threads = threads;
    return &indexkv->peer;
}
