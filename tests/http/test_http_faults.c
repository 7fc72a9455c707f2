/* Servers that fail, in each way once and for good, at any request; objects that are replaced. */
#include "fixtures.h"
#include "http_server.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KEYS 300

static store_model model;
static char *path;
static char *url;
static http_server *server;
static uint64_t keys[KEYS];

/* ---------------------------------------------------------------- plans */

/* Fails from request `from` on, `count` times. */
struct plan {
    uint64_t base; /* requests before this plan */
    uint64_t from;
    uint64_t count;
    http_fault fault;
};

static http_fault choose(void *user, uint64_t number)
{
    const struct plan *plan = user;

    return number - plan->base >= plan->from && number - plan->base - plan->from < plan->count
               ? plan->fault
               : HTTP_FINE;
}

static void set_plan(struct plan *plan, unsigned status)
{
    plan->base = http_server_requests(server);
    http_server_set(server, &(http_plan){.choose = choose, .user = plan, .status = status});
}

static void set_fine(void)
{
    http_server_set(server, &(http_plan){.choose = NULL});
}

/* Only the server that never answers needs a time limit; on a busy machine any limit may be
 * exceeded. */
static ikv_http_options options_for(http_fault fault)
{
    ikv_http_options http = IKV_HTTP_OPTIONS_INIT;

    http.timeout_ms = fault == HTTP_SILENT ? 500 : 0;
    http.attempts = 3;
    http.connections = 8;
    http.max_gap = 1; /* many requests */
    return http;
}

static int try_open(http_fault fault, ikv_store **ret_store, ikv_error *err)
{
    const ikv_http_options http = options_for(fault);
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;

    options.http = &http;
    return ikv_open(url, &options, ret_store, err);
}

static ikv_store *open_fine(http_fault fault)
{
    ikv_store *store = NULL;
    ikv_error err;
    int code;

    set_fine();
    while ((code = try_open(fault, &store, &err)) == -ETIMEDOUT)
        ;
    assert_ok(code, &err);
    return store;
}

/* Which faults an attempt can repair. */
static int is_passing(http_fault fault)
{
    return fault != HTTP_WHOLE && fault != HTTP_ENCODED && fault != HTTP_OTHER_ETAG &&
           fault != HTTP_OTHER_TOTAL;
}

/* ---------------------------------------------------------------- tests */

static void each_fault_once(void **state)
{
    ikv_result *result = NULL;

    (void)state;
    assert_int_equal(ikv_result_new(&result), 0);
    for (http_fault fault = HTTP_STATUS; fault < HTTP_FAULTS; fault++) {
        struct plan plan = {.from = 3, .count = 1, .fault = fault};
        ikv_store *store = open_fine(fault);
        /* With a time limit, a second attempt may exceed it, too. */
        if (is_passing(fault) && fault != HTTP_SILENT) {
            set_plan(&plan, 503);
            assert_batch(store, &model, keys, KEYS, IKV_EXACT, result);
            assert_true(ikv_result_stats(result)->retries > 0 || fault == HTTP_LONG);
            set_fine();
        }
        ikv_close(store);
    }
    ikv_result_free(result);
}

/* No fault is ever a wrong answer or a missing key: keys are right or unreadable. */
static void assert_right_or_unreadable(const ikv_result *result)
{
    const ikv_item *items = ikv_result_items(result);

    for (size_t i = 0; i < KEYS; i++)
        if (items[i].status != IKV_UNREADABLE)
            assert_item(&model, &keys[i], IKV_EXACT, &items[i]);
}

static int code_of(http_fault fault)
{
    switch (fault) {
    case HTTP_SILENT:
        return -ETIMEDOUT;
    case HTTP_CUT_BODY:
    case HTTP_CUT_HEADER:
        return -ECONNRESET;
    case HTTP_WHOLE:
    case HTTP_ENCODED:
        return IKV_E_UNSUPPORTED;
    case HTTP_OTHER_ETAG:
    case HTTP_OTHER_TOTAL:
        return IKV_E_CHANGED;
    default:
        return IKV_E_REMOTE;
    }
}

/* What the client sees of a cut header depends on the version of libcurl. */
static int is_expected(http_fault fault, int code)
{
    const int right = code == code_of(fault) || (fault == HTTP_CUT_HEADER && code == IKV_E_REMOTE);

    if (!right)
        print_error("fault %d: code %d\n", (int)fault, code);
    return right;
}

static void each_fault_for_good(void **state)
{
    ikv_result *result = NULL;
    ikv_error err;

    (void)state;
    assert_int_equal(ikv_result_new(&result), 0);
    for (http_fault fault = HTTP_STATUS; fault < HTTP_FAULTS; fault++) {
        struct plan plan = {.from = 2, .count = UINT64_MAX / 2, .fault = fault};
        ikv_store *store = open_fine(fault);
        if (fault == HTTP_LONG) { /* the surplus is ignored */
            ikv_close(store);
            continue;
        }
        set_plan(&plan, 503);
        int code = ikv_get_many(store, keys, KEYS, NULL, result, &err);
        assert_true(is_expected(fault, code));
        assert_failed(code, code, &err, url);
        assert_int_equal(ikv_result_count(result), KEYS);
        assert_right_or_unreadable(result);
        if (fault == HTTP_STATUS)
            assert_non_null(strstr(err.message, "503"));

        /* When the server is well again, so is the store, unless the object is another one. */
        set_fine();
        while ((code = ikv_get_many(store, keys, KEYS, NULL, result, &err)) == -ETIMEDOUT)
            ;
        if (code_of(fault) == IKV_E_CHANGED) {
            assert_int_equal(code, IKV_E_CHANGED);
        } else {
            assert_ok(code, &err);
            assert_true(batch_is_right(&model, keys, KEYS, IKV_EXACT, result));
        }
        ikv_close(store);
    }
    ikv_result_free(result);
}

static void faults_while_opening(void **state)
{
    (void)state;
    for (http_fault fault = HTTP_STATUS; fault < HTTP_FAULTS; fault++) {
        for (uint64_t from = 0; from < 3; from++) {
            struct plan plan = {.from = from, .count = 1, .fault = fault};
            ikv_store *store = NULL;
            ikv_error err;
            set_plan(&plan, 500);
            const int code = try_open(fault, &store, &err);
            if (code == 0)
                ikv_close(store);
            else
                assert_true(is_expected(fault, code));
            if (is_passing(fault) && fault != HTTP_SILENT)
                assert_int_equal(code, 0);
            set_fine();
        }
    }
}

static void too_many_requests(void **state)
{
    struct plan plan = {.from = 0, .count = 2};
    ikv_store *store = open_fine(HTTP_FINE);
    ikv_result *result = NULL;

    (void)state;
    plan.fault = HTTP_STATUS;
    plan.base = http_server_requests(server);
    http_server_set(
        server, &(http_plan){.choose = choose, .user = &plan, .status = 429, .retry_after = "1"});
    assert_int_equal(ikv_result_new(&result), 0);
    assert_get(store, &model, model.sorted[5]->key, IKV_EXACT, result);
    assert_int_equal(ikv_result_stats(result)->retries, 2);
    ikv_result_free(result);
    ikv_close(store);
}

/* A replaced object gives no mixture of both, with tags, times, or a server that knows neither. */
static void replaced_objects(void **state)
{
    static const http_plan plans[] = {{.no_etag = 0},
                                      {.no_etag = 1},
                                      {.ignore_conditions = 1},
                                      {.no_etag = 1, .ignore_conditions = 1}};
    char *other = tmpdir_file(&group_dir, "other");
    char *kept = tmpdir_file(&group_dir, "kept");
    ikv_writer_options options = store_options(IKV_KEY_U64);
    ikv_result *result = NULL;
    ikv_error err;

    (void)state;
    assert_int_equal(ikv_result_new(&result), 0);
    options.store_id = (const unsigned char *)"another store id";
    file_copy(path, kept);
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        ikv_store *store = NULL;
        http_server_set(server, &plans[i]);
        assert_ok(try_open(HTTP_FINE, &store, &err), &err);
        assert_get(store, &model, model.sorted[5]->key, IKV_EXACT, result);
        store_write(other, &model, &options);
        if (plans[i].no_etag) { /* the only sign may be the time */
            struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
            assert_int_equal(utimensat(AT_FDCWD, other, times, 0), 0);
        }
        assert_int_equal(rename(other, path), 0);
        assert_failed(ikv_get_many(store, keys, KEYS, NULL, result, &err), IKV_E_CHANGED, &err,
                      url);
        assert_right_or_unreadable(result);
        ikv_close(store);
        file_copy(kept, path);
    }
    set_fine();
    ikv_result_free(result);
    free(other);
    free(kept);
}

static int setup(void **state)
{
    rng_state rng = {6};

    (void)group_dir_setup(state);
    model_init(&model, IKV_KEY_U64);
    model_fill(&model, &rng, 20000, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
    ikv_writer_options options = store_options(IKV_KEY_U64);
    path = tmpdir_file(&group_dir, "store");
    store_write(path, &model, &options);
    for (size_t i = 0; i < KEYS; i++)
        model_probe_key(&rng, &model, &keys[i]);
    server = http_server_start(&(http_plan){.choose = NULL});
    url = http_server_url(server, path);
    return 0;
}

static int teardown(void **state)
{
    http_server_stop(server);
    free(url);
    free(path);
    model_free(&model);
    return group_dir_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_once),      cmocka_unit_test(each_fault_for_good),
        cmocka_unit_test(faults_while_opening), cmocka_unit_test(too_many_requests),
        cmocka_unit_test(replaced_objects),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
