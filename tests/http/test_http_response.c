/* Header lines of responses, and what is made of them, by hand. */
#include "http/response.h"

#include "indexkv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct ikv_http_response response_of(const char *const *lines)
{
    struct ikv_http_response response = {0};

    for (; *lines; lines++)
        ikv_http_response_line(&response, *lines, strlen(*lines));
    return response;
}

#define RESPONSE(...) response_of((const char *const[]){__VA_ARGS__, NULL})

static const struct ikv_http_identity known = {.etag = "\"a\"", .modified = "then", .size = 1000};
static const struct ikv_http_identity unknown = {.size = UINT64_MAX};

static void lines_are_understood(void **state)
{
    const struct ikv_http_response response =
        RESPONSE("HTTP/1.1 206 Partial Content", "content-range:  bytes 10-19/1000 ",
                 "ETAG: \"a b\"", "Last-Modified: Mon, 30 Nov 2026 10:00:00 GMT", "Retry-After: 7",
                 "X-Other: bytes 1-2/3", "Content-Encoding: identity");

    (void)state;
    assert_int_equal(response.status, 206);
    assert_true(response.has_range);
    assert_int_equal(response.first, 10);
    assert_int_equal(response.last, 19);
    assert_int_equal(response.total, 1000);
    assert_string_equal(response.etag, "\"a b\"");
    assert_string_equal(response.modified, "Mon, 30 Nov 2026 10:00:00 GMT");
    assert_int_equal(response.retry_after_s, 7);
    assert_false(response.is_encoded);
}

static void the_last_response_counts(void **state)
{
    const struct ikv_http_response response =
        RESPONSE("HTTP/1.1 302 Found", "ETag: \"redirect\"", "Content-Range: bytes 1-2/3",
                 "HTTP/2 206", "Content-Range: bytes 0-0/18446744073709551614");

    (void)state;
    assert_int_equal(response.status, 206);
    assert_string_equal(response.etag, "");
    assert_int_equal(response.first, 0);
    assert_int_equal(response.last, 0);
    assert_int_equal(response.total, UINT64_MAX - 1);
}

static void bad_ranges_are_no_ranges(void **state)
{
    static const char *const bad[] = {
        "Content-Range: bytes 10-9/1000",
        "Content-Range: bytes -9/1000",
        "Content-Range: bytes 1-/1000",
        "Content-Range: bytes 1-2",
        "Content-Range: bytes 1-2/x",
        "Content-Range: lines 1-2/1000",
        "Content-Range: bytes 1-18446744073709551616/2",
        "Content-Range: bytes 99999999999999999999-3/2",
        "Content-Range: bytes */1000",
        "Content-Range:",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct ikv_http_response response = RESPONSE("HTTP/1.1 206 OK", bad[i]);
        assert_false(response.has_range);
        assert_int_equal(ikv_http_judge(&response, &known, 1, 3).code, IKV_E_REMOTE);
    }
}

static void a_tag_that_does_not_fit_is_none(void **state)
{
    char line[IKV_HTTP_TAG_MAX + 20] = "ETag: \"";
    struct ikv_http_response response = {0};

    (void)state;
    memset(line + 7, 'x', IKV_HTTP_TAG_MAX);
    ikv_http_response_line(&response, line, strlen(line));
    assert_string_equal(response.etag, "");
    assert_true(ikv_http_tag_is_strong("\"a\""));
    assert_false(ikv_http_tag_is_strong("W/\"a\""));
    assert_false(ikv_http_tag_is_strong(""));
}

static void statuses(void **state)
{
    static const struct {
        unsigned status;
        int code;
        int may_retry;
    } cases[] = {
        {200, IKV_E_UNSUPPORTED, 0}, {206, 0, 0},
        {301, IKV_E_REMOTE, 0},      {400, IKV_E_REMOTE, 0},
        {401, -EACCES, 0},           {403, -EACCES, 0},
        {404, -ENOENT, 0},           {410, -ENOENT, 0},
        {408, IKV_E_REMOTE, 1},      {412, IKV_E_CHANGED, 0},
        {416, IKV_E_REMOTE, 1},      {429, IKV_E_REMOTE, 1},
        {500, IKV_E_REMOTE, 1},      {502, IKV_E_REMOTE, 1},
        {503, IKV_E_REMOTE, 1},      {504, IKV_E_REMOTE, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct ikv_http_verdict verdict = ikv_http_judge_status(cases[i].status);
        assert_int_equal(verdict.code, cases[i].code);
        assert_int_equal(verdict.may_retry, cases[i].may_retry);
    }
}

/* Status 416: the object is empty, another one, or the server is wrong. */
static void refused_ranges(void **state)
{
    struct ikv_http_response response = RESPONSE("HTTP/1.1 416 No", "Content-Range: bytes */1000");

    (void)state;
    assert_int_equal(ikv_http_judge(&response, &known, 10, 20).code, IKV_E_REMOTE);
    assert_true(ikv_http_judge(&response, &known, 10, 20).may_retry);
    assert_int_equal(ikv_http_judge(&response, &unknown, 0, 20).code, IKV_E_REMOTE);
    assert_int_equal(ikv_http_judge(&response, &unknown, UINT64_MAX, 20).code, IKV_E_UNSUPPORTED);
    response = RESPONSE("HTTP/1.1 416 No", "Content-Range: bytes */1000", "ETag: \"b\"");
    assert_int_equal(ikv_http_judge(&response, &known, 10, 20).code, IKV_E_CHANGED);
    response = RESPONSE("HTTP/1.1 416 No", "Content-Range: bytes */15");
    assert_int_equal(ikv_http_judge(&response, &known, 10, 20).code, IKV_E_CHANGED);
    response = RESPONSE("HTTP/1.1 416 No", "Content-Range: bytes */0");
    assert_int_equal(ikv_http_judge(&response, &unknown, 0, 20).code, IKV_E_NOT_STORE);
    response = RESPONSE("HTTP/1.1 416 No");
    assert_int_equal(ikv_http_judge(&response, &unknown, 0, 20).code, IKV_E_NOT_STORE);
    assert_int_equal(ikv_http_judge(&response, &known, 10, 20).code, IKV_E_CHANGED);
}

#define OK "HTTP/1.1 206 Partial Content"

static void ranges_must_match(void **state)
{
    struct ikv_http_response response = RESPONSE(OK, "Content-Range: bytes 10-19/1000");

    (void)state;
    assert_int_equal(ikv_http_judge(&response, &known, 10, 20).code, 0);
    assert_int_equal(ikv_http_judge(&response, &known, 10, 21).code, IKV_E_REMOTE);
    assert_true(ikv_http_judge(&response, &known, 10, 21).may_retry);
    assert_int_equal(ikv_http_judge(&response, &known, 10, 19).code, IKV_E_REMOTE);
    assert_int_equal(ikv_http_judge(&response, &known, 9, 20).code, IKV_E_REMOTE);
    assert_int_equal(ikv_http_judge(&response, &known, 11, 20).code, IKV_E_REMOTE);

    /* Both ends may reach beyond the object. */
    response = RESPONSE(OK, "Content-Range: bytes 990-999/1000");
    assert_int_equal(ikv_http_judge(&response, &known, 990, 1005).code, 0);
    assert_int_equal(ikv_http_judge(&response, &unknown, UINT64_MAX, 10).code, 0);
    assert_int_equal(ikv_http_judge(&response, &unknown, UINT64_MAX, 11).code, IKV_E_REMOTE);
    response = RESPONSE(OK, "Content-Range: bytes 0-999/1000");
    assert_int_equal(ikv_http_judge(&response, &unknown, UINT64_MAX, 5000).code, 0);
    response = RESPONSE(OK, "Content-Range: bytes 0-999/*");
    assert_int_equal(ikv_http_judge(&response, &unknown, UINT64_MAX, 5000).code, IKV_E_UNSUPPORTED);
    assert_int_equal(ikv_http_judge(&response, &unknown, 0, 1000).code, IKV_E_UNSUPPORTED);
    assert_int_equal(ikv_http_judge(&response, &known, 0, 1000).code, 0);
}

static void other_states_are_changes(void **state)
{
    static const char *const range = "Content-Range: bytes 10-19/1000";
    struct ikv_http_response response = RESPONSE(OK, range, "ETag: \"b\"");

    (void)state;
    assert_int_equal(ikv_http_judge(&response, &known, 10, 20).code, IKV_E_CHANGED);
    response = RESPONSE(OK, "Content-Range: bytes 10-19/1001", "ETag: \"a\"");
    assert_int_equal(ikv_http_judge(&response, &known, 10, 20).code, IKV_E_CHANGED);
    /* The tag decides, whatever the time says: replicas may have other times. */
    response = RESPONSE(OK, range, "ETag: \"a\"", "Last-Modified: now");
    assert_int_equal(ikv_http_judge(&response, &known, 10, 20).code, 0);
    response = RESPONSE(OK, range, "Last-Modified: now");
    assert_int_equal(ikv_http_judge(&response, &known, 10, 20).code, IKV_E_CHANGED);
    response = RESPONSE(OK, range, "Last-Modified: then");
    assert_int_equal(ikv_http_judge(&response, &known, 10, 20).code, 0);
}

static void bodies_that_are_not_the_object(void **state)
{
    struct ikv_http_response response =
        RESPONSE(OK, "Content-Range: bytes 10-19/1000", "Content-Encoding: gzip");

    (void)state;
    assert_int_equal(ikv_http_judge(&response, &known, 10, 20).code, IKV_E_UNSUPPORTED);
    response = RESPONSE("HTTP/1.1 200 OK", "Content-Length: 0");
    assert_int_equal(ikv_http_judge(&response, &unknown, 0, 10).code, IKV_E_NOT_STORE);
    assert_int_equal(ikv_http_judge(&response, &known, 0, 10).code, IKV_E_CHANGED);
    response = RESPONSE("HTTP/1.1 200 OK", "Content-Length: 1000");
    assert_int_equal(ikv_http_judge(&response, &known, 0, 10).code, IKV_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_understood),
        cmocka_unit_test(the_last_response_counts),
        cmocka_unit_test(bad_ranges_are_no_ranges),
        cmocka_unit_test(a_tag_that_does_not_fit_is_none),
        cmocka_unit_test(statuses),
        cmocka_unit_test(refused_ranges),
        cmocka_unit_test(ranges_must_match),
        cmocka_unit_test(other_states_are_changes),
        cmocka_unit_test(bodies_that_are_not_the_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
