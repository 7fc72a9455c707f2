/*
 *   sort/words:W/count:N   random entries of W words, as sorted by batches and builds
 */
#include "core/sort/sort.h"
#include "harness/harness.h"
#include "micro/micro.h"

#include <stdlib.h>
#include <string.h>

struct sort {
    size_t count;
    uint32_t words;
    uint64_t *random;
    uint64_t *entries;
    uint64_t *scratch;
};

static int set_up(void *user, struct bench_error *error)
{
    struct sort *sort = user;
    const size_t words = sort->count * sort->words;
    uint64_t state = 0;

    (void)error;
    sort->random = bench_alloc(words * sizeof(uint64_t));
    sort->entries = bench_alloc(words * sizeof(uint64_t));
    sort->scratch = bench_alloc(words * sizeof(uint64_t));
    for (size_t i = 0; i < words; i++)
        sort->random[i] = micro_random(&state);
    return BENCH_OK;
}

static void tear_down(void *user)
{
    struct sort *sort = user;

    free(sort->random);
    free(sort->entries);
    free(sort->scratch);
    free(sort);
}

static bool is_sorted(const struct sort *sort)
{
    for (size_t i = 1; i < sort->count; i++) {
        if (sort->entries[(i - 1) * sort->words] > sort->entries[i * sort->words])
            return false;
    }
    return true;
}

/* The time includes copying the input, a hundredth of that of sorting. Pausing would take 1 us. */
static void run(struct bench_state *state)
{
    const struct sort *sort = bench_user(state);
    struct bench_error error;
    uint64_t rounds = 0;

    for (; bench_keep_running(state); rounds++) {
        memcpy(sort->entries, sort->random, sort->count * sort->words * sizeof(uint64_t));
        ikv_sort_entries(sort->entries, sort->scratch, sort->count, sort->words);
    }
    if (!is_sorted(sort)) {
        (void)bench_error_set(&error, BENCH_FAILED, "not sorted");
        bench_stop(state, BENCH_FAILED, &error);
        return;
    }
    bench_items(state, rounds * sort->count);
}

void sort_register(void)
{
    static const struct {
        uint32_t words;
        size_t count;
    } cases[] = {{2, 16}, {2, 1000}, {2, 10000}, {2, 1000000}, {3, 1000}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sort *sort = bench_alloc(sizeof *sort);
        sort->words = cases[i].words;
        sort->count = cases[i].count;
        bench_register(
            &(struct bench){.name = "sort",
                            .args = {{"words", cases[i].words}, {"count", (int64_t)cases[i].count}},
                            .run = run,
                            .set_up = set_up,
                            .tear_down = tear_down,
                            .user = sort});
    }
}
