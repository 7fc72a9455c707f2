/*
 * Batches on backends with injected faults: every key gets one answer, which is right or says that
 * a read failed. The faults are injected below the driver by faulty_io, or in the ring by
 * ring_shim.
 */
#include "faulty_io.h"
#include "fixtures.h"
#include "hostkey.h"
#include "model.h"
#include "ring_shim.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "variants.h"

#include "core/io/io_pread.h"
#include "core/store/store.h"
#include "indexkv.h"
#include "iouring/uring.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Replaces the library's backend for rings, by the linker's --wrap. NULL: no replacement. */
static const struct ikv_io_backend *injected;

const struct ikv_io_backend *__real_ikv_io_ring(void);
const struct ikv_io_backend *__wrap_ikv_io_ring(void);
const struct ikv_io_backend *__wrap_ikv_io_ring(void)
{
    return injected ? injected : __real_ikv_io_ring();
}

/* A backend, and flags to open stores with. */
static const struct mode {
    const struct ikv_io_backend *backend;
    uint32_t flags;
} modes[] = {{&ikv_io_pread, 0}, {&ikv_io_uring, 0}, {&ikv_io_uring, IKV_OPEN_DIRECT}};
enum { MODES = sizeof modes / sizeof modes[0] };

struct world {
    store_model model;
    char *path;
    ikv_open_options options;
    ikv_engine *engine; /* has one worker */
    ikv_store *store;
    ikv_result *result;
};

/* With a new engine and result, which open their windows once, with the backend of that time. The
 * engine has one worker, since the fault layers are for one thread at a time. */
static void open_store(struct world *world)
{
    ikv_engine_options engine = IKV_ENGINE_OPTIONS_INIT;
    ikv_error err;

    engine.threads = 1;
    assert_ok(ikv_engine_new(&engine, &world->engine, &err), &err);
    world->options.engine = world->engine;
    assert_ok(ikv_open(world->path, &world->options, &world->store, &err), &err);
    assert_ok(ikv_result_new(&world->result), NULL);
}

static void close_store(struct world *world)
{
    ikv_result_free(world->result);
    ikv_close(world->store);
    ikv_engine_close(world->engine);
}

static void world_open(struct world *ret, ikv_key_type type, const struct mode *mode, bool fences)
{
    rng_state rng = {type};
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;

    model_init(&ret->model, type);
    model_fill(&ret->model, &rng, 3000, MODEL_KEYS_CLUSTERED, MODEL_SIZES_MIXED);
    ret->path = tmpdir_file(&group_dir, "store");
    const ikv_writer_options writing = store_options(type);
    store_write(ret->path, &ret->model, &writing);
    options.key_type = type;
    options.index_memory = fences ? 0 : 1;
    options.backend = mode->backend == &ikv_io_uring ? IKV_BACKEND_URING : IKV_BACKEND_PREAD;
    options.flags = mode->flags;
    injected = NULL;
    ret->options = options;
    open_store(ret);
}

static void world_close(struct world *world)
{
    close_store(world);
    (void)remove(world->path);
    free(world->path);
    model_free(&world->model);
}

/* Puts the fault layer between the driver and the mode's backend. */
static void inject_faults(struct world *world, faulty_plan plan, const struct mode *mode)
{
    plan.inner = mode->backend;
    faulty_io_set(&plan);
    close_store(world);
    injected = &faulty_io;
    world->options.backend = IKV_BACKEND_URING;
    open_store(world);
}

static unsigned char *random_keys(const struct world *world, rng_state *rng, size_t count)
{
    const size_t width = hostkey_width(world->model.type);
    unsigned char *keys = must_malloc(count * width);

    for (size_t i = 0; i < count; i++)
        model_probe_key(rng, &world->model, keys + i * width);
    return keys;
}

/* Looks up a batch and checks that all is right. */
static void check_batch(struct world *world, rng_state *rng)
{
    size_t count = (size_t)(rng_below(rng, 2) == 0 ? rng_below(rng, 8) : rng_below(rng, 2000));
    unsigned char *keys = random_keys(world, rng, count);

    assert_batch(world->store, &world->model, keys, count, (ikv_match)rng_below(rng, 3),
                 world->result);
    free(keys);
}

/* Looks up a batch in which reads may fail with `code`. Returns the number of unreadable keys. */
static size_t check_failing_batch(struct world *world, rng_state *rng, size_t count, int code)
{
    const size_t width = hostkey_width(world->model.type);
    unsigned char *keys = random_keys(world, rng, count);
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    size_t unreadable = 0;

    options.match = (ikv_match)rng_below(rng, 3);
    int answer = ikv_get_many(world->store, keys, count, &options, world->result, NULL);
    const ikv_item *items = ikv_result_items(world->result);
    const ikv_stats *stats = ikv_result_stats(world->result);
    assert_int_equal(ikv_result_count(world->result), count);
    for (size_t i = 0; i < count; i++) {
        if (items[i].status == IKV_UNREADABLE) {
            assert_null(items[i].value);
            unreadable++;
        } else {
            assert_item(&world->model, keys + i * width, options.match, &items[i]);
        }
    }
    assert_int_equal(answer, unreadable > 0 ? code : 0);
    assert_int_equal(stats->unreadable, unreadable);
    assert_int_equal(stats->found + stats->missing + stats->unreadable, count);
    assert_int_equal(stats->corrupt, 0);
    free(keys);
    return unreadable;
}

static const ikv_key_type types[] = {IKV_KEY_U32, IKV_KEY_I64, IKV_KEY_U128, IKV_KEY_BYTES(20)};
enum { TYPES = sizeof types / sizeof types[0] };

static void cut_and_reordered(void **state)
{
    const faulty_plan plan = {.seed = 1, .cut = 2, .hold = 9};
    rng_state rng = {1};

    (void)state;
    for (size_t i = 0; i < (size_t)TYPES * MODES; i++) {
        struct world world;
        world_open(&world, types[i % TYPES], &modes[i / TYPES], i % 2);
        inject_faults(&world, plan, &modes[i / TYPES]);
        faulty_report report = {.cut = 0};
        for (size_t n = 0; n < test_scaled_min(20, 5) || (report.reordered == 0 && n < 400); n++) {
            check_batch(&world, &rng);
            report = faulty_io_report();
        }
        assert_true(report.cut > 0 && report.reordered > 0);
        world_close(&world);
    }
}

static void some_reads_fail(void **state)
{
    static const faulty_plan plans[] = {{.seed = 2, .fail = 30, .code = -EIO, .hold = 5, .cut = 5},
                                        {.seed = 3, .refuse = 30, .code = -EAGAIN},
                                        {.seed = 4, .fail = 2, .code = -EIO},
                                        {.seed = 5, .fail = 1, .code = -EIO},
                                        {.seed = 6, .refuse = 1, .code = -ENOMEM}};
    rng_state rng = {2};

    (void)state;
    for (size_t i = 0; i < MODES * sizeof plans / sizeof plans[0]; i++) {
        const faulty_plan *plan = &plans[i / MODES];
        const struct mode *mode = &modes[i % MODES];
        struct world world;
        size_t unreadable = 0;
        world_open(&world, types[i % TYPES], mode, i % 2);
        inject_faults(&world, *plan, mode);
        /* Until some reads failed, however small the scale. */
        for (size_t n = 0; n < test_scaled(40) || (unreadable == 0 && n < 400); n++)
            unreadable += check_failing_batch(&world, &rng, rng_below(&rng, 500), plan->code);
        assert_true(unreadable > 0);
        /* Without faults, the store works as before. */
        inject_faults(&world, (faulty_plan){.seed = 7}, mode);
        check_batch(&world, &rng);
        world_close(&world);
    }
}

/* The first read fails, then only the second, and so on for all reads of the batch. */
static void the_nth_read_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        struct world world;
        uint64_t nth = 0;
        uint64_t step = test_is_sanitized() ? 7 : 1;
        world_open(&world, IKV_KEY_U64, &modes[i], true);
        do {
            nth += step;
            const faulty_plan plan = {.seed = nth, .fail_nth = nth, .code = -EIO};
            rng_state rng = {3}; /* the same batch each time */
            inject_faults(&world, plan, &modes[i]);
            (void)check_failing_batch(&world, &rng, 300, -EIO);
        } while (faulty_io_report().failed > 0);
        assert_true(nth > (store_layout() == IKV_LAYOUT_CLUSTERED ? 5u : 20u));
        world_close(&world);
    }
}

/* Faults in the ring: transient ones have no effect, others make only their keys unreadable. */
static void storms(void **state)
{
    struct ring_faults faults = {.refuse = 60,
                                 .interrupt = 30,
                                 .partial = 10,
                                 .early = 10,
                                 .cut = 6,
                                 .transient = 8,
                                 .drop = 300,
                                 .shuffle = true};
    rng_state rng = {4};
    uint64_t total = 0;

    (void)state;
    for (size_t i = 0; i < (size_t)2 * TYPES; i++) {
        struct world world;
        world_open(&world, types[i % TYPES], &modes[1 + i / TYPES], i % 2);
        faults.seed = i;
        faults.fail = 0;
        ring_shim_start(&faults);
        for (size_t n = test_scaled(20); n > 0; n--)
            check_batch(&world, &rng);
        struct ring_fault_counts counts = ring_shim_stop();
        total += ring_fault_sum(&counts);
        faults.fail = 50;
        ring_shim_start(&faults);
        for (size_t n = test_scaled(20); n > 0; n--)
            (void)check_failing_batch(&world, &rng, rng_below(&rng, 1000), -EIO);
        counts = ring_shim_stop();
        total += ring_fault_sum(&counts);
        world_close(&world);
    }
    (void)printf("%llu faults in the ring\n", (unsigned long long)total);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_and_reordered),
        cmocka_unit_test(some_reads_fail),
        cmocka_unit_test(the_nth_read_fails),
        cmocka_unit_test(storms),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    variant_require_uring();
    return cmocka_run_group_tests(tests, group_dir_setup, group_dir_teardown);
}
