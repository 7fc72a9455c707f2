/*
 * Entry probes in real stores: ikv_stats counts exactly as many probes on each level as the naive
 * model of the search, for every backend and order of completions.
 */
#include "indexkv.h"

#include "hostkey.h"
#include "probe_keys.h"
#include "probe_model.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A store in which the value of each key is its rank. */
struct probed_store {
    probe_keys keys;
    probe_model model;
    ikv_store *store;
    ikv_result *result;
    ikv_info info;
    char *path;
};

/* Takes ownership of the keys. */
static void probed_open(void **state, probe_keys keys, uint32_t flags, ikv_backend backend,
                        struct probed_store *ret)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_error err;

    memset(ret, 0, sizeof(*ret));
    ret->keys = keys;
    ret->path = tmpdir_file(*state, "probed");
    probe_keys_write(ret->path, &ret->keys, flags);
    options.key_type = keys.type;
    options.backend = backend;
    assert_ok(ikv_open(ret->path, &options, &ret->store, &err), &err);
    assert_ok(ikv_result_new(&ret->result), NULL);
    ikv_store_info(ret->store, &ret->info);
    probe_model_init(&ret->model, ret->keys.keys, keys.width, keys.count, ret->info.stride,
                     PROBE_ENTRIES, 0);
}

static void probed_close(struct probed_store *s)
{
    ikv_result_free(s->result);
    ikv_close(s->store);
    probe_model_free(&s->model);
    probe_keys_free(&s->keys);
    free(s->path);
}

/* ---------------------------------------------------------------- one batch */

static void assert_answers(const struct probed_store *s, const size_t *answers, size_t count)
{
    const ikv_item *items = ikv_result_items(s->result);

    assert_int_equal(ikv_result_count(s->result), count);
    for (size_t key = 0; key < count; key++) {
        unsigned char host[IKV_KEY_WIDTH_MAX];
        const uint64_t number = answers[key];

        if (answers[key] == PROBE_NO_ENTRY) {
            assert_int_equal(items[key].status, IKV_MISSING);
            continue;
        }
        assert_int_equal(items[key].status, IKV_FOUND);
        assert_int_equal(items[key].size, sizeof(number));
        assert_memory_equal(items[key].value, &number, sizeof(number));
        hostkey_from_ordered(s->keys.type, probe_key_at(&s->keys, answers[key]), host);
        assert_memory_equal(items[key].key, host, s->keys.width);
    }
}

static void assert_stats(const struct probed_store *s, const probe_counts *counts)
{
    const ikv_stats *stats = ikv_result_stats(s->result);
    uint64_t reads = 0;

    /* Each shard would begin at the top level again. */
    assert_true(stats->shards <= 1);
    for (uint32_t level = 0; level < IKV_LEVELS_MAX; level++) {
        if (stats->level[level].probes != counts->level[level])
            fail_msg("%zu keys, level %u: %llu probes, %llu in the model", s->keys.count, level,
                     (unsigned long long)stats->level[level].probes,
                     (unsigned long long)counts->level[level]);
        /* One read for each entry. */
        assert_int_equal(stats->level[level].reads, stats->level[level].probes);
        assert_int_equal(stats->level[level].bytes, stats->level[level].probes * s->info.stride);
        reads += stats->level[level].reads;
    }
    assert_int_equal(stats->levels, counts->levels);
    assert_int_equal(stats->probes, counts->total);
    assert_int_equal(stats->index_reads, reads);
    assert_int_equal(stats->cached, 0);
}

static void get(const struct probed_store *s, const probe_keys *batch, const unsigned char *host,
                ikv_match match, ikv_probe probe, uint32_t flags)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_error err;

    options.match = match;
    options.probe = probe;
    options.flags = flags;
    assert_ok(ikv_get_many(s->store, host, batch->count, &options, s->result, &err), &err);
}

/* In every match mode, the same counts with and without a barrier between levels. Then with page
 * probes and the same result: entries left in its buffers must not be used as pages. */
static void assert_batch_of(const struct probed_store *s, const probe_keys *batch)
{
    static const uint32_t flags[] = {0, IKV_GET_BARRIER | IKV_GET_LATENCY};
    unsigned char *host = must_malloc(batch->count * batch->width);
    size_t *answers = must_malloc(batch->count * sizeof(*answers));

    for (size_t i = 0; i < batch->count; i++)
        hostkey_from_ordered(batch->type, probe_key_at(batch, i), host + i * batch->width);
    for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
        probe_counts counts;

        probe_model_search(&s->model, batch->keys, batch->count, (ikv_match)match, answers,
                           &counts);
        for (size_t f = 0; f < COUNT_OF(flags); f++) {
            get(s, batch, host, (ikv_match)match, IKV_PROBE_ENTRY, flags[f]);
            assert_answers(s, answers, batch->count);
            assert_stats(s, &counts);
        }
        get(s, batch, host, (ikv_match)match, IKV_PROBE_PAGE, 0);
        assert_answers(s, answers, batch->count);
    }
    free(answers);
    free(host);
}

static void assert_batches(rng_state *random, struct probed_store *s)
{
    probe_keys batch;

    for (int kind = 0; kind < BATCH_KINDS; kind++) {
        if (kind == BATCH_ALL && s->keys.count > 2000)
            continue;
        probe_keys_batch(random, &s->keys, (probe_batch)kind, &batch);
        assert_batch_of(s, &batch);
        probe_keys_free(&batch);
    }
    probe_keys_sample(random, &s->keys, s->keys.count < 1000 ? s->keys.count : 1000, &batch);
    assert_batch_of(s, &batch);
    probe_keys_free(&batch);
}

/* ---------------------------------------------------------------- tests */

/* io_uring if available, otherwise pread. */
static ikv_backend other_backend(void **state)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    probe_keys keys;
    rng_state random = {5};
    struct probed_store s;
    ikv_store *store = NULL;
    int code;

    probe_keys_spread(&random, 1, &keys);
    probed_open(state, keys, 0, IKV_BACKEND_PREAD, &s);
    options.backend = IKV_BACKEND_URING;
    code = ikv_open(s.path, &options, &store, NULL);
    if (code == 0)
        ikv_close(store);
    probed_close(&s);
    return code == 0 ? IKV_BACKEND_URING : IKV_BACKEND_PREAD;
}

static void stores_of_all_sizes(void **state)
{
    static const size_t counts[] = {0, 1, 2, 1000, 10000, 100000, 1000000};
    const ikv_backend other = other_backend(state);
    rng_state random = {10};

    for (size_t i = 0; i < COUNT_OF(counts); i++)
        for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
            struct probed_store s;
            probe_keys keys;

            if (counts[i] > 100000 && test_is_sanitized())
                continue;
            probe_keys_spread(&random, counts[i], &keys);
            probed_open(state, keys, flags, flags ? other : IKV_BACKEND_PREAD, &s);
            assert_batches(&random, &s);
            probed_close(&s);
        }
}

static void stores_of_all_key_types(void **state)
{
    const ikv_backend other = other_backend(state);
    rng_state random = {24};

    for (size_t t = 0; t < hostkey_type_count; t++) {
        struct probed_store s;
        probe_keys keys;

        probe_keys_random(&random, hostkey_types[t], 1500, (model_keys)(t % 4), 0, &keys);
        probed_open(state, keys, t % 2 ? IKV_WRITE_PLAIN : 0, t % 3 ? other : IKV_BACKEND_PREAD,
                    &s);
        assert_batches(&random, &s);
        probed_close(&s);
    }
}

static void unknown_probe_is_invalid(void **state)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    rng_state random = {1};
    struct probed_store s;
    probe_keys keys;
    uint64_t key = 1;
    ikv_error err;

    probe_keys_spread(&random, 10, &keys);
    probed_open(state, keys, 0, IKV_BACKEND_PREAD, &s);
    options.probe = (ikv_probe)2;
    assert_failed(ikv_get_many(s.store, &key, 1, &options, s.result, &err), IKV_E_INVALID, &err,
                  NULL);
    probed_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_of_all_sizes),
        cmocka_unit_test(stores_of_all_key_types),
        cmocka_unit_test(unknown_probe_is_invalid),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
