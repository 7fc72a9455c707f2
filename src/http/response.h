/*
 * Responses to range requests (RFC 9110, sections 14 and 15): what their header lines say, and
 * whether they answer the request.
 */
#ifndef IKV_HTTP_RESPONSE_H
#define IKV_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IKV_HTTP_TAG_MAX  128
#define IKV_HTTP_DATE_MAX 48

/* Which state of an object the responses must be from. */
struct ikv_http_identity {
    char etag[IKV_HTTP_TAG_MAX];      /* with its quotes; "": none */
    char modified[IKV_HTTP_DATE_MAX]; /* Last-Modified; "": none */
    uint64_t size;                    /* UINT64_MAX: not known yet */
};

struct ikv_http_response {
    unsigned status;        /* 0: none yet */
    unsigned retry_after_s; /* 0: none */
    bool has_range;         /* Content-Range with the next three */
    bool is_empty;          /* Content-Length 0 */
    bool is_encoded;        /* Content-Encoding: the bytes are not those of the object */
    uint64_t first;
    uint64_t last;
    uint64_t total; /* UINT64_MAX: the server does not say */
    char etag[IKV_HTTP_TAG_MAX];
    char modified[IKV_HTTP_DATE_MAX];
};

struct ikv_http_verdict {
    int code;         /* 0: the body is what was requested */
    bool may_retry;   /* a later attempt may succeed */
    const char *what; /* static text that says what is wrong */
};

/* Take one header line, without its line break. A status line starts a new response, so that of
 * several (redirects, 100) the last one counts. */
void ikv_http_response_line(struct ikv_http_response *response, const char *line, size_t length);

/* The status alone, of a response to a range request for an object that exists. */
struct ikv_http_verdict ikv_http_judge_status(unsigned status);

/* Judge a response to a request for [begin, end), or, with begin UINT64_MAX, for the last `end`
 * bytes. Both may reach beyond the object. */
struct ikv_http_verdict ikv_http_judge(const struct ikv_http_response *response,
                                       const struct ikv_http_identity *identity, uint64_t begin,
                                       uint64_t end);

/* What the response says about the object. It must have a total. */
void ikv_http_identify(const struct ikv_http_response *response, struct ikv_http_identity *ret);

/* Whether a tag may be used in If-Match: it is strong. */
bool ikv_http_tag_is_strong(const char *etag);

#endif
