/*
 * Workers that can or cannot create a ring. The linker replaces the library's ring backend by one
 * that reads with pread, fails to create rings on demand, and counts what is in flight.
 */
#include "indexkv.h"

#include "backends.h"
#include "core/io/io_pread.h"
#include "core/lookup/run.h"
#include "engines.h"
#include "fixtures.h"
#include "gate.h"
#include "stores.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- the backend */

/* Global, as --wrap functions take no context. */
static struct {
    atomic_uint creates;
    atomic_uint fail_from; /* creates from this number on fail with `code`, ... */
    atomic_uint fail_to;   /* ... up to this one, exclusive */
    atomic_int code;
    atomic_bool broken;   /* existing rings refuse reads */
    atomic_uint requests; /* in flight in all rings */
    atomic_uint requests_max;
    _Atomic uint64_t bytes;
    _Atomic uint64_t bytes_max;
    atomic_bool has_read_records;
    _Atomic uint64_t cached_before; /* stats.cached when the first record was read */
} rings;

static int rings_create(const struct ikv_io_options *options, struct ikv_io **ret)
{
    const unsigned number = atomic_fetch_add(&rings.creates, 1);

    if (number >= atomic_load(&rings.fail_from) && number < atomic_load(&rings.fail_to))
        return atomic_load(&rings.code);
    atomic_store(&rings.broken, false);
    return ikv_io_pread.create(options, ret);
}

static bool rings_is_broken(const struct ikv_io *io)
{
    (void)io;
    return atomic_load(&rings.broken);
}

static int rings_submit(struct ikv_io *io, struct ikv_io_request *request)
{
    const struct ikv_slot *slot = request->owner;

    if (atomic_load(&rings.broken))
        return -EBADF;
    if (slot->use == IKV_SLOT_RECORDS && !atomic_exchange(&rings.has_read_records, true))
        atomic_store(&rings.cached_before, slot->run->stats.cached);
    const unsigned requests = atomic_fetch_add(&rings.requests, 1) + 1;
    const uint64_t bytes = atomic_fetch_add(&rings.bytes, request->length) + request->length;
    unsigned requests_max = atomic_load(&rings.requests_max);
    uint64_t bytes_max = atomic_load(&rings.bytes_max);

    while (requests > requests_max &&
           !atomic_compare_exchange_weak(&rings.requests_max, &requests_max, requests))
        ;
    while (bytes > bytes_max && !atomic_compare_exchange_weak(&rings.bytes_max, &bytes_max, bytes))
        ;
    return ikv_io_pread.submit(io, request);
}

static struct ikv_io_request *rings_reap(struct ikv_io *io)
{
    struct ikv_io_request *request = ikv_io_pread.reap(io);

    if (request != NULL) {
        atomic_fetch_sub(&rings.requests, 1);
        atomic_fetch_sub(&rings.bytes, request->length);
    }
    return request;
}

static struct ikv_io_backend backend;

const struct ikv_io_backend *__wrap_ikv_io_ring(void);
const struct ikv_io_backend *__wrap_ikv_io_ring(void)
{
    return &backend;
}

int __wrap_ikv_io_ring_probe(char *reason, size_t size);
int __wrap_ikv_io_ring_probe(char *reason, size_t size)
{
    (void)reason;
    (void)size;
    return 0;
}

static void rings_reset(void)
{
    memset(&rings, 0, sizeof(rings));
    backend = ikv_io_pread;
    backend.name = "uring";
    backend.depth = 256;
    backend.create = rings_create;
    backend.submit = rings_submit;
    backend.reap = rings_reap;
    backend.is_broken = rings_is_broken;
}

static void rings_fail(unsigned from, unsigned to, int code)
{
    atomic_store(&rings.fail_from, from);
    atomic_store(&rings.fail_to, to);
    atomic_store(&rings.code, code);
}

/* ---------------------------------------------------------------- a store on it */

static store_fixture fixture;
static ikv_result *result;

static const open_mode uring_mode = {"uring", IKV_BACKEND_URING, 0};
static const open_mode auto_mode = {"auto", IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP};

static int group_setup(void **state)
{
    (void)state;
    rings_reset();
    store_fixture_make(&fixture, 20000, MODEL_SIZES_MIXED, BATCH_ALL, 0);
    return ikv_result_new(&result);
}

static int group_teardown(void **state)
{
    (void)state;
    ikv_result_free(result);
    store_fixture_free(&fixture);
    return 0;
}

static void assert_all_right(ikv_store *store)
{
    ikv_error err;

    assert_ok(ikv_get_many(store, fixture.keys, fixture.count, NULL, result, &err), &err);
    assert_true(fixture_is_right(&fixture, result));
}

/* ---------------------------------------------------------------- bytes in flight */

/* The longest read, with the padding on both sides that O_DIRECT requires. */
#define READ_MAX ((uint64_t)36 << 10)

static void bytes_in_flight_are_limited(void **state)
{
    static const struct {
        uint32_t threads;
        uint64_t bytes;
    } cases[] = {{1, 1}, {2, 1}, {5, 4}, {1, 100000}, {2, 400000}, {2, 1 << 20}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint64_t bytes = cases[i].bytes;
        const uint32_t threads = cases[i].threads;

        rings_reset();
        ikv_engine *engine = engine_make(threads, 0, 0, bytes);
        ikv_store *store = engine_open(fixture.path, IKV_KEY_U64, &uring_mode, engine);
        assert_all_right(store);
        if (bytes < READ_MAX)
            assert_true(atomic_load(&rings.requests_max) <= threads);
        else
            assert_true(atomic_load(&rings.bytes_max) <= bytes);
        assert_true(atomic_load(&rings.requests_max) > 0);
        assert_int_equal(atomic_load(&rings.requests), 0);
        ikv_close(store);
        ikv_engine_close(engine);
    }
    /* Without a limit the window fills up. */
    rings_reset();
    ikv_engine *engine = engine_make(1, 0, 0, 0);
    ikv_store *store = engine_open(fixture.path, IKV_KEY_U64, &uring_mode, engine);
    assert_all_right(store);
    assert_true(atomic_load(&rings.requests_max) > 64);
    ikv_close(store);
    ikv_engine_close(engine);
}

/* ---------------------------------------------------------------- pages in memory */

/* Records are read early even if the whole index is cached: the first read starts while most index
 * pages still have to be searched. */
static void record_reads_start_during_cached_index_search(void **state)
{
    (void)state;
    rings_reset();
    backend.synchronous = false;
    ikv_engine *engine = engine_make(1, 0, 0, 0);
    ikv_store *store = engine_open(fixture.path, IKV_KEY_U64, &uring_mode, engine);
    for (int round = 0; round < 2; round++) /* leaves are kept from the second visit on */
        assert_all_right(store);
    atomic_store(&rings.has_read_records, false);
    assert_all_right(store);
    const ikv_stats *stats = ikv_result_stats(result);
    assert_int_equal(stats->index_reads, 0);
    assert_int_equal(stats->cached, stats->probes);
    assert_true(atomic_load(&rings.has_read_records));
    assert_true(atomic_load(&rings.cached_before) < stats->cached / 4);
    ikv_close(store);
    ikv_engine_close(engine);
}

/* ---------------------------------------------------------------- rings that fail */

/* Hold one worker with one key while the other looks up all keys. Returns the sum of the statistics
 * of both batches. */
static ikv_stats use_both_workers(ikv_store *store)
{
    ikv_stats sum = {0};
    held_worker held;

    worker_hold(&held, store, fixture.model.sorted[0]->key, IKV_PROBE_PAGE);
    assert_all_right(store);
    worker_release(&held);
    assert_int_equal(ikv_result_stats(held.result)->found, 1);
    ikv_stats_add(&sum, ikv_result_stats(held.result));
    ikv_stats_add(&sum, ikv_result_stats(result));
    ikv_result_free(held.result);
    return sum;
}

static void one_worker_without_a_ring(void **state)
{
    const struct timespec pause = {.tv_nsec = 50000000};

    (void)state;
    rings_reset();
    rings_fail(1, 1000, -ENOMEM);
    ikv_engine *engine = engine_make(2, 0, 0, 0);
    ikv_store *store = engine_open(fixture.path, IKV_KEY_U64, &auto_mode, engine);
    ikv_stats stats = use_both_workers(store);
    assert_string_equal(stats.backend, "uring+pread");
    assert_int_equal(stats.fallback, -ENOMEM);

    /* The worker tries again after a while. */
    rings_fail(0, 0, 0);
    for (int tries = 0; tries < 200 && stats.fallback != 0; tries++) {
        (void)nanosleep(&pause, NULL);
        stats = use_both_workers(store);
    }
    assert_int_equal(stats.fallback, 0);
    assert_string_equal(stats.backend, "uring");
    ikv_close(store);
    ikv_engine_close(engine);
}

static void no_worker_has_a_ring(void **state)
{
    static const int codes[] = {-EPERM, -ENOSYS, -EMFILE, -ENOMEM};

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        rings_reset();
        rings_fail(0, 1000, codes[i]);
        ikv_engine *engine = engine_make(2, 0, 0, 0);
        ikv_store *store = engine_open(fixture.path, IKV_KEY_U64, &auto_mode, engine);
        const ikv_stats *stats = ikv_result_stats(result);
        assert_all_right(store);
        assert_string_equal(stats->backend, "pread");
        assert_int_equal(stats->fallback, codes[i]);
        ikv_close(store);
        ikv_engine_close(engine);
    }
}

/* A store opened with IKV_BACKEND_URING does not fall back to pread. */
static void explicit_uring_fails(void **state)
{
    static const int codes[] = {-EPERM, -ENOSYS, -EMFILE, -ENOMEM};
    const ikv_stats *stats = ikv_result_stats(result);
    char reason[200];

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof(codes) / sizeof(codes[0]); i++) {
        const int code = codes[i / 2];
        ikv_error err;

        rings_reset();
        rings_fail(0, 1000, code);
        ikv_engine *engine = engine_make(1 + i % 2, 0, 0, 0);
        ikv_store *store = engine_open(fixture.path, IKV_KEY_U64, &uring_mode, engine);
        assert_failed(ikv_get_many(store, fixture.keys, fixture.count, NULL, result, &err), code,
                      &err, fixture.path);
        assert_non_null(strstr(err.message, ikv_io_ring_explain(code, reason, sizeof(reason))));
        assert_int_equal(ikv_result_code(result), code);
        assert_int_equal(ikv_result_count(result), 0);
        assert_string_equal(stats->backend, "none");
        assert_int_equal(stats->fallback, code);
        ikv_close(store);
        ikv_engine_close(engine);
    }
}

/* After a ring stopped working, the next batch gets a new one. */
static void broken_ring_is_replaced(void **state)
{
    static const open_mode *const modes[] = {&uring_mode, &auto_mode};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        rings_reset();
        ikv_engine *engine = engine_make(1, 0, 0, 0);
        ikv_store *store = engine_open(fixture.path, IKV_KEY_U64, modes[i], engine);
        assert_all_right(store);
        for (unsigned n = 1; n < 4; n++) {
            atomic_store(&rings.broken, true);
            assert_all_right(store);
            assert_int_equal(atomic_load(&rings.creates), n + 1);
            assert_string_equal(ikv_result_stats(result)->backend, "uring");
        }
        ikv_close(store);
        ikv_engine_close(engine);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_reads_start_during_cached_index_search),
        cmocka_unit_test(bytes_in_flight_are_limited),
        cmocka_unit_test(one_worker_without_a_ring),
        cmocka_unit_test(no_worker_has_a_ring),
        cmocka_unit_test(explicit_uring_fails),
        cmocka_unit_test(broken_ring_is_replaced),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
