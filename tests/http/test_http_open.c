/* Opening stores at URLs: requests, redirects, secrets, options, and what is no store. */
#include "fixtures.h"
#include "http_stores.h"
#include "rng.h"
#include "stores.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET_WORD "opensesame"
#define SECRET      "Authorization: Bearer 0123456789"

/* A store with a trailer of more than half a MiB, and the same as a plain file. */
static http_stores stores;

static ikv_store *open_url(const char *url, const ikv_http_options *http, ikv_key_type type)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    options.key_type = type;
    options.http = http;
    assert_ok(ikv_open(url, &options, &store, &err), &err);
    return store;
}

static void assert_answers(ikv_store *store)
{
    ikv_result *result = NULL;
    rng_state rng = {3};
    uint64_t keys[200];

    assert_int_equal(ikv_result_new(&result), 0);
    for (size_t i = 0; i < 200; i++)
        model_probe_key(&rng, &stores.model, &keys[i]);
    assert_batch(store, &stores.model, keys, 200, IKV_EXACT, result);
    assert_batch(store, &stores.model, keys, 200, IKV_FLOOR, result);
    ikv_result_free(result);
}

static void opening_takes_three_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char *url = http_server_url(stores.server, stores.path[i]);
        const uint64_t before = http_server_requests(stores.server);
        ikv_store *store = open_url(url, NULL, IKV_KEY_U64);
        const uint64_t requests = http_server_requests(stores.server) - before;
        ikv_info info;
        ikv_store_info(store, &info);
        assert_in_range(requests, 2, 3);
        assert_int_equal(info.open_reads, requests);
        assert_int_equal(info.pair_count, stores.model.count);
        assert_int_equal(info.mapped, 0);
        assert_string_equal(info.backend, "http");
        assert_answers(store);
        ikv_close(store);
        free(url);
    }
}

static void servers_without_suffix_ranges(void **state)
{
    char *url = http_server_url(stores.server, stores.path[1]);
    ikv_store *store;

    (void)state;
    http_server_set(stores.server, &(http_plan){.no_suffix = 1});
    store = open_url(url, NULL, 0);
    assert_answers(store);
    ikv_close(store);
    http_server_set(stores.server, &(http_plan){.choose = NULL});
    free(url);
}

/* The header lines go to the first host only, and in no message. */
static void secrets_stay_with_their_host(void **state)
{
    const char *const headers[] = {SECRET, "X-Key: 4711"};
    ikv_http_options http = IKV_HTTP_OPTIONS_INIT;
    char *target = http_server_url(stores.server, stores.path[1]);
    http_server *first = http_server_start(&(http_plan){.redirect = target});
    char *url = http_server_url(first, stores.path[1]);
    ikv_store *store;

    (void)state;
    http.headers = headers;
    http.header_count = 2;
    store = open_url(url, &http, 0);
    assert_answers(store);
    assert_true(http_server_saw(first, SECRET "\r\n"));
    assert_true(http_server_saw(first, "X-Key: 4711\r\n"));
    assert_false(http_server_saw(stores.server, "Bearer"));
    assert_false(http_server_saw(stores.server, "X-Key"));
    /* The redirect is remembered: the first server saw nothing but the opening. */
    assert_in_range(http_server_requests(first), 1, 2);
    ikv_close(store);

    store = open_url(target, &http, 0); /* the same host: all requests have them */
    assert_answers(store);
    ikv_close(store);
    assert_true(http_server_saw(stores.server, SECRET));
    http_server_stop(first);
    free(url);
    free(target);
}

/* libcurl quotes the URL of a proxy that it does not understand. */
static void passwords_of_proxies(void **state)
{
    static const char *const proxies[] = {"bogus://user:" SECRET_WORD "@127.0.0.1:1",
                                          "http://user:" SECRET_WORD "@127.0.0.1:99999"};
    char *url = http_server_url(stores.server, stores.path[1]);
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_http_options http = IKV_HTTP_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    (void)state;
    options.http = &http;
    http.attempts = 1;
    for (size_t i = 0; i < 2; i++) {
        http.proxy = proxies[i];
        const int code = ikv_open(url, &options, &store, &err);
        assert_true(code < 0);
        assert_failed(code, code, &err, url);
        assert_null(strstr(err.message, SECRET_WORD));
    }
    free(url);
}

/* The library names itself, unless the caller does. */
static void user_agents(void **state)
{
    const char *const header = "user-agent: somebody/7";
    ikv_http_options http = IKV_HTTP_OPTIONS_INIT;
    char *target = http_server_url(stores.server, stores.path[1]);
    http_server *own = http_server_start(&(http_plan){.choose = NULL});
    char *url = http_server_url(own, stores.path[1]);

    (void)state;
    http.headers = &header;
    http.header_count = 1;
    ikv_store *store = open_url(url, &http, 0);
    assert_answers(store);
    ikv_close(store);
    assert_true(http_server_saw(own, "user-agent: somebody/7\r\n"));
    assert_false(http_server_saw(own, "User-Agent: indexkv/"));

    store = open_url(target, NULL, 0);
    ikv_close(store);
    assert_true(http_server_saw(stores.server, "User-Agent: indexkv/" IKV_VERSION_STRING "\r\n"));
    http_server_stop(own);
    free(url);
    free(target);
}

static http_fault always(void *user, uint64_t number)
{
    (void)number;
    return *(const http_fault *)user;
}

/* A remembered redirect that is no longer valid is replaced by the one that is. */
static void redirects_expire(void **state)
{
    char *path = stores.path[1];
    http_server *second = http_server_start(&(http_plan){.choose = NULL});
    char *targets[2] = {http_server_url(stores.server, path), http_server_url(second, path)};
    http_server *first = http_server_start(&(http_plan){.redirect = targets[0]});
    char *url = http_server_url(first, path);
    ikv_http_options http = IKV_HTTP_OPTIONS_INIT;
    http_fault fault = HTTP_STATUS;
    ikv_result *result = NULL;

    (void)state;
    assert_int_equal(ikv_result_new(&result), 0);
    http.connections = 4;
    ikv_store *store = open_url(url, &http, 0);
    http_server_set(stores.server, &(http_plan){.choose = always, .user = &fault, .status = 403});
    http_server_set(first, &(http_plan){.redirect = targets[1]});
    const uint64_t before = http_server_requests(stores.server);
    for (size_t i = 0; i < 40; i++)
        assert_get(store, &stores.model, stores.model.sorted[i * 1400]->key, IKV_EXACT, result);
    assert_in_range(http_server_requests(stores.server) - before, 1, 4);
    assert_in_range(http_server_requests(first), 2, 8);

    /* The URL has the object itself again. */
    http_server_set(second, &(http_plan){.choose = always, .user = &fault, .status = 404});
    http_server_set(first, &(http_plan){.choose = NULL});
    assert_answers(store);
    ikv_close(store);
    ikv_result_free(result);
    http_server_set(stores.server, &(http_plan){.choose = NULL});
    http_server_stop(first);
    http_server_stop(second);
    free(url);
    free(targets[0]);
    free(targets[1]);
}

static void redirect_to_nowhere(void **state)
{
    char *url = http_server_url(stores.server, stores.path[1]);
    ikv_store *store = NULL;
    ikv_error err;

    (void)state;
    http_server_set(stores.server, &(http_plan){.redirect = "http://127.0.0.1:1/nowhere"});
    assert_failed(ikv_open(url, NULL, &store, &err), -ECONNREFUSED, &err, url);
    http_server_set(stores.server, &(http_plan){.choose = NULL});
    free(url);
}

static void assert_says(const ikv_error *err, const char *text)
{
    if (!strstr(err->message, text))
        fail_msg("\"%s\" does not say: %s", err->message, text);
}

static int no_open(const char *url, const ikv_open_options *options, ikv_error *err)
{
    ikv_store *store = NULL;
    const int code = ikv_open(url, options, &store, err);

    assert_true(code < 0);
    return code;
}

static void what_is_no_store(void **state)
{
    static const char text[] = "hello";
    char *path = tmpdir_file(&group_dir, "text");
    char *url;
    ikv_error err;

    (void)state;
    file_write(path, text, 5);
    url = http_server_url(stores.server, path);
    assert_failed(no_open(url, NULL, &err), IKV_E_NOT_STORE, &err, url);
    file_write(path, text, 0);
    assert_failed(no_open(url, NULL, &err), IKV_E_NOT_STORE, &err, url);
    assert_says(&err, "HTTP status 416, the object is empty");
    (void)unlink(path);
    assert_failed(no_open(url, NULL, &err), -ENOENT, &err, url);
    assert_non_null(strstr(err.message, "404"));
    free(url);
    free(path);

    url = http_server_url(stores.server, stores.path[2]); /* plain: needs a key type */
    assert_failed(no_open(url, NULL, &err), IKV_E_KEY_TYPE_MISSING, &err, url);
    free(url);
}

/* Messages say what is wrong with the responses. */
static void servers_that_cannot_serve_ranges(void **state)
{
    static const struct {
        http_plan plan;
        http_fault fault;
        int code;
        const char *text;
    } cases[] = {
        {{0}, HTTP_STAR_RANGE, IKV_E_REMOTE, "status 206, no valid Content-Range"},
        {{0}, HTTP_BAD_RANGE, IKV_E_REMOTE, "status 206, no valid Content-Range"},
        {{0}, HTTP_REFUSED, IKV_E_REMOTE, "status 416, the server refuses the range"},
        {{0}, HTTP_WHOLE, IKV_E_UNSUPPORTED, "status 200, the server ignores range requests"},
        {{.no_total = 1}, HTTP_FINE, IKV_E_UNSUPPORTED, "does not say the object's size"},
        {{.no_total = 1, .no_suffix = 1},
         HTTP_FINE,
         IKV_E_UNSUPPORTED,
         "does not say the object's size"},
    };
    char *url = http_server_url(stores.server, stores.path[1]);
    ikv_http_options http = IKV_HTTP_OPTIONS_INIT;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_error err;

    (void)state;
    http.attempts = 1;
    options.http = &http;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        http_plan plan = cases[i].plan;
        http_fault fault = cases[i].fault;
        plan.choose = always;
        plan.user = &fault;
        http_server_set(stores.server, &plan);
        assert_failed(no_open(url, &options, &err), cases[i].code, &err, url);
        assert_says(&err, cases[i].text);
    }
    http_server_set(stores.server, &(http_plan){.choose = NULL});
    free(url);
}

static void options_are_checked(void **state)
{
    const char *const bad_headers[] = {"no colon", "Split: a\r\nb", ": empty", "range: bytes=0-9",
                                       "If-Match: *"};
    char *url = http_server_url(stores.server, stores.path[0]);
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_error err;

    (void)state;
    for (size_t i = 0; i < sizeof bad_headers / sizeof bad_headers[0]; i++) {
        ikv_http_options http = IKV_HTTP_OPTIONS_INIT;
        http.headers = &bad_headers[i];
        http.header_count = 1;
        options.http = &http;
        assert_failed(no_open(url, &options, &err), IKV_E_INVALID, &err, url);
        assert_null(strstr(err.message, bad_headers[i]));
    }
    ikv_http_options http = IKV_HTTP_OPTIONS_INIT;
    http.connections = 4097;
    options.http = &http;
    assert_failed(no_open(url, &options, &err), IKV_E_INVALID, &err, url);
    options = (ikv_open_options)IKV_OPEN_OPTIONS_INIT;
    options.flags = IKV_OPEN_DIRECT;
    assert_failed(no_open(url, &options, &err), IKV_E_INVALID, &err, NULL);
    options.flags = 0;
    options.backend = IKV_BACKEND_PREAD;
    assert_failed(no_open(url, &options, &err), IKV_E_INVALID, &err, NULL);
    free(url);
}

/* The second opening, and its lookups, need only what identifies the object. */
static void a_cache_keeps_what_was_read(void **state)
{
    char *path = tmpdir_file(&group_dir, "cache");
    char *url = http_server_url(stores.server, stores.path[1]);
    ikv_http_options http = IKV_HTTP_OPTIONS_INIT;
    ikv_store *store;

    (void)state;
    http.cache = path;
    http.cache_size = (uint64_t)64 << 20;
    store = open_url(url, &http, 0);
    assert_answers(store);
    ikv_close(store);
    const uint64_t before = http_server_requests(stores.server);
    store = open_url(url, &http, 0);
    assert_answers(store);
    ikv_close(store);
    assert_int_equal(http_server_requests(stores.server) - before, 2);
    free(url);
    free(path);
}

static int setup(void **state)
{
    http_stores_start(&stores, state, 60000, MODEL_SIZES_EIGHT);
    return 0;
}

static int teardown(void **state)
{
    return http_stores_stop(&stores, state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_takes_three_requests),
        cmocka_unit_test(servers_without_suffix_ranges),
        cmocka_unit_test(secrets_stay_with_their_host),
        cmocka_unit_test(passwords_of_proxies),
        cmocka_unit_test(user_agents),
        cmocka_unit_test(redirects_expire),
        cmocka_unit_test(redirect_to_nowhere),
        cmocka_unit_test(what_is_no_store),
        cmocka_unit_test(servers_that_cannot_serve_ranges),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(a_cache_keeps_what_was_read),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
