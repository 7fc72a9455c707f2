/*
 * The backends, and the overhead of an engine.
 *
 *   backends/BACKEND/batch:N   warm batches with default options
 *   engine/inline/keys:1       an absent key, looked up by pread on the calling thread
 *   engine/idle/keys:1         the same, submitted to an engine with a sleeping worker
 *   engine/busy/keys:1         the same with 64 batches in flight, so that the worker is awake
 *
 * The key is less than all keys of the store, so its lookup needs no read, and only the overhead of
 * the call is measured.
 */
#include "data/key_pool.h"
#include "families/families.h"
#include "peers/peer_indexkv.h"
#include "peers/peer_lookups.h"
#include "subjects/engines.h"

#include <limits.h>
#include <stdlib.h>

#define IN_FLIGHT 64

/* ---------------------------------------------------------------- backends */

static void register_backend(const struct options *options, const char *name, ikv_backend backend)
{
    static const size_t sizes[] = {1, 16, 1000};
    const struct dataset data = {
        .directory = options->data, .pairs = options->pairs, .value_size = MAIN_VALUE_SIZE};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const struct bench_arg args[BENCH_ARGS_MAX] = {{"batch", (int64_t)sizes[i]}};
        subject_register(name, args,
                         peer_batches_new(peer_indexkv_new(&data, backend, 1),
                                          key_pool_new(&data, KEYS_UNIFORM, sizes[i]), sizes[i]));
    }
}

/* ---------------------------------------------------------------- engine */

struct engine {
    struct dataset data;
    unsigned in_flight; /* batches; 0: on the calling thread */
    char path[PATH_MAX];
    ikv_engine *engine;
    ikv_store *store;
    ikv_result *results[IN_FLIGHT];
};

static const uint64_t absent = 0; /* checked by engine_set_up */

static int engine_set_up(void *user, struct bench_error *error)
{
    struct engine *engine = user;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_error err = {.message = "out of memory"};

    int code = dataset_ensure(&engine->data, engine->path, sizeof engine->path, error);
    if (code != BENCH_OK)
        return code;
    if (dataset_number((const unsigned char *)&absent) < engine->data.pairs)
        return bench_error_set(error, BENCH_FAILED, "key 0 is in the data set");
    options.backend = IKV_BACKEND_PREAD;
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        if (ikv_result_new(&engine->results[i]) < 0)
            return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    }
    if (engines_open(1, 0, &engine->engine, &err) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    options.engine = engine->engine;
    code = ikv_open(engine->path, &options, &engine->store, &err);
    return code < 0 ? bench_error_set(error, BENCH_FAILED, "%s", err.message) : BENCH_OK;
}

static void engine_tear_down(void *user)
{
    struct engine *engine = user;

    for (unsigned i = 0; i < IN_FLIGHT; i++)
        ikv_result_free(engine->results[i]);
    ikv_close(engine->store);
    engines_close(engine->engine);
    free(engine);
}

static bool is_missing(const ikv_result *result)
{
    return ikv_result_items(result)[0].status == IKV_MISSING;
}

static int look_up_inline(struct engine *engine)
{
    return ikv_get(engine->store, &absent, NULL, engine->results[0], NULL) == IKV_E_NOT_FOUND ? 0
                                                                                              : -1;
}

static int submit(struct engine *engine, uint64_t turn)
{
    return ikv_submit(engine->store, &absent, 1, NULL, NULL,
                      engine->results[turn % engine->in_flight], NULL);
}

/* Waits for the oldest batch. */
static int wait_for(struct engine *engine, uint64_t turn)
{
    ikv_result *result = engine->results[turn % engine->in_flight];

    return ikv_wait(result, NULL) == 0 && is_missing(result) ? 0 : -1;
}

static void run_engine(struct bench_state *state)
{
    struct engine *engine = bench_user(state);
    uint64_t submitted = 0;
    uint64_t done = 0;
    int code = 0;

    while (code == 0 && submitted + 1 < engine->in_flight)
        code = submit(engine, submitted++);
    const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    while (code == 0 && bench_keep_running(state)) {
        if (engine->in_flight == 0) {
            code = look_up_inline(engine);
        } else {
            code = submit(engine, submitted++);
            if (code == 0)
                code = wait_for(engine, done);
        }
        done++;
    }
    const double spent = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    for (uint64_t turn = done; code == 0 && turn < submitted; turn++)
        code = wait_for(engine, turn);
    if (code != 0) {
        struct bench_error error;
        (void)bench_error_set(&error, BENCH_FAILED, "a call failed, or the key was found");
        bench_stop(state, BENCH_FAILED, &error);
        return;
    }
    bench_items(state, done);
    bench_counter(state, "cpu_ns_per_item", spent * 1e9, BENCH_PER_ITEM);
}

static void register_engine(const struct options *options, const char *name, unsigned in_flight)
{
    struct engine *engine = bench_alloc(sizeof *engine);

    engine->data = (struct dataset){
        .directory = options->data, .pairs = options->pairs, .value_size = MAIN_VALUE_SIZE};
    engine->in_flight = in_flight;
    bench_register(&(struct bench){.name = name,
                                   .args = {{"keys", 1}},
                                   .run = run_engine,
                                   .set_up = engine_set_up,
                                   .tear_down = engine_tear_down,
                                   .user = engine});
}

void backends_register(const struct options *options)
{
    register_backend(options, "backends/auto", IKV_BACKEND_AUTO);
    register_backend(options, "backends/mmap", IKV_BACKEND_MMAP);
    register_backend(options, "backends/pread", IKV_BACKEND_PREAD);
    register_backend(options, "backends/uring", IKV_BACKEND_URING);
    register_engine(options, "engine/inline", 0);
    register_engine(options, "engine/idle", 1);
    register_engine(options, "engine/busy", IN_FLIGHT);
}
