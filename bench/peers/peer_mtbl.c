/* mtbl: a memory-mapped sorted table of blocks, here without compression. */
#include "peers/peer.h"

#include <mtbl.h>

#include <stdio.h>
#include <stdlib.h>

struct peer_mtbl {
    struct peer peer;
    struct mtbl_reader *reader;
    const struct mtbl_source *source;
};

static int failed(struct bench_error *error, const char *what)
{
    return bench_error_set(error, BENCH_FAILED, "mtbl: %s failed", what);
}

static int mtbl_fill(const struct peer *peer, const char *path, struct pair_source *pairs,
                     struct bench_error *error)
{
    struct mtbl_writer_options *options = mtbl_writer_options_init();
    const unsigned char *key = NULL;
    const unsigned char *value = NULL;
    unsigned char ordered[DATASET_KEY_MAX];
    mtbl_res result = mtbl_res_success;

    mtbl_writer_options_set_compression(options, MTBL_COMPRESSION_NONE);
    struct mtbl_writer *writer = mtbl_writer_init(path, options);
    mtbl_writer_options_destroy(&options);
    if (!writer)
        return failed(error, "mtbl_writer_init");
    while (result == mtbl_res_success && pair_source_next(pairs, &key, &value)) {
        peer_ordered_key(peer, key, ordered);
        result = mtbl_writer_add(writer, ordered, dataset_key_size(&peer->data), value,
                                 peer->data.value_size);
    }
    mtbl_writer_destroy(&writer);
    return result == mtbl_res_success ? BENCH_OK : failed(error, "mtbl_writer_add");
}

static int mtbl_open(struct peer *peer, const char *path, size_t batch, struct bench_error *error)
{
    struct peer_mtbl *mtbl = (struct peer_mtbl *)peer;
    struct mtbl_reader_options *options = mtbl_reader_options_init();

    (void)batch;
    mtbl_reader_options_set_madvise_random(options, true);
    mtbl->reader = mtbl_reader_init(path, options);
    mtbl_reader_options_destroy(&options);
    if (!mtbl->reader)
        return failed(error, "mtbl_reader_init");
    mtbl->source = mtbl_reader_source(mtbl->reader);
    return dataset_reload(path, error);
}

static int mtbl_warm(struct peer *peer, struct bench_error *error)
{
    const struct peer_mtbl *mtbl = (const struct peer_mtbl *)peer;
    struct mtbl_iter *iter = mtbl_source_iter(mtbl->source);
    const uint8_t *key = NULL;
    const uint8_t *value = NULL;
    uint64_t count = 0;
    size_t key_size = 0;
    size_t size = 0;

    while (iter && mtbl_iter_next(iter, &key, &key_size, &value, &size) == mtbl_res_success)
        count++;
    mtbl_iter_destroy(&iter);
    return count == peer->data.pairs ? BENCH_OK : failed(error, "scanning");
}

static void mtbl_close(struct peer *peer)
{
    struct peer_mtbl *mtbl = (struct peer_mtbl *)peer;

    mtbl_reader_destroy(&mtbl->reader);
    free(mtbl);
}

static int mtbl_get_many(struct peer *peer, const unsigned char *keys, size_t count,
                         struct bench_error *error)
{
    const struct peer_mtbl *mtbl = (const struct peer_mtbl *)peer;
    const size_t size = dataset_key_size(&peer->data);

    (void)error; /* no iterator: the key is missing or an error occurred; mtbl does not say which */
    for (size_t i = 0; i < count; i++) {
        unsigned char wanted[DATASET_KEY_MAX];
        const uint8_t *key = NULL;
        const uint8_t *value = NULL;
        size_t key_size = 0;
        size_t value_size = 0;
        peer_ordered_key(peer, keys + i * size, wanted);
        struct mtbl_iter *iter = mtbl_source_get(mtbl->source, wanted, size);
        if (iter && mtbl_iter_next(iter, &key, &key_size, &value, &value_size) == mtbl_res_success)
            answer_put(&peer->answers, i, value, value_size);
        else
            peer->answers.sizes[i] = ANSWER_MISSING;
        mtbl_iter_destroy(&iter);
    }
    return BENCH_OK;
}

static const char *mtbl_describe(const struct peer *peer, char *text, size_t size)
{
    (void)peer;
    (void)snprintf(text, size, "mtbl, no compression");
    return text;
}

struct peer *peer_mtbl_new(const struct dataset *data)
{
    static const struct peer_kind kind = {.suffix = "mtbl",
                                          .in_key_order = true,
                                          .fill = mtbl_fill,
                                          .open = mtbl_open,
                                          .warm = mtbl_warm,
                                          .get_many = mtbl_get_many,
                                          .describe = mtbl_describe,
                                          .close = mtbl_close};

    return peer_new(sizeof(struct peer_mtbl), &kind, data);
}
