#include "core/leaves/clustered.h"

#include "core/io/file_io.h"
#include "core/leaves/leaf_reader.h"
#include "core/leaves/leaf_size.h"

#include <errno.h>
#include <stdlib.h>

/* Bytes of pairs in key order before streaming: enough to choose the leaf size. */
#define PREFIX ((uint64_t)2 << 20)

/* Long values are copied in pieces. */
#define PIECE ((size_t)1 << 16)

#define REPORT_EVERY ((uint64_t)1 << 16)

static int new_sorter(struct ikv_clustered *clustered)
{
    const struct ikv_clustered_options *options = &clustered->options;
    const struct ikv_pair_sorter_options sorter = {
        .key = options->key,
        .memory = options->memory,
        .dir = options->dir,
        .latest_first = options->on_duplicate == IKV_DUPLICATES_LAST,
    };

    return ikv_pair_sorter_new(&sorter, &clustered->sorter);
}

int ikv_clustered_new(const struct ikv_clustered_options *options, struct ikv_clustered **ret)
{
    struct ikv_clustered *clustered = calloc(1, sizeof *clustered);

    if (!clustered)
        return -ENOMEM;
    clustered->options = *options;
    ikv_leaf_writer_init(&clustered->leaves);
    int code = new_sorter(clustered);
    if (code == 0 && options->on_duplicate == IKV_DUPLICATES_LAST) {
        clustered->held = malloc(IKV_PAIR_VALUE_MAX);
        code = clustered->held ? 0 : -ENOMEM;
    }
    if (code < 0) {
        ikv_clustered_free(clustered);
        return code;
    }
    *ret = clustered;
    return 0;
}

void ikv_clustered_free(struct ikv_clustered *clustered)
{
    if (!clustered)
        return;
    ikv_pair_sorter_free(clustered->sorter);
    ikv_leaf_writer_free(&clustered->leaves);
    free(clustered->held);
    free(clustered);
}

/* ---------------------------------------------------------------- leaves */

static int begin_leaves(struct ikv_clustered *clustered)
{
    const struct ikv_clustered_options *options = &clustered->options;
    const uint32_t leaf_size = options->leaf_size
                                   ? options->leaf_size
                                   : ikv_leaf_size_choose(&options->key, &clustered->offered);

    memset(&clustered->sizes, 0, sizeof clustered->sizes);
    const struct ikv_leaf_writer_options leaves = {
        .key = options->key,
        .leaf_size = leaf_size,
        .stride = options->stride,
        .filter_bits = options->filter_bits,
        .seed = options->seed,
        .dir = options->dir,
    };
    return ikv_leaf_writer_begin(&clustered->leaves, options->output, &leaves);
}

static int place(struct ikv_clustered *clustered, const unsigned char *stored_key,
                 const void *value, uint32_t size)
{
    ikv_size_stats_add(&clustered->sizes, size);
    return ikv_leaf_writer_add(&clustered->leaves, stored_key, value, size);
}

static int place_long(struct ikv_clustered *clustered, const struct ikv_sorted_pair *pair)
{
    unsigned char piece[4096];
    int code = ikv_leaf_writer_open(&clustered->leaves, pair->key, pair->size);

    ikv_size_stats_add(&clustered->sizes, pair->size);
    for (uint32_t at = 0; at < pair->size && code == 0;) {
        const uint32_t n = (uint32_t)ikv_min(sizeof piece, pair->size - at);
        code = ikv_pair_sorter_read(clustered->sorter, pair, at, piece, n);
        if (code == 0)
            code = ikv_leaf_writer_append(&clustered->leaves, piece, n);
        at += n;
    }
    return code == 0 ? ikv_leaf_writer_close(&clustered->leaves) : code;
}

/* Count a pair that is dropped because its key is a duplicate. */
static void drop(struct ikv_clustered *clustered, const uint64_t *words)
{
    const uint32_t count = clustered->options.key.words;

    if (clustered->options.on_duplicate == IKV_DUPLICATES_ERROR &&
        (!clustered->has_duplicate || ikv_words_compare(words, clustered->duplicate, count) < 0)) {
        memcpy(clustered->duplicate, words, count * sizeof words[0]);
        clustered->has_duplicate = true;
    }
    clustered->dropped++;
}

static int report(const struct ikv_clustered *clustered, uint64_t done, ikv_progress_fn progress,
                  void *user)
{
    struct ikv_progress now = {"leaves", done, clustered->added, "pairs"};

    return progress && progress(user, &now) != 0 ? IKV_E_CANCELED : 0;
}

/* Write the sorted pairs. Of equal keys, the first is kept. */
static int drain(struct ikv_clustered *clustered, ikv_progress_fn progress, void *user)
{
    const uint32_t words = clustered->options.key.words;
    uint64_t last[IKV_KEY_WORDS_MAX] = {0};
    struct ikv_sorted_pair pair;
    uint64_t seen = 0;
    int code;

    while ((code = ikv_pair_sorter_next(clustered->sorter, &pair)) == 1) {
        if (seen % REPORT_EVERY == 0 && (code = report(clustered, seen, progress, user)) < 0)
            return code;
        if (seen++ > 0 && ikv_words_compare(last, pair.words, words) == 0) {
            drop(clustered, pair.words);
            continue;
        }
        memcpy(last, pair.words, words * sizeof last[0]);
        code = pair.value ? place(clustered, pair.key, pair.value, pair.size)
                          : place_long(clustered, &pair);
        if (code < 0)
            return code;
    }
    return code;
}

static int sorter_to_leaves(struct ikv_clustered *clustered, ikv_progress_fn progress, void *user)
{
    int code = ikv_pair_sorter_finish(clustered->sorter, progress, user);

    if (code == 0)
        code = begin_leaves(clustered);
    if (code == 0)
        code = drain(clustered, progress, user);
    ikv_pair_sorter_stats(clustered->sorter, &clustered->sorted);
    ikv_pair_sorter_free(clustered->sorter);
    clustered->sorter = NULL;
    return code;
}

/* ---------------------------------------------------------------- streaming */

static int place_held(struct ikv_clustered *clustered)
{
    if (!clustered->is_held)
        return 0;
    clustered->is_held = false;
    return place(clustered, clustered->held_key, clustered->held, clustered->held_size);
}

static int hold(struct ikv_clustered *clustered, const unsigned char *stored_key, const void *value,
                uint32_t size)
{
    int code = place_held(clustered);

    if (size > IKV_PAIR_VALUE_MAX)
        return code == 0 ? place(clustered, stored_key, value, size) : code;
    clustered->is_held = true;
    memcpy(clustered->held_key, stored_key, clustered->options.key.width);
    if (size)
        memcpy(clustered->held, value, size);
    clustered->held_size = size;
    return code;
}

/* Return a long value to the sorter. */
static int read_back_long(struct ikv_clustered *clustered, struct ikv_leaf_reader *reader,
                          const struct ikv_leaf_pair *pair)
{
    unsigned char *piece = malloc(PIECE);
    int code = piece ? ikv_pair_sorter_add_long(clustered->sorter, pair->key, pair->size) : -ENOMEM;

    for (uint32_t at = 0; at < pair->size && code == 0;) {
        const uint32_t n = (uint32_t)ikv_min(PIECE, pair->size - at);
        code = ikv_leaf_reader_read(reader, pair, at, piece, n);
        if (code == 0)
            code = ikv_pair_sorter_append(clustered->sorter, piece, n);
        at += n;
    }
    free(piece);
    return code;
}

static int read_back(struct ikv_clustered *clustered)
{
    struct ikv_leaf_reader reader;
    struct ikv_leaf_pair pair;

    int code = ikv_leaf_reader_begin(&reader, &clustered->leaves);
    while (code == 0 && (code = ikv_leaf_reader_next(&reader, &pair)) == 1)
        code = pair.size > IKV_PAIR_VALUE_MAX
                   ? read_back_long(clustered, &reader, &pair)
                   : ikv_pair_sorter_add(clustered->sorter, pair.key, pair.value, pair.size);
    ikv_leaf_reader_free(&reader);
    return code;
}

/* A pair is out of order: read the leaves back into a sorter. */
static int stop_streaming(struct ikv_clustered *clustered)
{
    struct ikv_output *output = clustered->options.output;

    clustered->state = IKV_SORTING;
    int code = place_held(clustered);
    if (code == 0)
        code = ikv_leaf_writer_end(&clustered->leaves);
    if (code == 0)
        code = ikv_output_flush(output);
    if (code == 0)
        code = new_sorter(clustered);
    if (code == 0)
        code = read_back(clustered);
    ikv_leaf_writer_free(&clustered->leaves);
    return code == 0 ? ikv_output_restart(output, IKV_HEADER_SIZE) : code;
}

/* A duplicate key while streaming. *ret_done: the pair needs no further handling. */
static int stream_duplicate(struct ikv_clustered *clustered, const uint64_t *words,
                            const void *value, uint32_t size, bool *ret_done)
{
    *ret_done = true;
    if (clustered->options.on_duplicate != IKV_DUPLICATES_LAST) {
        drop(clustered, words);
        return 0;
    }
    if (clustered->is_held && size <= IKV_PAIR_VALUE_MAX) {
        drop(clustered, words);
        if (size)
            memcpy(clustered->held, value, size);
        clustered->held_size = size;
        return 0;
    }
    *ret_done = false; /* a long value: the previous one may be in the file already */
    return stop_streaming(clustered);
}

static int stream(struct ikv_clustered *clustered, const unsigned char *stored_key,
                  const void *value, uint32_t size)
{
    return clustered->options.on_duplicate == IKV_DUPLICATES_LAST
               ? hold(clustered, stored_key, value, size)
               : place(clustered, stored_key, value, size);
}

/* ---------------------------------------------------------------- adding */

/* Compare a key with the last one: negative, 0 or positive. Notes it if it is in order. */
static int order_of(struct ikv_clustered *clustered, const uint64_t *words)
{
    const uint32_t count = clustered->options.key.words;
    const int order = clustered->has_last ? ikv_words_compare(words, clustered->last, count) : 1;

    if (order > 0)
        memcpy(clustered->last, words, count * sizeof words[0]);
    clustered->has_last = true;
    return order;
}

int ikv_clustered_add(struct ikv_clustered *clustered, const unsigned char *stored_key,
                      const void *value, uint32_t size)
{
    uint64_t words[IKV_KEY_WORDS_MAX];
    int code = 0;

    clustered->added++;
    ikv_size_stats_add(&clustered->offered, size);
    if (clustered->state != IKV_SORTING) {
        ikv_key_load(&clustered->options.key, stored_key, words);
        const int order = order_of(clustered, words);
        if (clustered->state == IKV_STREAMING) {
            bool done = false;
            if (order > 0)
                return stream(clustered, stored_key, value, size);
            code = order < 0 ? stop_streaming(clustered)
                             : stream_duplicate(clustered, words, value, size, &done);
            if (code < 0 || done)
                return code;
        } else if (order < 0) {
            clustered->state = IKV_SORTING;
        }
    }
    code = ikv_pair_sorter_add(clustered->sorter, stored_key, value, size);
    clustered->collected += clustered->options.key.width + (uint64_t)size;
    if (code == 0 && clustered->state == IKV_COLLECTING && clustered->collected >= PREFIX) {
        clustered->state = IKV_STREAMING;
        code = sorter_to_leaves(clustered, NULL, NULL);
    }
    return code;
}

int ikv_clustered_finish(struct ikv_clustered *clustered, ikv_progress_fn progress, void *user)
{
    int code = clustered->state == IKV_STREAMING ? place_held(clustered)
                                                 : sorter_to_leaves(clustered, progress, user);

    if (code == 0)
        code = ikv_leaf_writer_end(&clustered->leaves);
    if (code == 0 && clustered->has_duplicate)
        code = IKV_E_DUPLICATE;
    return code;
}
