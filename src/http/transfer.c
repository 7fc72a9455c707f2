#include "http/transfer.h"

#include "core/base/clock.h"
#include "core/base/mix.h"
#include "http/url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REDIRECTS_MAX     10
#define REDIRECT_BODY_MAX 65536

#define MEASURE_EVERY 8

/* Bodies of this size tell how fast they arrive. */
#define RATE_SIZE 65536

/* ---------------------------------------------------------------- while it runs */

static size_t take_header(char *line, size_t size, size_t count, void *user)
{
    struct ikv_http_transfer *transfer = user;
    size_t length = size * count;
    const size_t taken = length;

    while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == '\n'))
        length--;
    if (length > 0)
        ikv_http_response_line(&transfer->response, line, length);
    return taken;
}

static bool is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void judge(struct ikv_http_transfer *transfer)
{
    if (transfer->is_judged)
        return;
    transfer->is_judged = true;
    transfer->verdict = ikv_http_judge(&transfer->response, &transfer->object->identity,
                                       transfer->begin, transfer->end);
}

/* Returning less than it was given ends the transfer: nothing of a wrong body is downloaded. */
static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
    struct ikv_http_transfer *transfer = user;
    const struct ikv_http_response *response = &transfer->response;
    const size_t length = size * count;

    if (is_redirect(response->status)) { /* a short text; reading it keeps the connection */
        transfer->received += length;
        return transfer->received <= REDIRECT_BODY_MAX ? length : 0;
    }
    judge(transfer);
    if (transfer->verdict.code < 0 ||
        length > response->last - response->first + 1 - transfer->received)
        return 0;
    transfer->take(transfer->user, response->first + transfer->received,
                   (const unsigned char *)bytes, length);
    transfer->received += length;
    transfer->progress_at = ikv_clock();
    return length;
}

/* ---------------------------------------------------------------- start */

static void set_protocols(const struct ikv_http_transfer *transfer, CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    (void)transfer->curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    (void)transfer->curl->easy_setopt(easy, CURLOPT_PROTOCOLS,
                                      (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

/* What all requests of the object have in common. Redirects are not followed by curl, which would
 * send the caller's header lines to other hosts. */
static CURLcode configure(struct ikv_http_transfer *transfer)
{
    const struct ikv_http_object *object = transfer->object;
    CURL *easy = transfer->easy;

    transfer->curl->easy_reset(easy);
    set_protocols(transfer, easy);
    (void)transfer->curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)transfer->curl->easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    (void)transfer->curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    (void)transfer->curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    (void)transfer->curl->easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    (void)transfer->curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    (void)transfer->curl->easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    (void)transfer->curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)object->timeout_ms);
    (void)transfer->curl->easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)transfer->curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    /* Wait for the connection that the requests will share, instead of opening one for each. */
    (void)transfer->curl->easy_setopt(easy, CURLOPT_PIPEWAIT, object->is_http2 ? 1L : 0L);
    CURLcode result = CURLE_OK;
    if (object->ca_file)
        result = transfer->curl->easy_setopt(easy, CURLOPT_CAINFO, object->ca_file);
    if (result == CURLE_OK && object->proxy)
        result = transfer->curl->easy_setopt(easy, CURLOPT_PROXY, object->proxy);
    return result;
}

static CURLcode set_url(struct ikv_http_transfer *transfer)
{
    struct ikv_http_object *object = transfer->object;
    const char *url = transfer->redirect ? transfer->redirect : object->url;
    const bool is_usual = !transfer->redirect && !transfer->from_start;
    const bool is_shared = is_usual && !ikv_process_is_forked(&object->process);

    if (is_shared)
        (void)pthread_mutex_lock(&object->lock);
    transfer->is_direct = is_usual && object->direct;
    if (transfer->is_direct)
        url = object->direct;
    transfer->lines.data = transfer->range;
    transfer->lines.next =
        ikv_url_same_origin(url, object->url) ? object->lines : object->own_lines;
    (void)transfer->curl->easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, &transfer->lines);
    const CURLcode result = transfer->curl->easy_setopt(transfer->easy, CURLOPT_URL, url);
    if (is_shared)
        (void)pthread_mutex_unlock(&object->lock);
    return result;
}

/* A header line, unlike CURLOPT_RANGE, is neither copied nor formatted twice for each request. */
static void set_range(struct ikv_http_transfer *transfer)
{
    if (transfer->begin == IKV_HTTP_LAST_BYTES)
        (void)snprintf(transfer->range, sizeof transfer->range, "Range: bytes=-%llu",
                       (unsigned long long)transfer->end);
    else
        (void)snprintf(transfer->range, sizeof transfer->range, "Range: bytes=%llu-%llu",
                       (unsigned long long)transfer->begin,
                       (unsigned long long)(transfer->end - 1));
}

int ikv_http_transfer_start(struct ikv_http_transfer *transfer, CURLM *multi)
{
    const uint64_t serial = atomic_load_explicit(&transfer->object->serial, memory_order_acquire);
    const bool usual = !transfer->redirect && !transfer->from_start;
    CURLcode result = CURLE_OK;

    if (!transfer->easy)
        transfer->easy = transfer->curl->easy_init();
    if (!transfer->easy)
        return -ENOMEM;
    if (transfer->configured != serial || !usual) {
        result = configure(transfer);
        if (result == CURLE_OK)
            result = set_url(transfer);
        transfer->configured = usual && result == CURLE_OK ? serial : 0;
    }
    set_range(transfer);
    if (result != CURLE_OK)
        return -ENOMEM;
    transfer->response = (struct ikv_http_response){0};
    transfer->is_judged = false;
    transfer->received = 0;
    transfer->error[0] = 0;
    transfer->progress_at = ikv_clock();
    atomic_fetch_add_explicit(&transfer->object->requests, 1, memory_order_relaxed);
    return transfer->curl->multi_add_handle(multi, transfer->easy) == CURLM_OK ? 0 : -ENOMEM;
}

/* ---------------------------------------------------------------- end */

static struct ikv_http_verdict verdict_of_curl(struct ikv_http_transfer *transfer, CURLcode result)
{
    struct ikv_http_verdict verdict = {IKV_E_REMOTE, true, NULL};

    switch (result) {
    case CURLE_OUT_OF_MEMORY:
        verdict = (struct ikv_http_verdict){-ENOMEM, false, NULL};
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        verdict.code = -EHOSTUNREACH;
        break;
    case CURLE_COULDNT_CONNECT:
        verdict.code = -ECONNREFUSED;
        break;
    case CURLE_OPERATION_TIMEDOUT:
        verdict.code = -ETIMEDOUT;
        break;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        verdict.code = -ECONNRESET;
        break;
    case CURLE_URL_MALFORMAT:
        verdict = (struct ikv_http_verdict){IKV_E_INVALID, false, NULL};
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        verdict.may_retry = false;
        break;
    default:
        break;
    }
    /* The text may quote the URL of a proxy, with a password. */
    const bool has_text = transfer->error[0] && !strchr(transfer->error, '@');
    verdict.what = has_text ? transfer->error : transfer->curl->easy_strerror(result);
    return verdict;
}

/* Remember a minimum or maximum. Concurrent updates may get lost. */
static void note_least(_Atomic uint64_t *value, uint64_t now)
{
    const uint64_t before = atomic_load_explicit(value, memory_order_relaxed);

    if (now > 0 && (before == 0 || now < before))
        atomic_store_explicit(value, now, memory_order_relaxed);
}

static void note_most(_Atomic uint64_t *value, uint64_t now)
{
    if (now > atomic_load_explicit(value, memory_order_relaxed))
        atomic_store_explicit(value, now, memory_order_relaxed);
}

/* One transfer in MEASURE_EVERY is enough. */
static void measure(struct ikv_http_transfer *transfer)
{
    if (transfer->ended++ % MEASURE_EVERY != 0)
        return;
    curl_off_t sent = 0;
    curl_off_t first = 0;
    curl_off_t total = 0;

    (void)transfer->curl->easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
    (void)transfer->curl->easy_getinfo(transfer->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
    (void)transfer->curl->easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &total);
    if (first > sent)
        note_least(&transfer->object->latency_us, (uint64_t)(first - sent));
    if (transfer->received >= RATE_SIZE && total > first)
        note_most(&transfer->object->rate, transfer->received * 1000 / (uint64_t)(total - first));
}

/* A redirect, which is allowed to more security only. */
static bool follow(struct ikv_http_transfer *transfer)
{
    char *target = NULL;

    (void)transfer->curl->easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &target);
    if (!target || transfer->redirects == REDIRECTS_MAX ||
        (strncmp(transfer->object->url, "https:", 6) == 0 && strncmp(target, "https:", 6) != 0))
        return false;
    const size_t size = strlen(target) + 1;
    char *copy = malloc(size);
    if (!copy)
        return false;
    memcpy(copy, target, size);
    free(transfer->redirect);
    transfer->redirect = copy;
    transfer->redirects++;
    return true;
}

/* A remembered redirect may have been valid for some time only: begin at the URL again, once. */
static bool begin_again(struct ikv_http_transfer *transfer)
{
    const int code = transfer->verdict.code;

    if (!transfer->is_direct || transfer->from_start || transfer->redirect ||
        (code != -EACCES && code != -ENOENT))
        return false;
    transfer->from_start = true;
    return true;
}

enum ikv_http_outcome ikv_http_transfer_end(struct ikv_http_transfer *transfer, CURLM *multi,
                                            CURLcode result)
{
    const struct ikv_http_response *response = &transfer->response;

    if ((result == CURLE_OK || result == CURLE_WRITE_ERROR) && is_redirect(response->status) &&
        follow(transfer)) {
        (void)transfer->curl->multi_remove_handle(multi, transfer->easy);
        return IKV_HTTP_AGAIN;
    }
    if (response->status > 0 && (result == CURLE_OK || result == CURLE_WRITE_ERROR)) {
        /* Again: a response that ended meanwhile may have identified the object. */
        transfer->is_judged = transfer->is_judged && transfer->verdict.code < 0;
        judge(transfer);
    }
    if (!transfer->is_judged || (transfer->verdict.code == 0 && result != CURLE_OK))
        transfer->verdict = verdict_of_curl(transfer, result);
    else if (transfer->verdict.code == 0 &&
             transfer->received != response->last - response->first + 1)
        transfer->verdict = (struct ikv_http_verdict){-ECONNRESET, true, "the body is too short"};
    if (transfer->verdict.code == 0)
        measure(transfer);
    (void)transfer->curl->multi_remove_handle(multi, transfer->easy);
    if (transfer->verdict.code == 0)
        return IKV_HTTP_DONE;
    return begin_again(transfer) ? IKV_HTTP_AGAIN : IKV_HTTP_FAILED;
}

/* A forked child leaves it as it is: its parent may have held the lock. */
void ikv_http_transfer_remember(struct ikv_http_transfer *transfer)
{
    struct ikv_http_object *object = transfer->object;

    if (ikv_process_is_forked(&object->process))
        return;
    (void)pthread_mutex_lock(&object->lock);
    /* Freed when nothing points to it any more: a child that is forked now reads it unlocked. */
    char *before = object->direct;
    object->direct = transfer->redirect;
    transfer->redirect = NULL;
    (void)pthread_mutex_unlock(&object->lock);
    free(before);
    const uint64_t serial = atomic_load_explicit(&object->serial, memory_order_relaxed);
    atomic_store_explicit(&object->serial, ikv_mix(serial + 1) | 1, memory_order_release);
}

void ikv_http_transfer_cancel(struct ikv_http_transfer *transfer, CURLM *multi)
{
    (void)transfer->curl->multi_remove_handle(multi, transfer->easy);
}

void ikv_http_transfer_rewind(struct ikv_http_transfer *transfer)
{
    free(transfer->redirect);
    transfer->redirect = NULL;
    transfer->redirects = 0;
    transfer->from_start = false;
}

void ikv_http_transfer_free(struct ikv_http_transfer *transfer)
{
    if (transfer->easy)
        transfer->curl->easy_cleanup(transfer->easy);
    free(transfer->redirect);
}
