#include "families/small_batches.h"
#include "families/families.h"
#include "harness/subject.h"
#include "subjects/engines.h"
#include "subjects/lookups.h"

#include <inttypes.h>
#include <stdlib.h>

void small_batches_init(struct small_batches *batches, const struct options *options, bool cold)
{
    *batches = (struct small_batches){.data = {.directory = options->data,
                                               .pairs = options->pairs,
                                               .value_size = MAIN_VALUE_SIZE},
                                      .cold = cold};
}

static int choose_keys(struct small_batches *batches)
{
    const size_t count = (size_t)SMALL_BATCHES * SMALL_BATCH_KEYS;

    batches->numbers = malloc(count * sizeof *batches->numbers);
    batches->keys = malloc(count * sizeof *batches->keys);
    if (!batches->numbers || !batches->keys)
        return -1;
    for (size_t i = 0; i < count; i++) {
        batches->numbers[i] = dataset_key(~(uint64_t)i) % batches->data.pairs;
        batches->keys[i] = dataset_key(batches->numbers[i]);
    }
    return 0;
}

int small_batches_open(void *user, struct bench_error *error)
{
    struct small_batches *batches = user;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_error err = {.message = "out of memory"};

    int code = dataset_ensure(&batches->data, batches->path, sizeof batches->path, error);
    if (code != BENCH_OK)
        return code;
    if (choose_keys(batches) != 0 || engines_open(0, 0, &batches->engine, &err) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    options.engine = batches->engine;
    options.backend = batches->cold ? IKV_BACKEND_URING : IKV_BACKEND_PREAD;
    options.flags = batches->cold ? IKV_OPEN_DIRECT : 0;
    code = ikv_open(batches->path, &options, &batches->store, &err);
    if (code < 0)
        return bench_error_set(error, lookups_is_unavailable(code) ? BENCH_SKIPPED : BENCH_FAILED,
                               "%s", err.message);
    return batches->cold ? BENCH_OK : dataset_warm(batches->path, error);
}

void small_batches_close(void *user)
{
    struct small_batches *batches = user;

    ikv_close(batches->store);
    engines_close(batches->engine);
    free(batches->numbers);
    free(batches->keys);
    free(user);
}

const uint64_t *small_batches_keys(const struct small_batches *batches, uint64_t batch)
{
    return batches->keys + batch % SMALL_BATCHES * SMALL_BATCH_KEYS;
}

int small_batches_check(const struct small_batches *batches, uint64_t batch,
                        const ikv_result *result, struct bench_error *error)
{
    const uint64_t *numbers = batches->numbers + batch % SMALL_BATCHES * SMALL_BATCH_KEYS;
    const ikv_item *items = ikv_result_items(result);

    for (int i = 0; i < SMALL_BATCH_KEYS; i++) {
        if (!dataset_is_answer(&batches->data, numbers[i], &items[i]))
            return bench_error_set(error, BENCH_FAILED, "wrong answer for pair %" PRIu64,
                                   numbers[i]);
    }
    return BENCH_OK;
}

void small_batches_label(const struct small_batches *batches, struct bench_state *state,
                         const struct process_io *start, uint64_t bytes, const ikv_stats *last)
{
    const struct process_io since = process_io_since(start);
    char how[256];

    subject_label(state, batches->cold ? SOURCE_DEVICE : SOURCE_PAGE_CACHE, &since, bytes,
                  engines_describe(last, how, sizeof how));
}
