#include "search_driver.h"

#include "hostkey.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- indexes */

uint64_t index_position(uint64_t entry)
{
    return 24 + 16 * entry;
}

uint64_t index_entry(uint64_t position)
{
    assert_int_equal((position - 24) % 16, 0);
    return (position - 24) / 16;
}

static void set_geometry(memory_index *index, ikv_key_type type, size_t stride, uint64_t count)
{
    struct ikv_key_info info;

    assert_true(ikv_key_describe(type, &info));
    stride = hostkey_layout(type, stride).stride;
    ikv_geometry_set(&index->geometry, &info, (uint32_t)stride, 0, count);
    index->entries = must_malloc((size_t)count * stride);
    memset(index->entries, 0, (size_t)count * stride);
}

static void put_position(memory_index *index, uint64_t entry)
{
    unsigned char *at = index->entries + entry * index->geometry.stride + index->geometry.key.width;

    for (unsigned byte = 0; byte < 8; byte++)
        at[byte] = (unsigned char)(index_position(entry) >> (8 * byte));
}

void index_from_model(memory_index *ret, const store_model *model, size_t stride)
{
    set_geometry(ret, model->type, stride, model->sorted_count);
    for (size_t i = 0; i < model->sorted_count; i++) {
        hostkey_to_file(model->type, model->sorted[i]->key,
                        ret->entries + i * ret->geometry.stride);
        put_position(ret, i);
    }
}

void index_of_numbers(memory_index *ret, uint64_t count)
{
    set_geometry(ret, IKV_KEY_U64, 0, count);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t key = 10 * i + 5;

        hostkey_to_file(IKV_KEY_U64, &key, ret->entries + i * ret->geometry.stride);
        put_position(ret, i);
    }
}

void index_free(memory_index *index)
{
    free(index->entries);
}

unsigned char *index_page_bytes(const memory_index *index, uint64_t page)
{
    return index->entries + ikv_page_offset(&index->geometry, page);
}

void index_first_key(const memory_index *index, uint64_t page, uint64_t *ret_words)
{
    ikv_key_load(&index->geometry.key, index_page_bytes(index, page), ret_words);
}

/* ---------------------------------------------------------------- fences */

void fences_of_pages(struct ikv_fences *ret, const memory_index *index, const uint32_t *pages,
                     uint64_t count)
{
    const uint32_t words = index->geometry.key.words;

    *ret = (struct ikv_fences){.count = count, .words = words, .step = 1};
    ret->keys = must_malloc((size_t)count * words * sizeof(uint64_t) + 1);
    ret->pages = must_malloc((size_t)count * sizeof(uint32_t) + 1);
    for (uint64_t i = 0; i < count; i++) {
        index_first_key(index, pages[i], ret->keys + i * words);
        ret->pages[i] = pages[i];
    }
}

void fences_of_steps(struct ikv_fences *ret, const memory_index *index, uint64_t step)
{
    const uint64_t pages = index->geometry.pages;
    const uint64_t count = pages ? (pages - 1) / step + 1 : 0;
    const uint32_t words = index->geometry.key.words;

    *ret = (struct ikv_fences){.count = count, .words = words, .step = step};
    ret->keys = must_malloc((size_t)count * words * sizeof(uint64_t) + 1);
    for (uint64_t i = 0; i < count; i++)
        index_first_key(index, i * step, ret->keys + i * words);
}

void fences_free(struct ikv_fences *fences)
{
    free(fences->keys);
    free(fences->pages);
}

/* ---------------------------------------------------------------- batches */

typedef struct ordered_key {
    unsigned char bytes[IKV_KEY_WIDTH_MAX];
} ordered_key;

static int by_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(ordered_key));
}

void batch_make(key_batch *ret, ikv_key_type type, const unsigned char *keys, size_t count)
{
    const size_t width = hostkey_width(type);
    ordered_key *ordered = must_malloc(count * sizeof(*ordered) + 1);
    struct ikv_key_info info;

    assert_true(ikv_key_describe(type, &info));
    memset(ordered, 0, count * sizeof(*ordered));
    for (size_t i = 0; i < count; i++)
        hostkey_to_ordered(type, keys + i * width, ordered[i].bytes);
    qsort(ordered, count, sizeof(*ordered), by_order);
    ret->keys = must_malloc(count * width + 1);
    ret->words = must_malloc(count * (info.words + 1) * sizeof(uint64_t) + 1);
    ret->count = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned char *key = ret->keys + ret->count * width;
        unsigned char stored[IKV_KEY_WIDTH_MAX];

        if (i > 0 && by_order(&ordered[i], &ordered[i - 1]) == 0)
            continue;
        hostkey_from_ordered(type, ordered[i].bytes, key);
        hostkey_to_file(type, key, stored);
        ikv_key_load(&info, stored, ret->words + ret->count * (info.words + 1));
        ret->count++;
    }
    free(ordered);
}

void batch_free(key_batch *batch)
{
    free(batch->keys);
    free(batch->words);
}

/* ---------------------------------------------------------------- searching */

#define NO_STATUS (-1)
#define IN_FLIGHT 16

typedef struct in_flight {
    uint32_t chunk;
    uint64_t page;
} in_flight;

/* Passes a copy of the page of exactly its size, so that sanitizers notice reads beyond it. */
static void feed(struct ikv_search *search, const memory_index *index, in_flight probe,
                 struct ikv_learned *learned)
{
    const struct ikv_geometry *geometry = &index->geometry;
    const uint64_t first = ikv_page_first_entry(geometry, probe.page);
    const uint64_t end = ikv_page_first_entry(geometry, probe.page + 1);
    const size_t size = (size_t)(end - first) * geometry->stride;
    unsigned char *copy = must_malloc(size);
    struct ikv_page page = {
        .number = probe.page, .entries = copy, .count = (uint32_t)(end - first)};

    memcpy(copy, index_page_bytes(index, probe.page), size);
    ikv_search_feed(search, probe.chunk, &page);
    if (learned != NULL)
        ikv_learn_note(learned, geometry, search->fences, &page);
    free(copy);
}

static void collect_hits(search_answers *answers, const struct ikv_search *search)
{
    for (uint32_t i = 0; i < search->hit_count; i++) {
        const uint64_t key = search->hits[i].key;

        assert_in_range(key, 0, search->keys.count - 1);
        assert_int_equal(answers->positions[key], 0);
        assert_int_equal(answers->status[key], IKV_FOUND);
        answers->positions[key] = search->hits[i].position;
    }
    for (uint32_t key = 0; key < search->keys.count; key++) {
        assert_int_not_equal(answers->status[key], NO_STATUS);
        if (answers->status[key] == IKV_FOUND)
            assert_int_not_equal(answers->positions[key], 0);
    }
    answers->corrupt_pages = search->corrupt_pages;
}

void search_run(search_answers *ret, const memory_index *index, const struct ikv_fences *fences,
                const key_batch *batch, ikv_match match, rng_state *rng, uint64_t max_probes,
                struct ikv_learned *learned)
{
    const uint32_t words = index->geometry.key.words;
    const size_t count = batch->count;
    in_flight probes[IN_FLIGHT];
    size_t flying = 0;

    *ret = (search_answers){.match = match};
    ret->status = must_malloc(count * sizeof(int32_t) + 1);
    ret->positions = must_malloc(count * sizeof(uint64_t) + 1);
    ret->matched = must_malloc(count * index->geometry.key.width + 1);
    memset(ret->positions, 0, count * sizeof(uint64_t));
    for (size_t i = 0; i < count; i++)
        ret->status[i] = NO_STATUS;
    struct ikv_search search = {
        .index = &index->geometry,
        .fences = fences,
        .match = match,
        .keys = {batch->words, words + 1, batch->count},
        .chunks = must_malloc(count * sizeof(struct ikv_chunk) + 1),
        .hits = must_malloc(count * sizeof(struct ikv_hit) + 1),
        .status = ret->status,
        .matched = ret->matched,
    };
    ikv_search_begin(&search);
    for (;;) {
        if (flying < IN_FLIGHT && rng_below(rng, 3) > 0) {
            in_flight *probe = &probes[flying];

            probe->chunk = ikv_search_next(&search, &probe->page);
            if (probe->chunk != IKV_NO_CHUNK) {
                const uint32_t depth = search.chunks[probe->chunk].level + 1;

                assert_true(probe->page < index->geometry.pages);
                assert_true(++ret->probes <= max_probes);
                ret->depth = depth > ret->depth ? depth : ret->depth;
                flying++;
                continue;
            }
            if (flying == 0)
                break;
        }
        if (flying > 0) {
            const size_t chosen = (size_t)rng_below(rng, flying);

            feed(&search, index, probes[chosen], learned);
            probes[chosen] = probes[--flying];
        }
    }
    collect_hits(ret, &search);
    free(search.chunks);
    free(search.hits);
}

void answers_free(search_answers *answers)
{
    free(answers->status);
    free(answers->positions);
    free(answers->matched);
}

void assert_answers(const search_answers *answers, const store_model *model, const key_batch *batch)
{
    const size_t width = hostkey_width(model->type);

    assert_int_equal(answers->corrupt_pages, 0);
    for (uint32_t i = 0; i < batch->count; i++) {
        const unsigned char *key = batch->keys + i * width;
        const model_pair *expected = model_find(model, key, answers->match);
        unsigned char stored[IKV_KEY_WIDTH_MAX];
        uint64_t entry;

        if (expected == NULL) {
            assert_int_equal(answers->status[i], IKV_MISSING);
            continue;
        }
        assert_int_equal(answers->status[i], IKV_FOUND);
        entry = index_entry(answers->positions[i]);
        assert_true(entry < model->sorted_count);
        assert_memory_equal(model->sorted[entry]->key, expected->key, width);
        hostkey_to_file(model->type, expected->key, stored);
        if (answers->match != IKV_EXACT)
            assert_memory_equal(answers->matched + i * width, stored, width);
    }
}
