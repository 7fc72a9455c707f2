#include "http/source.h"

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/format/checksum.h"
#include "http/channel.h"
#include "http/url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define CONNECTIONS_DEFAULT 64
#define CONNECTIONS_MAX     4096
#define TIMEOUT_DEFAULT     30000
#define ATTEMPTS_DEFAULT    5
#define ATTEMPTS_MAX        100
#define CACHE_SIZE_DEFAULT  ((uint64_t)256 << 20)
#define CACHE_SIZE_MIN      ((uint64_t)1 << 20)

/* Read first of both ends. The footer and the section directory are at the end, and, in a store of
 * up to some millions of pairs, all that ikv_open loads. */
#define HEAD_SIZE 4096u
#define TAIL_SIZE ((uint32_t)512 << 10)
/* ---------------------------------------------------------------- open, close */

static void http_close(struct ikv_source *base)
{
    struct ikv_http_object *source = (struct ikv_http_object *)base;

    while (source->idle) {
        struct ikv_http_channel *channel = source->idle;
        source->idle = channel->next;
        ikv_http_channel_free(channel);
    }
    ikv_http_cache_close(source->cache);
    source->curl.slist_free_all(source->own_lines);
    source->curl.slist_free_all(source->lines);
    ikv_process_unmark(&source->process);
    (void)pthread_mutex_destroy(&source->lock);
    free((char *)base->path);
    free(source->url);
    free(source->direct);
    free(source->ca_file);
    free(source->proxy);
    free(source->head);
    free(source->tail);
    const struct ikv_curl curl = source->curl;
    free(source);
    curl.global_cleanup();
}

/* Requests are configured anew: with a condition, and without redirects. */
static uint64_t new_serial(const struct ikv_http_object *source)
{
    static const char salt[] = "http";
    const uint64_t parts[] = {ikv_clock(), (uint64_t)(uintptr_t)source,
                              atomic_load_explicit(&source->serial, memory_order_relaxed),
                              (uint64_t)(uintptr_t)salt};

    return ikv_checksum(parts, sizeof parts) | 1;
}

static void http_opened(struct ikv_source *base)
{
    struct ikv_http_object *source = (struct ikv_http_object *)base;

    source->is_open = true;
    base->open_requests = atomic_load_explicit(&source->requests, memory_order_relaxed);
    free(source->head);
    free(source->tail);
    source->head = source->tail = NULL;
    source->head_size = source->tail_size = 0;
    for (struct ikv_http_channel *at = source->idle; at; at = at->next) {
        free(at->ahead);
        at->ahead = NULL;
        at->begin = at->end = 0;
    }
}

static const char *http_explain(struct ikv_source *base, int code, char *buf, size_t size)
{
    return ikv_http_failure((struct ikv_http_object *)base, code, buf, size);
}

static const struct ikv_source_type http_type = {
    .backend = &ikv_io_http,
    .read = ikv_http_read,
    .will_read = ikv_http_will_read,
    .opened = http_opened,
    .explain = http_explain,
    .close = http_close,
};

static int copy_text(char **to, const char *text)
{
    if (!text)
        return 0;
    const size_t size = strlen(text) + 1;
    *to = malloc(size);
    if (!*to)
        return -ENOMEM;
    memcpy(*to, text, size);
    return 0;
}

static int add_line(const struct ikv_curl *curl, struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl->slist_append(*list, line);

    if (!longer)
        return -ENOMEM;
    *list = longer;
    return 0;
}

/* A header line of every request, unless the caller has set the same header. */
static int add_own_line(struct ikv_http_object *source, const char *line)
{
    const size_t name = strcspn(line, ":") + 1;
    const int code = add_line(&source->curl, &source->own_lines, line);

    for (const struct curl_slist *at = source->lines; at; at = at->next)
        if (strncasecmp(at->data, line, name) == 0)
            return code;
    return code < 0 ? code : add_line(&source->curl, &source->lines, line);
}

static bool is_header_line(const char *line)
{
    return line && strchr(line, ':') > line && !strpbrk(line, "\r\n");
}

/* Lines that say which bytes are read, of which state of the object. */
static bool is_reserved(const char *line)
{
    return strncasecmp(line, "Range:", 6) == 0 || strncasecmp(line, "If-", 3) == 0;
}

static int check_options(const ikv_http_options *options, const struct ikv_where at, ikv_error *err)
{
    const char *wrong = NULL;

    if (options->connections > CONNECTIONS_MAX)
        wrong = "more than 4096 connections";
    else if (options->attempts > ATTEMPTS_MAX)
        wrong = "more than 100 attempts";
    else if (options->header_count > 0 && !options->headers)
        wrong = "header_count without headers";
    else if (options->cache && options->cache_size && options->cache_size < CACHE_SIZE_MIN)
        wrong = "cache_size below 1 MiB";
    for (size_t i = 0; i < options->header_count && !wrong; i++)
        if (!is_header_line(options->headers[i]))
            wrong = "a header is not of the form \"Name: value\"";
        else if (is_reserved(options->headers[i]))
            wrong = "Range and conditions (If-...) are not for the caller to set";
    return wrong ? ikv_fail(err, IKV_E_INVALID, at, "http options: %s", wrong) : 0;
}

static int copy_options(struct ikv_http_object *source, const ikv_http_options *options)
{
    int code = copy_text(&source->ca_file, options->ca_file);

    if (code == 0)
        code = copy_text(&source->proxy, options->proxy);
    for (size_t i = 0; i < options->header_count && code == 0; i++)
        code = add_line(&source->curl, &source->lines, options->headers[i]);
    if (code == 0)
        code = add_own_line(source, "User-Agent: indexkv/" IKV_VERSION_STRING);
    source->base.depth = options->connections ? options->connections : CONNECTIONS_DEFAULT;
    source->attempts = options->attempts ? options->attempts : ATTEMPTS_DEFAULT;
    source->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_DEFAULT;
    source->max_gap = options->max_gap;
    return code;
}

/* Bind later requests to the object as it is now. */
static int set_condition(struct ikv_http_object *source)
{
    const struct ikv_http_identity *identity = &source->identity;
    char line[sizeof "If-Unmodified-Since: " + IKV_HTTP_TAG_MAX];

    if (ikv_http_tag_is_strong(identity->etag))
        (void)snprintf(line, sizeof line, "If-Match: %s", identity->etag);
    else if (*identity->modified)
        (void)snprintf(line, sizeof line, "If-Unmodified-Since: %s", identity->modified);
    else
        return 0;
    atomic_store_explicit(&source->serial, new_serial(source), memory_order_release);
    return add_own_line(source, line);
}

/* Read both ends at once; the second one again if the server does not know ranges that count from
 * the end. */
static int read_ends(struct ikv_http_object *source, struct ikv_io *io)
{
    const struct ikv_io_file file = {.fd = -1, .source = &source->base};
    struct ikv_io_request requests[2];

    source->head = malloc(HEAD_SIZE);
    source->tail = malloc(TAIL_SIZE);
    if (!source->head || !source->tail)
        return -ENOMEM;
    source->base.size = UINT64_MAX;
    requests[0] = ikv_http_request_of(&file, source->head, 0, HEAD_SIZE);
    requests[1] = ikv_http_request_of(&file, source->tail, IKV_HTTP_LAST_BYTES, TAIL_SIZE);
    int code = ikv_http_execute(io, requests, 2, NULL);
    const bool no_suffix = requests[1].code == IKV_E_UNSUPPORTED;
    if (requests[0].code < 0)
        return requests[0].code;
    if (code < 0 && !no_suffix)
        return code;
    source->base.size = source->identity.size;
    source->head_size = (size_t)ikv_min(HEAD_SIZE, source->base.size);
    source->tail_size = (size_t)ikv_min(TAIL_SIZE, source->base.size);
    if (!no_suffix)
        return 0;
    requests[1] = ikv_http_request_of(&file, source->tail, source->base.size - source->tail_size,
                                      (uint32_t)source->tail_size);
    return ikv_http_execute(io, &requests[1], 1, NULL);
}

/* A number for the object's state; 0: the server does not identify it. */
static int identify(struct ikv_http_object *source)
{
    const struct ikv_http_identity *identity = &source->identity;
    struct ikv_checksum_stream *sum;

    if (!*identity->etag && !*identity->modified)
        return 0;
    const int code = ikv_checksum_stream_new(&sum);
    if (code < 0)
        return code;
    ikv_checksum_stream_reset(sum);
    ikv_checksum_stream_add(sum, identity->etag, strlen(identity->etag) + 1);
    ikv_checksum_stream_add(sum, identity->modified, strlen(identity->modified) + 1);
    ikv_checksum_stream_add(sum, &identity->size, sizeof identity->size);
    source->base.identity = ikv_checksum_stream_value(sum) | 1;
    ikv_checksum_stream_free(sum);
    return 0;
}

/* Not if a replaced object could not be noticed. Objects of different URLs are different. */
static int open_cache(struct ikv_http_object *source, const ikv_http_options *options,
                      ikv_error *err)
{
    if (!options->cache || source->base.identity == 0)
        return 0;
    const uint64_t object =
        ikv_checksum_seeded(source->url, strlen(source->url), source->base.identity);
    return ikv_http_cache_open(options->cache,
                               options->cache_size ? options->cache_size : CACHE_SIZE_DEFAULT,
                               object, source->base.size, &source->cache, err);
}

static int open_object(struct ikv_http_object *source, const ikv_http_options *options,
                       ikv_error *err)
{
    const struct ikv_where at = IKV_AT_FILE(source->base.path);
    char why[240];

    int code = copy_options(source, options);
    struct ikv_http_channel *channel = code == 0 ? ikv_http_channel_new() : NULL;
    if (!channel)
        return ikv_fail(err, -ENOMEM, at, "cannot open");
    source->idle = channel;
    code = read_ends(source, channel->io);
    if (code < 0) {
        const char *text = http_explain(&source->base, code, why, sizeof why);
        return ikv_fail(err, code, at, "%s", *text ? text : "cannot open");
    }
    if (set_condition(source) < 0 || identify(source) < 0)
        return ikv_fail(err, -ENOMEM, at, "cannot open");
    return open_cache(source, options, err);
}

int ikv_http_open(const char *url, const ikv_http_options *options, struct ikv_source **ret,
                  ikv_error *err)
{
    ikv_http_options known;
    char *shown = ikv_url_shown(url);
    struct ikv_http_object *source = calloc(1, sizeof *source);

    int code = shown && source ? ikv_curl_load(&source->curl) : -ENOMEM;
    if (code == 0 && source->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        code = -ENOMEM;
    if (code < 0) {
        free(source);
        code = code == -ENOSYS ? ikv_fail(err, IKV_E_UNSUPPORTED, IKV_AT_FILE(shown),
                                          "reading URLs requires libcurl 7.66 or newer")
                               : ikv_fail(err, code, IKV_NOWHERE, "cannot open a URL");
        free(shown);
        return code;
    }
    source->base = (struct ikv_source){.type = &http_type, .path = shown};
    source->identity.size = UINT64_MAX;
    ikv_process_mark(&source->process);
    (void)pthread_mutex_init(&source->lock, NULL);
    atomic_init(&source->serial, new_serial(source));
    code = ikv_options_copy(&known, sizeof known, options, err);
    if (code == 0)
        code = check_options(&known, IKV_AT_FILE(shown), err);
    if (code == 0 && copy_text(&source->url, url) < 0)
        code = ikv_fail(err, -ENOMEM, IKV_AT_FILE(shown), "cannot open");
    if (code == 0)
        code = open_object(source, &known, err);
    if (code < 0) {
        http_close(&source->base);
        return code;
    }
    *ret = &source->base;
    return 0;
}
