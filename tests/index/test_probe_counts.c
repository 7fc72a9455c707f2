/*
 * The search as a state machine over an index in memory, compared with the naive model: answers and
 * the exact number of probes of each level, for pages and for single entries, in every order of
 * completions.
 */
#include "core/index/search.h"

#include "hostkey.h"
#include "probe_keys.h"
#include "probe_model.h"
#include "rng.h"
#include "scale.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define POSITION(entry)       (UINT64_C(24) + 5 * (uint64_t)(entry))
#define FIRST(geometry, page) ((size_t)ikv_page_first_entry((geometry), (page)))

/* ---------------------------------------------------------------- an index in memory */

struct memory_index {
    struct ikv_key_info key;
    size_t stride;
    probe_keys keys;
    bool unique;
    unsigned char *bytes; /* as in a file */
    struct ikv_geometry pages;
    struct ikv_geometry entries;
};

/* Takes ownership of the keys. */
static void index_init(struct memory_index *index, probe_keys keys, size_t stride)
{
    rng_state garbage = {keys.count};

    memset(index, 0, sizeof(*index));
    assert_true(ikv_key_describe(keys.type, &index->key));
    index->keys = keys;
    index->stride = stride;
    index->unique = true;
    index->bytes = must_malloc(keys.count * stride);
    rng_fill(&garbage, index->bytes, keys.count * stride); /* padding may have any contents */
    for (size_t i = 0; i < keys.count; i++) {
        unsigned char *entry = index->bytes + i * stride;
        unsigned char host[IKV_KEY_WIDTH_MAX];

        hostkey_from_ordered(keys.type, probe_key_at(&keys, i), host);
        hostkey_to_file(keys.type, host, entry);
        for (size_t b = 0; b < 8; b++)
            entry[keys.width + b] = (unsigned char)(POSITION(i) >> (8 * b) & 0xff);
        if (i > 0 && memcmp(probe_key_at(&keys, i - 1), probe_key_at(&keys, i), keys.width) == 0)
            index->unique = false;
    }
    ikv_geometry_set(&index->pages, &index->key, (uint32_t)stride, 4096, keys.count);
    index->entries = ikv_geometry_of_entries(&index->pages);
}

static void index_free(struct memory_index *index)
{
    probe_keys_free(&index->keys);
    free(index->bytes);
}

static void random_index(rng_state *random, ikv_key_type type, struct memory_index *ret)
{
    const size_t stride = hostkey_layout(type, 0).stride + 8 * (size_t)rng_below(random, 2);
    const size_t in_page = 4096 / stride;
    const size_t counts[] = {0, 1, 2, in_page, in_page + 1, 2 * in_page, 500, 5 * in_page + 3};
    const size_t count = rng_below(random, 2) == 0 ? counts[rng_below(random, COUNT_OF(counts))]
                                                   : (size_t)rng_below(random, 2000);
    probe_keys keys;

    probe_keys_random(random, type, count, (model_keys)rng_below(random, 4),
                      rng_below(random, 3) == 0, &keys);
    index_init(ret, keys, stride);
}

/* ---------------------------------------------------------------- the state machine */

/* Order in which reads complete. BARRIER: in any order within a level, but all of a level before
 * the next one begins. */
enum order { FIFO, LIFO, SHUFFLED, BARRIER, ORDERS };

struct machine {
    const struct memory_index *index;
    struct ikv_search search;
    struct ikv_fences fences;
    uint32_t *pending; /* chunks taken and not yet fed */
    size_t pending_count;
    probe_counts counts;
    size_t *answers;
};

/* The words of a key, made by the library in the same way as for a batch. */
static void load_words(const struct memory_index *index, const unsigned char *ordered,
                       uint64_t *words)
{
    unsigned char host[IKV_KEY_WIDTH_MAX];
    unsigned char stored[IKV_KEY_WIDTH_MAX];

    hostkey_from_ordered(index->keys.type, ordered, host);
    ikv_key_swap_host(&index->key, host, stored);
    ikv_key_load(&index->key, stored, words);
}

static void machine_open(struct machine *m, const struct memory_index *index,
                         const struct ikv_geometry *geometry, size_t fence_step,
                         const probe_keys *batch, ikv_match match)
{
    const uint32_t words = index->key.words;
    const size_t count = batch->count;
    uint64_t *entries = must_malloc(count * (words + 1) * sizeof(*entries));

    memset(m, 0, sizeof(*m));
    m->index = index;
    m->pending = must_malloc(count * sizeof(*m->pending));
    m->answers = must_malloc(count * sizeof(*m->answers));
    for (size_t i = 0; i < count; i++)
        load_words(index, probe_key_at(batch, i), entries + i * (words + 1));
    if (fence_step > 0) {
        m->fences.step = fence_step;
        m->fences.words = words;
        m->fences.count = (geometry->pages + fence_step - 1) / fence_step;
        m->fences.keys = must_malloc((size_t)m->fences.count * words * sizeof(uint64_t));
        for (size_t f = 0; f < m->fences.count; f++)
            load_words(index, probe_key_at(&index->keys, FIRST(geometry, f * fence_step)),
                       m->fences.keys + f * words);
    }
    m->search = (struct ikv_search){
        .index = geometry,
        .fences = fence_step > 0 ? &m->fences : &ikv_no_fences,
        .match = match,
        .keys = {entries, words + 1, (uint32_t)count},
        .chunks = must_malloc(count * sizeof(struct ikv_chunk)),
        .hits = must_malloc(count * sizeof(struct ikv_hit)),
        .status = must_malloc(count * sizeof(int32_t)),
        .matched = match == IKV_EXACT ? NULL : must_malloc(count * index->key.width),
    };
    memset(m->search.status, 0x7f, count * sizeof(int32_t));
}

static void machine_close(struct machine *m)
{
    free((void *)(uintptr_t)m->search.keys.entries);
    free(m->search.chunks);
    free(m->search.hits);
    free(m->search.status);
    free(m->search.matched);
    free(m->fences.keys);
    free(m->pending);
    free(m->answers);
}

/* Take the next probe. Returns false if there is none. */
static bool take(struct machine *m)
{
    uint64_t page = 0;
    uint64_t peeked = ikv_search_peek(&m->search);
    uint32_t chunk = ikv_search_next(&m->search, &page);

    if (chunk == IKV_NO_CHUNK) {
        assert_true(peeked == UINT64_MAX);
        return false;
    }
    assert_true(chunk < m->search.keys.count);
    assert_int_equal(page, peeked);
    assert_true(page < m->search.index->pages);
    uint32_t level = m->search.chunks[chunk].level;
    assert_true(level < IKV_LEVELS_MAX);
    m->counts.total++;
    m->counts.level[level]++;
    if (m->counts.levels <= level)
        m->counts.levels = level + 1;
    m->pending[m->pending_count++] = chunk;
    return true;
}

/* Feed a pending chunk. Passes a copy of the page of exactly its size, freed afterwards, so that
 * sanitizers notice reads beyond it and later ones. */
static void feed(struct machine *m, size_t at)
{
    const struct ikv_geometry *geometry = m->search.index;
    const uint32_t chunk = m->pending[at];
    const uint64_t number = ikv_chunk_page(&m->search.chunks[chunk]);
    const size_t first = FIRST(geometry, number);
    const size_t count = FIRST(geometry, number + 1) - first;
    unsigned char *copy = must_malloc(count * m->index->stride);

    memcpy(copy, m->index->bytes + first * m->index->stride, count * m->index->stride);
    memmove(m->pending + at, m->pending + at + 1,
            (m->pending_count - at - 1) * sizeof(*m->pending));
    m->pending_count--;
    ikv_search_feed(
        &m->search, chunk,
        &(struct ikv_page){.number = number, .entries = copy, .count = (uint32_t)count});
    free(copy);
}

static void run_in_levels(struct machine *m, rng_state *random)
{
    while (take(m)) {
        const uint32_t level = m->search.chunks[m->pending[0]].level;

        while (take(m))
            ;
        for (size_t i = 0; i < m->pending_count; i++)
            assert_int_equal(m->search.chunks[m->pending[i]].level, level);
        while (m->pending_count > 0)
            feed(m, (size_t)rng_below(random, m->pending_count));
    }
}

static void run(struct machine *m, enum order order, rng_state *random)
{
    const size_t window = 1 + (size_t)rng_below(random, 100);

    ikv_search_begin(&m->search);
    if (order == BARRIER) {
        run_in_levels(m, random);
        return;
    }
    for (;;) {
        while (m->pending_count < window && take(m))
            ;
        if (m->pending_count == 0)
            return;
        if (order == FIFO)
            feed(m, 0);
        else if (order == LIFO)
            feed(m, m->pending_count - 1);
        else
            feed(m, (size_t)rng_below(random, m->pending_count));
    }
}

/* Convert hits to answers. Every key must have a status, and only found keys a hit. */
static void collect_answers(struct machine *m)
{
    const struct ikv_search *search = &m->search;
    const size_t width = m->index->key.width;
    size_t found = 0;

    assert_int_equal(search->corrupt_pages, 0);
    for (uint32_t key = 0; key < search->keys.count; key++) {
        m->answers[key] = PROBE_NO_ENTRY;
        assert_true(search->status[key] == IKV_FOUND || search->status[key] == IKV_MISSING);
        found += search->status[key] == IKV_FOUND;
    }
    assert_int_equal(search->hit_count, found);
    for (uint32_t i = 0; i < search->hit_count; i++) {
        const struct ikv_hit *hit = &search->hits[i];
        size_t entry = (size_t)((hit->position - POSITION(0)) / 5);

        assert_true(hit->key < search->keys.count);
        assert_int_equal(search->status[hit->key], IKV_FOUND);
        assert_true(m->answers[hit->key] == PROBE_NO_ENTRY);
        assert_true(entry < m->index->keys.count && hit->position == POSITION(entry));
        m->answers[hit->key] = entry;
        if (search->match != IKV_EXACT)
            assert_memory_equal(search->matched + hit->key * width,
                                m->index->bytes + entry * m->index->stride, width);
    }
}

/* ---------------------------------------------------------------- comparisons */

/* The number of smaller keys determines the right entry. Any entry with an equal key is right. */
static void assert_answer(const struct memory_index *index, const unsigned char *key,
                          ikv_match match, size_t answer)
{
    const size_t less = probe_keys_rank(&index->keys, key, 0);
    const bool present = probe_keys_rank(&index->keys, key, 1) > less;
    size_t right = less;

    if (!present && match == IKV_EXACT)
        right = PROBE_NO_ENTRY;
    else if (!present && match == IKV_FLOOR)
        right = less > 0 ? less - 1 : PROBE_NO_ENTRY;
    else if (less == index->keys.count)
        right = PROBE_NO_ENTRY;
    if (right == PROBE_NO_ENTRY || answer == PROBE_NO_ENTRY || index->unique)
        assert_true(answer == right);
    else
        assert_memory_equal(probe_key_at(&index->keys, answer), probe_key_at(&index->keys, right),
                            index->keys.width);
}

static void assert_counts(const probe_counts *counted, const probe_counts *expected)
{
    for (uint32_t level = 0; level < IKV_LEVELS_MAX; level++)
        if (counted->level[level] != expected->level[level])
            fail_msg("level %u: %llu probes, %llu in the model", level,
                     (unsigned long long)counted->level[level],
                     (unsigned long long)expected->level[level]);
    assert_int_equal(counted->total, expected->total);
    assert_int_equal(counted->levels, expected->levels);
}

/* One batch, in every order of completions. *ret_counts are the probes in the model. */
static void assert_batch(const struct memory_index *index, const probe_model *model,
                         const probe_keys *batch, ikv_match match, rng_state *random,
                         probe_counts *ret_counts)
{
    size_t *answers = must_malloc(batch->count * sizeof(*answers));

    probe_model_search(model, batch->keys, batch->count, match, answers, ret_counts);
    for (size_t key = 0; key < batch->count; key++)
        assert_answer(index, probe_key_at(batch, key), match, answers[key]);
    for (int order = 0; order < ORDERS; order++) {
        struct machine m;

        machine_open(&m, index, model->page_size == PROBE_ENTRIES ? &index->entries : &index->pages,
                     model->fence_step, batch, match);
        run(&m, (enum order)order, random);
        collect_answers(&m);
        assert_counts(&m.counts, ret_counts);
        for (size_t key = 0; key < batch->count; key++) {
            if (index->unique)
                assert_true(m.answers[key] == answers[key]);
            assert_answer(index, probe_key_at(batch, key), match, m.answers[key]);
        }
        machine_close(&m);
    }
    free(answers);
}

/* ---------------------------------------------------------------- tests */

static void random_batches(ikv_key_type type, size_t page_size, size_t step, rng_state *random)
{
    struct memory_index index;
    probe_model model;

    random_index(random, type, &index);
    probe_model_init(&model, index.keys.keys, index.keys.width, index.keys.count, index.stride,
                     page_size, step);
    for (int kind = 0; kind < BATCH_KINDS; kind++) {
        probe_keys batch;
        probe_counts counts;

        probe_keys_batch(random, &index.keys, (probe_batch)kind, &batch);
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
            assert_batch(&index, &model, &batch, (ikv_match)match, random, &counts);
        probe_keys_free(&batch);
    }
    probe_model_free(&model);
    index_free(&index);
}

static void page_probes_match_model(void **state)
{
    rng_state random = {4096};

    (void)state;
    for (size_t round = 0; round < test_scaled(2); round++)
        for (size_t t = 0; t < hostkey_type_count; t++)
            random_batches(hostkey_types[t], IKV_PAGE_SIZE, 0, &random);
}

static void page_probes_with_fences_match_model(void **state)
{
    static const size_t steps[] = {1, 2, 3, 7};
    rng_state random = {1};

    (void)state;
    for (size_t round = 0; round < test_scaled(4); round++)
        for (size_t t = 0; t < hostkey_type_count; t++)
            random_batches(hostkey_types[t], IKV_PAGE_SIZE,
                           steps[rng_below(&random, COUNT_OF(steps))], &random);
}

static void entry_probes_match_model(void **state)
{
    rng_state random = {16};

    (void)state;
    for (size_t round = 0; round < test_scaled(2); round++)
        for (size_t t = 0; t < hostkey_type_count; t++)
            random_batches(hostkey_types[t], PROBE_ENTRIES, 0, &random);
}

/* 1,000 keys of 10^6 share the probes of the first levels only: about nine probes per key. */
static void nine_probes_per_key(void **state)
{
    rng_state random = {1000000};
    struct memory_index index;
    probe_model model;
    probe_keys keys;

    (void)state;
    probe_keys_spread(&random, 1000000, &keys);
    index_init(&index, keys, 16);
    probe_model_init(&model, keys.keys, keys.width, keys.count, 16, PROBE_ENTRIES, 0);
    for (int round = 0; round < 3; round++) {
        probe_keys batch;
        probe_counts counts;

        probe_keys_sample(&random, &index.keys, 1000, &batch);
        assert_batch(&index, &model, &batch, IKV_EXACT, &random, &counts);
        assert_in_range(counts.total, 8500, 10500);
        probe_keys_free(&batch);
    }
    probe_model_free(&model);
    index_free(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_probes_match_model),
        cmocka_unit_test(page_probes_with_fences_match_model),
        cmocka_unit_test(entry_probes_match_model),
        cmocka_unit_test(nine_probes_per_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
