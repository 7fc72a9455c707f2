/*
 *   search/fences/batch:N, /none   the search without I/O: sorted keys in an index in memory, with
 *                                  all fences, or without
 */
#include "core/index/search.h"
#include "harness/harness.h"
#include "micro/micro.h"

#include <stdlib.h>

#define ENTRIES 1000000
#define ROUNDS  64 /* batches, then they repeat */

struct search {
    size_t batch;
    bool has_fences;
    struct ikv_geometry geometry;
    unsigned char *index;
    uint64_t *keys; /* of all rounds */
    struct ikv_fences fences;
    struct ikv_chunk *chunks;
    struct ikv_hit *hits;
    int32_t *status;
    unsigned char *matched;
};

/* The i-th key. */
static uint64_t key_of(uint64_t i)
{
    return i * (UINT64_MAX / ENTRIES);
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Batches of unique keys in ascending order: one from each part of the index. */
static void choose_keys(struct search *search)
{
    const uint64_t part = ENTRIES / search->batch;
    uint64_t state = 0;

    for (size_t i = 0; i < ROUNDS * search->batch; i++)
        search->keys[i] = key_of(i % search->batch * part + micro_random(&state) % part);
    for (size_t i = 0; i < ROUNDS; i++)
        qsort(search->keys + i * search->batch, search->batch, sizeof *search->keys, compare);
}

static int set_up(void *user, struct bench_error *error)
{
    struct search *search = user;
    struct ikv_geometry *geometry = &search->geometry;
    struct ikv_key_info key;

    if (!ikv_key_describe(IKV_KEY_U64, &key))
        return bench_error_set(error, BENCH_FAILED, "no u64");
    ikv_geometry_set(geometry, &key, ikv_key_stride(&key), 0, ENTRIES);
    search->index = bench_alloc((size_t)ENTRIES * geometry->stride);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        const uint64_t words = key_of(i);
        ikv_entry_encode(&key, geometry->stride, &words, i + 1,
                         search->index + i * geometry->stride);
    }
    search->fences = ikv_no_fences;
    if (search->has_fences) {
        search->fences =
            (struct ikv_fences){.keys = bench_alloc(geometry->pages * sizeof(uint64_t)),
                                .count = geometry->pages,
                                .step = 1,
                                .words = 1};
        for (uint64_t page = 0; page < geometry->pages; page++)
            search->fences.keys[page] = key_of(ikv_page_first_entry(geometry, page));
    }
    search->keys = bench_alloc(ROUNDS * search->batch * sizeof *search->keys);
    search->chunks = bench_alloc(search->batch * sizeof *search->chunks);
    search->hits = bench_alloc(search->batch * sizeof *search->hits);
    search->status = bench_alloc(search->batch * sizeof *search->status);
    search->matched = bench_alloc(search->batch * sizeof(uint64_t));
    choose_keys(search);
    return BENCH_OK;
}

static void tear_down(void *user)
{
    struct search *search = user;

    free(search->index);
    free(search->keys);
    if (search->has_fences)
        free(search->fences.keys);
    free(search->chunks);
    free(search->hits);
    free(search->status);
    free(search->matched);
    free(search);
}

/* Returns the number of keys found; adds to *probes. */
static uint32_t search_once(const struct search *search, const uint64_t *keys, uint64_t *probes)
{
    const struct ikv_geometry *geometry = &search->geometry;
    struct ikv_search run = {.index = geometry,
                             .fences = &search->fences,
                             .match = IKV_EXACT,
                             .keys = {keys, 1, (uint32_t)search->batch},
                             .chunks = search->chunks,
                             .hits = search->hits,
                             .status = search->status,
                             .matched = search->matched};
    uint64_t number = 0;
    uint32_t chunk = 0;

    ikv_search_begin(&run);
    while ((chunk = ikv_search_next(&run, &number)) != IKV_NO_CHUNK) {
        const uint64_t first = ikv_page_first_entry(geometry, number);
        struct ikv_page page = {.number = number,
                                .entries = search->index + first * geometry->stride,
                                .count =
                                    (uint32_t)(ikv_page_first_entry(geometry, number + 1) - first)};
        ikv_search_feed(&run, chunk, &page);
        ++*probes;
    }
    return run.hit_count;
}

static void run_search(struct bench_state *state)
{
    const struct search *search = bench_user(state);
    struct bench_error error;
    uint64_t probes = 0;
    uint64_t rounds = 0;

    for (; bench_keep_running(state); rounds++) {
        const uint64_t *keys = search->keys + rounds % ROUNDS * search->batch;
        if (search_once(search, keys, &probes) != search->batch) {
            (void)bench_error_set(&error, BENCH_FAILED, "a key was not found");
            bench_stop(state, BENCH_FAILED, &error);
            return;
        }
    }
    bench_items(state, rounds * search->batch);
    bench_counter(state, "probes_per_item", (double)probes, BENCH_PER_ITEM);
}

void search_register(void)
{
    static const size_t sizes[] = {16, 1000, 10000};

    for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
        struct search *search = bench_alloc(sizeof *search);
        search->batch = sizes[i / 2];
        search->has_fences = i % 2 == 0;
        bench_register(&(struct bench){.name = i % 2 ? "search/none" : "search/fences",
                                       .args = {{"batch", (int64_t)search->batch}},
                                       .run = run_search,
                                       .set_up = set_up,
                                       .tear_down = tear_down,
                                       .user = search});
    }
}
