#include "http/response.h"

#include "core/base/bytes.h"
#include "indexkv.h"

#include <errno.h>
#include <strings.h>

/* ---------------------------------------------------------------- header lines */

/* The value of the header `name` in the line, without surrounding spaces; NULL: another header. */
static const char *value_of(const char *line, size_t length, const char *name, size_t *ret_length)
{
    const size_t n = strlen(name);

    if (length <= n || line[n] != ':' || ((line[0] ^ name[0]) & 0x1f) != 0 ||
        strncasecmp(line, name, n) != 0)
        return NULL;
    line += n + 1;
    length -= n + 1;
    while (length > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        length--;
    }
    while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
        length--;
    *ret_length = length;
    return line;
}

/* A value that does not fit is left out. */
static void keep(char *to, size_t size, const char *value, size_t length)
{
    if (length >= size)
        length = 0;
    memcpy(to, value, length);
    to[length] = 0;
}

/* A decimal number at *at, which moves behind it. False: no digits, or too large. */
static bool take_number(const char **at, const char *end, uint64_t *ret)
{
    const char *begin = *at;
    uint64_t number = 0;

    for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        const uint64_t digit = (uint64_t)(**at - '0');
        if (number > (UINT64_MAX - 1 - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret = number;
    return *at > begin;
}

static bool take(const char **at, const char *end, const char *text)
{
    const size_t n = strlen(text);

    if ((size_t)(end - *at) < n || strncasecmp(*at, text, n) != 0)
        return false;
    *at += n;
    return true;
}

/* "bytes 0-99/1000", "bytes 0-99/" followed by a star, or "bytes" a star and "/1000" (status 416).
 */
static void take_range(struct ikv_http_response *response, const char *value, size_t length)
{
    const char *at = value;
    const char *end = value + length;
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t total = UINT64_MAX;

    if (!take(&at, end, "bytes "))
        return;
    const bool none = take(&at, end, "*");
    if (!none && (!take_number(&at, end, &first) || !take(&at, end, "-") ||
                  !take_number(&at, end, &last) || last < first))
        return;
    if (!take(&at, end, "/"))
        return;
    if (!take(&at, end, "*") && !take_number(&at, end, &total))
        return;
    response->has_range = !none;
    response->first = first;
    response->last = last;
    response->total = total;
}

static void take_status(struct ikv_http_response *response, const char *line, size_t length)
{
    const char *end = line + length;
    uint64_t status = 0;

    *response = (struct ikv_http_response){.total = UINT64_MAX};
    while (line < end && *line != ' ')
        line++;
    while (line < end && *line == ' ')
        line++;
    if (take_number(&line, end, &status) && status < 1000)
        response->status = (unsigned)status;
}

void ikv_http_response_line(struct ikv_http_response *response, const char *line, size_t length)
{
    const char *value;
    size_t n = 0;
    uint64_t seconds = 0;

    if (!strchr("HhCcEeLlRr", *line)) /* most lines */
        return;
    if (length >= 5 && strncasecmp(line, "HTTP/", 5) == 0) {
        take_status(response, line, length);
    } else if ((value = value_of(line, length, "Content-Range", &n)) != NULL) {
        take_range(response, value, n);
    } else if ((value = value_of(line, length, "ETag", &n)) != NULL) {
        keep(response->etag, sizeof response->etag, value, n);
    } else if ((value = value_of(line, length, "Last-Modified", &n)) != NULL) {
        keep(response->modified, sizeof response->modified, value, n);
    } else if ((value = value_of(line, length, "Content-Encoding", &n)) != NULL) {
        response->is_encoded = n > 0 && (n != 8 || strncasecmp(value, "identity", 8) != 0);
    } else if ((value = value_of(line, length, "Content-Length", &n)) != NULL) {
        response->is_empty = n == 1 && *value == '0';
    } else if ((value = value_of(line, length, "Retry-After", &n)) != NULL) {
        if (take_number(&value, value + n, &seconds)) /* dates are ignored */
            response->retry_after_s = (unsigned)ikv_min(seconds, 3600);
    }
}

/* ---------------------------------------------------------------- verdicts */

static struct ikv_http_verdict verdict(int code, bool may_retry, const char *what)
{
    return (struct ikv_http_verdict){code, may_retry, what};
}

static bool is_redirect(unsigned status)
{
    return status >= 300 && status < 400;
}

struct ikv_http_verdict ikv_http_judge_status(unsigned status)
{
    switch (status) {
    case 206:
        return verdict(0, false, "");
    case 200:
        return verdict(IKV_E_UNSUPPORTED, false, "the server ignores range requests");
    case 401:
    case 403:
    case 407:
        return verdict(-EACCES, false, "not authorised");
    case 404:
    case 410:
        return verdict(-ENOENT, false, "no such object");
    case 412:
        return verdict(IKV_E_CHANGED, false, "");
    case 416:
        return verdict(IKV_E_REMOTE, true, "the server refuses the range");
    case 408:
    case 425:
    case 429:
        return verdict(IKV_E_REMOTE, true, "too many requests");
    default:
        return verdict(IKV_E_REMOTE, status >= 500,
                       is_redirect(status) ? "the redirect can't be followed"
                                           : "the request failed");
    }
}

/* A header that the server leaves out proves nothing. */
static bool differs(const char *known, const char *got)
{
    return *known && *got && strcmp(known, got) != 0;
}

static bool is_changed(const struct ikv_http_response *response,
                       const struct ikv_http_identity *identity)
{
    if (identity->size == UINT64_MAX)
        return false;
    if (response->total != UINT64_MAX && response->total != identity->size)
        return true;
    if (*identity->etag && *response->etag)
        return differs(identity->etag, response->etag);
    return differs(identity->modified, response->modified);
}

/* Status 416 says that the object ends before the range, with the object's size or without. */
static struct ikv_http_verdict judge_refusal(const struct ikv_http_response *response,
                                             const struct ikv_http_identity *identity)
{
    const bool is_known = identity->size != UINT64_MAX;

    if (!is_known && (response->total == UINT64_MAX || response->total == 0))
        return verdict(IKV_E_NOT_STORE, false, "the object is empty");
    if (is_known && (response->total == UINT64_MAX || is_changed(response, identity)))
        return verdict(IKV_E_CHANGED, false, "");
    return ikv_http_judge_status(416);
}

struct ikv_http_verdict ikv_http_judge(const struct ikv_http_response *response,
                                       const struct ikv_http_identity *identity, uint64_t begin,
                                       uint64_t end)
{
    const struct ikv_http_verdict status = ikv_http_judge_status(response->status);

    if (begin == UINT64_MAX && status.code < 0 && status.code != -EACCES &&
        status.code != -ENOENT && !is_redirect(response->status) &&
        (!status.may_retry || response->status == 416))
        return verdict(IKV_E_UNSUPPORTED, false, "the server knows no ranges from the end");
    if (response->status == 416)
        return judge_refusal(response, identity);
    if (response->status == 200 && response->is_empty)
        return verdict(identity->size == UINT64_MAX ? IKV_E_NOT_STORE : IKV_E_CHANGED, false,
                       "the object is empty");
    if (status.code < 0)
        return status;
    if (response->is_encoded)
        return verdict(IKV_E_UNSUPPORTED, false, "the server encodes the object");
    if (!response->has_range)
        return verdict(IKV_E_REMOTE, true, "no valid Content-Range in the response");
    if (is_changed(response, identity))
        return verdict(IKV_E_CHANGED, false, "");
    if (response->total == UINT64_MAX && (identity->size == UINT64_MAX || begin == UINT64_MAX))
        return verdict(IKV_E_UNSUPPORTED, false, "the server does not say the object's size");
    if (begin != UINT64_MAX) {
        end = ikv_min(end, response->total);
    } else {
        begin = response->total - ikv_min(end, response->total);
        end = response->total;
    }
    if (response->first != begin || response->last >= end)
        return verdict(IKV_E_REMOTE, true, "the response is for another range");
    if (response->last + 1 != end)
        return verdict(IKV_E_REMOTE, true, "the response is too short");
    return verdict(0, false, "");
}

void ikv_http_identify(const struct ikv_http_response *response, struct ikv_http_identity *ret)
{
    memcpy(ret->etag, response->etag, sizeof ret->etag);
    memcpy(ret->modified, response->modified, sizeof ret->modified);
    ret->size = response->total;
}

bool ikv_http_tag_is_strong(const char *etag)
{
    return etag[0] == '"';
}
