/* What lookups at a URL cost in requests, and how they end early. */
#include "engines.h"
#include "fixtures.h"
#include "http_stores.h"
#include "rng.h"
#include "stores.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static http_stores stores;

static ikv_store *open_with(size_t layout, ikv_http_options http)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    char *url = http_server_url(stores.server, stores.path[layout]);
    ikv_store *store = NULL;
    ikv_error err;

    http.size = sizeof http;
    options.http = &http;
    assert_ok(ikv_open(url, &options, &store, &err), &err);
    free(url);
    return store;
}

/* One request a key from leaves, two through the index, whose fences and checksums are in memory.
 */
static void requests_per_key(void **state)
{
    ikv_result *result = NULL;

    (void)state;
    assert_int_equal(ikv_result_new(&result), 0);
    for (size_t layout = 0; layout < 2; layout++) {
        ikv_store *store = open_with(layout, (ikv_http_options){0});
        for (size_t i = 0; i < 50; i++) {
            const size_t number = (i * 7919) % stores.model.sorted_count;
            const uint64_t before = http_server_requests(stores.server);
            assert_get(store, &stores.model, stores.model.sorted[number]->key, IKV_EXACT, result);
            /* Cached pages and leaves need fewer. */
            assert_in_range(http_server_requests(stores.server) - before, layout == 1 ? 0 : 1,
                            layout == 1 ? 1 : 2);
            if (i == 0)
                assert_int_equal(http_server_requests(stores.server) - before, layout == 1 ? 1 : 2);
            assert_int_equal(ikv_result_stats(result)->system_calls,
                             http_server_requests(stores.server) - before);
        }
        ikv_close(store);
    }
    ikv_result_free(result);
}

/* Neighbouring reads share requests, up to the distance that the option says: of several for one
 * connection, and not of fewer than there are connections, unless the request stays short. */
static void neighbours_share_requests(void **state)
{
    static const struct {
        uint32_t max_gap;
        uint32_t connections;
        uint64_t min;
        uint64_t max;
    } cases[] = {{1, 1, 40, 40}, {1 << 20, 1, 4, 14}, {1 << 20, 64, 20, 40}, {1, 64, 40, 40}};
    ikv_result *result = NULL;
    uint64_t keys[40];

    (void)state;
    assert_int_equal(ikv_result_new(&result), 0);
    for (size_t i = 0; i < 40; i++)
        memcpy(&keys[i], stores.model.sorted[i * (stores.model.sorted_count / 40)]->key,
               sizeof keys[i]);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ikv_store *store = open_with(1, (ikv_http_options){.max_gap = cases[i].max_gap,
                                                           .connections = cases[i].connections});
        const uint64_t before = http_server_requests(stores.server);
        assert_batch(store, &stores.model, keys, 40, IKV_EXACT, result);
        assert_in_range(http_server_requests(stores.server) - before, cases[i].min, cases[i].max);
        ikv_close(store);
    }
    ikv_result_free(result);
}

/* Stores of one engine share its connections, but no requests, though their reads are neighbours.
 */
static void two_objects_of_an_engine(void **state)
{
    ikv_engine *engine = engine_make(1, 64, 16, 0);
    ikv_http_options http = IKV_HTTP_OPTIONS_INIT;
    ikv_store *both[2];
    ikv_result *results[2];
    rng_state rng = {5};
    uint64_t keys[100];
    ikv_error err;

    (void)state;
    http.connections = 1;
    http.max_gap = 1 << 20;
    for (size_t i = 0; i < 2; i++) {
        ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
        char *url = http_server_url(stores.server, stores.path[i]);
        options.engine = engine;
        options.http = &http;
        assert_ok(ikv_open(url, &options, &both[i], &err), &err);
        assert_int_equal(ikv_result_new(&results[i]), 0);
        free(url);
    }
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < 100; i++)
            model_probe_key(&rng, &stores.model, &keys[i]);
        for (size_t i = 0; i < 2; i++)
            assert_ok(ikv_submit(both[i], keys, 100, NULL, NULL, results[i], &err), &err);
        for (size_t i = 0; i < 2; i++) {
            assert_ok(ikv_wait(results[i], &err), &err);
            assert_true(batch_is_right(&stores.model, keys, 100, IKV_EXACT, results[i]));
        }
    }
    for (size_t i = 0; i < 2; i++) {
        ikv_result_free(results[i]);
        ikv_close(both[i]);
    }
    ikv_engine_close(engine);
}

static http_fault fail_one(void *user, uint64_t number)
{
    return number == *(const uint64_t *)user ? HTTP_STATUS : HTTP_FINE;
}

static void note_retries(void *user, const ikv_event *event)
{
    uint64_t *retries = user;

    *retries += event->type == IKV_EVENT_RETRY ? event->count : 1000;
}

/* A repeated request is reported once. */
static void retries_are_events(void **state)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    char *url = http_server_url(stores.server, stores.path[1]);
    ikv_result *result = NULL;
    ikv_store *store = NULL;
    uint64_t retries = 0;
    ikv_error err;

    (void)state;
    options.on_event = note_retries;
    options.event_user = &retries;
    assert_ok(ikv_open(url, &options, &store, &err), &err);
    assert_int_equal(ikv_result_new(&result), 0);
    uint64_t number = http_server_requests(stores.server);
    http_server_set(stores.server,
                    &(http_plan){.choose = fail_one, .user = &number, .status = 503});
    assert_get(store, &stores.model, stores.model.sorted[77]->key, IKV_EXACT, result);
    assert_int_equal(retries, 1);
    assert_get(store, &stores.model, stores.model.sorted[7777]->key, IKV_EXACT, result);
    assert_int_equal(retries, 1);
    http_server_set(stores.server, &(http_plan){.choose = NULL});
    ikv_close(store);
    ikv_result_free(result);
    free(url);
}

/* ---------------------------------------------------------------- ending early */

static http_fault silent(void *user, uint64_t number)
{
    (void)user;
    (void)number;
    return HTTP_SILENT;
}

/* The server never answers: without cancellation these would take a minute each. */
static void canceled_and_closed(void **state)
{
    for (int how = 0; how < 2; how++) {
        const ikv_http_options http = {.timeout_ms = 60000, .attempts = 1};
        ikv_store *store = open_with(1, http);
        ikv_result *result = NULL;
        ikv_error err;
        (void)state;
        assert_int_equal(ikv_result_new(&result), 0);
        http_server_set(stores.server, &(http_plan){.choose = silent});
        assert_ok(ikv_submit(store, stores.model.sorted[9]->key, 1, NULL, NULL, result, &err),
                  &err);
        if (how == 0) {
            ikv_cancel(result);
            assert_int_equal(ikv_wait(result, &err), IKV_E_CANCELED);
        }
        ikv_close(store);
        ikv_result_free(result);
        http_server_set(stores.server, &(http_plan){.choose = NULL});
    }
}

/* A child reads with connections of its own, the parent goes on with its own. */
static void forked_children(void **state)
{
    ikv_store *store = open_with(1, (ikv_http_options){0});
    ikv_result *result = NULL;
    int status = -1;

    (void)state;
    assert_int_equal(ikv_result_new(&result), 0);
    assert_get(store, &stores.model, stores.model.sorted[1]->key, IKV_EXACT, result);
    const pid_t child = fork();
    if (child == 0) {
        ikv_result *own = NULL;
        int bad = ikv_result_new(&own) < 0;
        for (size_t i = 0; i < 20 && !bad; i++) {
            const model_pair *pair = stores.model.sorted[i * 900];
            bad = ikv_get(store, pair->key, NULL, own, NULL) < 0 ||
                  !item_is_right(&stores.model, pair->key, IKV_EXACT, ikv_result_items(own));
        }
        _exit(bad);
    }
    for (size_t i = 0; i < 20; i++)
        assert_get(store, &stores.model, stores.model.sorted[i * 901]->key, IKV_EXACT, result);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    ikv_result_free(result);
    ikv_close(store);
}

/* ---------------------------------------------------------------- threads */

struct caller {
    ikv_store *store;
    pthread_t thread;
    unsigned number;
    int bad;
};

static void *call(void *user)
{
    struct caller *caller = user;
    ikv_result *result = NULL;
    rng_state rng = {caller->number};
    uint64_t keys[100];

    caller->bad = ikv_result_new(&result) < 0;
    for (unsigned round = 0; round < 5 && !caller->bad; round++) {
        for (size_t i = 0; i < 100; i++)
            model_probe_key(&rng, &stores.model, &keys[i]);
        caller->bad = ikv_get_many(caller->store, keys, 100, NULL, result, NULL) < 0 ||
                      !batch_is_right(&stores.model, keys, 100, IKV_EXACT, result);
    }
    ikv_result_free(result);
    return NULL;
}

static void many_threads(void **state)
{
    ikv_store *store = open_with(1, (ikv_http_options){.connections = 8});
    struct caller callers[6];

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        callers[i] = (struct caller){.store = store, .number = i};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
        assert_false(callers[i].bad);
    }
    ikv_close(store);
}

static int setup(void **state)
{
    http_stores_start(&stores, state, 40000, MODEL_SIZES_SMALL);
    return 0;
}

static int teardown(void **state)
{
    return http_stores_stop(&stores, state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_objects_of_an_engine),
        cmocka_unit_test(requests_per_key),
        cmocka_unit_test(neighbours_share_requests),
        cmocka_unit_test(retries_are_events),
        cmocka_unit_test(canceled_and_closed),
        cmocka_unit_test(forked_children),
        cmocka_unit_test(many_threads),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
