/* An open object at a URL: what requests for it need to know, and what they learn. */
#ifndef IKV_HTTP_OBJECT_H
#define IKV_HTTP_OBJECT_H

#include "core/base/thread.h"
#include "core/io/source.h"
#include "http/cache.h"
#include "http/curl_api.h"
#include "http/response.h"

#include <pthread.h>
#include <stdatomic.h>

/* As the offset of a request, or the beginning of a transfer: the last `length` (`end`) bytes.
 * Only while the object is being opened. */
#define IKV_HTTP_LAST_BYTES UINT64_MAX

/* How many failures with different codes are remembered. */
#define IKV_HTTP_FAILURES 4

/* The backend: the I/O contract (io.h) over range requests, several at a
 * time. Reads near each other share a request. Failed requests are repeated, after pauses that
 * grow. An object of it belongs to the thread that created it; a forked child must not use it. */
extern const struct ikv_io_backend ikv_io_http;

struct ikv_http_channel;

struct ikv_http_object {
    struct ikv_source base;
    struct ikv_curl curl;

    char *url;                    /* as given */
    char *ca_file;                /* NULL: the system's */
    char *proxy;                  /* NULL: from the environment */
    struct curl_slist *own_lines; /* header lines, with the condition that `identity` sets */
    struct curl_slist *lines;     /* these and the caller's, which only the URL's host receives */
    uint32_t attempts;
    uint32_t timeout_ms;
    uint32_t max_gap;        /* 0: measured */
    bool is_http2;           /* requests share a connection */
    bool is_open;            /* opening is done */
    _Atomic uint64_t serial; /* changes when requests must be configured anew */
    struct ikv_http_identity identity;
    struct ikv_http_cache *cache; /* NULL: none */

    atomic_bool changed;         /* the object was replaced: nothing more is read */
    _Atomic uint64_t requests;   /* sent so far */
    _Atomic uint64_t latency_us; /* of the fastest request */
    _Atomic uint64_t rate;       /* bytes per millisecond of the fastest body */
    _Atomic uint64_t gave_up_at; /* ikv_clock when a request last failed for good; 0: never */

    struct ikv_process process;    /* that owns the idle channels */
    pthread_mutex_t lock;          /* guards the rest */
    struct ikv_http_channel *idle; /* for reads of whole buffers */
    char *direct;                  /* where `url` redirects to; NULL: nowhere */
    struct {
        int code; /* 0: none */
        char text[160];
    } failures[IKV_HTTP_FAILURES]; /* the last ones, with different codes */
    unsigned next_failure;

    /* While it is being opened: both ends of the object. */
    unsigned char *head;
    size_t head_size;
    unsigned char *tail;
    size_t tail_size;
};

static inline struct ikv_http_object *ikv_http_object_of(const struct ikv_io_file *file)
{
    return (struct ikv_http_object *)file->source;
}

/* Remember why a read failed. */
void ikv_http_note_failure(struct ikv_http_object *object, int code, const char *text);
/* Neighbouring reads share a request if at most this many bytes are between them, with this many
 * requests at a time. */
uint64_t ikv_http_gap(const struct ikv_http_object *object, unsigned requests);

/* Text about the last failure with this code; "": none. Returns `buf`. */
const char *ikv_http_failure(struct ikv_http_object *object, int code, char *buf, size_t size);

#endif
