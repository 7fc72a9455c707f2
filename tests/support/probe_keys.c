#include "probe_keys.h"

#include "hostkey.h"
#include "stores.h"
#include "tmpdir.h"

#include <stdlib.h>
#include <string.h>

void probe_keys_free(probe_keys *keys)
{
    free(keys->keys);
    memset(keys, 0, sizeof(*keys));
}

const unsigned char *probe_key_at(const probe_keys *keys, size_t i)
{
    return keys->keys + i * keys->width;
}

size_t probe_keys_rank(const probe_keys *keys, const unsigned char *key, int above)
{
    size_t low = 0;
    size_t high = keys->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(probe_key_at(keys, middle), key, keys->width);

        if (order < 0 || (above && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---------------------------------------------------------------- collecting */

/* While being collected, keys are zero-padded to the maximum width. */
static void start(ikv_key_type type, size_t room, probe_keys *ret)
{
    *ret = (probe_keys){type, hostkey_width(type), 0, must_malloc(room * IKV_KEY_WIDTH_MAX)};
    memset(ret->keys, 0, room * IKV_KEY_WIDTH_MAX);
}

static void collect(probe_keys *keys, const void *host)
{
    hostkey_to_ordered(keys->type, host, keys->keys + keys->count++ * IKV_KEY_WIDTH_MAX);
}

static int by_padded_form(const void *a, const void *b)
{
    return memcmp(a, b, IKV_KEY_WIDTH_MAX);
}

static void sort_and_pack(probe_keys *keys, int distinct)
{
    size_t left = 0;

    qsort(keys->keys, keys->count, IKV_KEY_WIDTH_MAX, by_padded_form);
    for (size_t i = 0; i < keys->count; i++) {
        const unsigned char *key = keys->keys + i * IKV_KEY_WIDTH_MAX;

        if (distinct && left > 0 && memcmp(probe_key_at(keys, left - 1), key, keys->width) == 0)
            continue;
        memmove(keys->keys + left++ * keys->width, key, keys->width);
    }
    keys->count = left;
}

/* ---------------------------------------------------------------- indexes */

static void repeat_some(rng_state *random, probe_keys *keys)
{
    for (int run = 0; run < 4 && keys->count > 1; run++) {
        size_t from = (size_t)rng_below(random, keys->count);
        size_t to = from + (size_t)rng_below(random, run < 2 ? 5 : 700);

        for (size_t i = from + 1; i < keys->count && i <= to; i++)
            memcpy(keys->keys + i * keys->width, keys->keys + from * keys->width, keys->width);
    }
}

void probe_keys_random(rng_state *random, ikv_key_type type, size_t count, model_keys shape,
                       int repeats, probe_keys *ret_keys)
{
    start(type, count, ret_keys);
    for (size_t i = 0; i < count; i++) {
        unsigned char host[IKV_KEY_WIDTH_MAX];

        model_random_key(random, type, shape, host);
        collect(ret_keys, host);
    }
    sort_and_pack(ret_keys, !repeats);
    if (repeats)
        repeat_some(random, ret_keys);
}

void probe_keys_spread(rng_state *random, size_t count, probe_keys *ret_keys)
{
    uint64_t key = 0;

    *ret_keys = (probe_keys){IKV_KEY_U64, 8, count, must_malloc(count * 8)};
    for (size_t i = 0; i < count; i++) {
        key += 1 + rng_below(random, UINT64_MAX / 2 / count);
        hostkey_to_ordered(IKV_KEY_U64, &key, ret_keys->keys + i * 8);
    }
}

/* ---------------------------------------------------------------- batches */

static void draw_key(rng_state *random, const probe_keys *index, probe_batch kind, size_t i,
                     unsigned char *ret_host)
{
    const uint64_t choice = rng_below(random, 8);

    hostkey_from_ordered(index->type, probe_key_at(index, i % index->count), ret_host);
    if (kind == BATCH_ALL || kind == BATCH_CLUSTERED)
        return;
    if (choice < 2)
        hostkey_next(index->type, ret_host);
    else if (choice < 4)
        hostkey_previous(index->type, ret_host);
    else if (choice == 4 && kind != BATCH_NEIGHBOURS)
        model_random_key(random, index->type, MODEL_KEYS_UNIFORM, ret_host);
}

static size_t batch_size(rng_state *random, const probe_keys *index, probe_batch kind)
{
    if (index->count == 0 || kind == BATCH_EMPTY)
        return 0;
    if (kind == BATCH_ALL)
        return index->count;
    if (kind == BATCH_ONE)
        return 1;
    return (size_t)rng_below(random, rng_below(random, 2) == 0 ? 20 : 600);
}

void probe_keys_batch(rng_state *random, const probe_keys *index, probe_batch kind,
                      probe_keys *ret_batch)
{
    const size_t drawn = batch_size(random, index, kind);
    const int scattered = kind == BATCH_ONE || kind == BATCH_MIXED || kind == BATCH_ABSENT;
    size_t from = index->count > 0 ? (size_t)rng_below(random, index->count) : 0;
    unsigned char host[IKV_KEY_WIDTH_MAX];

    start(index->type, drawn + 2, ret_batch);
    for (size_t i = 0; i < drawn; i++) {
        size_t at = scattered ? (size_t)rng_below(random, index->count) : from + i;
        unsigned char ordered[IKV_KEY_WIDTH_MAX];

        draw_key(random, index, kind, at, host);
        hostkey_to_ordered(index->type, host, ordered);
        if (kind != BATCH_ABSENT ||
            probe_keys_rank(index, ordered, 0) == probe_keys_rank(index, ordered, 1))
            collect(ret_batch, host);
    }
    if (kind == BATCH_MIXED) { /* even if the index is empty */
        hostkey_least(index->type, host);
        collect(ret_batch, host);
        hostkey_greatest(index->type, host);
        collect(ret_batch, host);
    }
    sort_and_pack(ret_batch, 1);
}

void probe_keys_sample(rng_state *random, const probe_keys *index, size_t count,
                       probe_keys *ret_batch)
{
    *ret_batch = (probe_keys){index->type, index->width, count, must_malloc(count * index->width)};
    /* Takes each entry with the probability that fills the batch. */
    for (size_t i = 0, taken = 0; taken < count; i++)
        if (rng_below(random, index->count - i) < count - taken)
            memcpy(ret_batch->keys + taken++ * index->width, probe_key_at(index, i), index->width);
}

void probe_keys_write(const char *path, const probe_keys *keys, uint32_t flags)
{
    const ikv_writer_options options = store_options_with(keys->type, flags);
    ikv_writer *writer = NULL;
    ikv_error err;

    assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
    for (uint64_t i = 0; i < keys->count; i++) {
        unsigned char host[IKV_KEY_WIDTH_MAX];

        hostkey_from_ordered(keys->type, probe_key_at(keys, (size_t)i), host);
        assert_ok(ikv_writer_add(writer, host, &i, sizeof(i), &err), &err);
    }
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
}
