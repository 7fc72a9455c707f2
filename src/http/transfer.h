/* One range request: started, perhaps redirected, ended. */
#ifndef IKV_HTTP_TRANSFER_H
#define IKV_HTTP_TRANSFER_H

#include "http/object.h"

struct ikv_http_transfer {
    const struct ikv_curl *curl;
    CURL *easy; /* NULL: not used yet */
    struct ikv_http_object *object;
    uint64_t configured; /* serial of the object that `easy` is set up for; 0: none */
    uint64_t begin;      /* the range of the object that is requested */
    uint64_t end;
    char range[64];          /* the header line that requests it */
    struct curl_slist lines; /* that one, and those of the object */
    char *redirect;          /* where the last response pointed to; NULL: nowhere */
    unsigned redirects;
    bool is_direct;  /* `easy` is set up for the remembered redirect */
    bool from_start; /* that failed: begin at the URL */

    struct ikv_http_response response;
    struct ikv_http_verdict verdict; /* of the response's header, once `is_judged` */
    bool is_judged;
    unsigned ended;       /* transfers that succeeded */
    uint64_t received;    /* bytes of the body */
    uint64_t progress_at; /* ikv_clock */
    char error[CURL_ERROR_SIZE];

    /* Called with the body as it arrives, if the response is what was requested. */
    void (*take)(void *user, uint64_t offset, const unsigned char *bytes, size_t size);
    void *user;
};

/* Start the request for the object and range that are set. -ENOMEM */
int ikv_http_transfer_start(struct ikv_http_transfer *transfer, CURLM *multi);

enum ikv_http_outcome { IKV_HTTP_DONE, IKV_HTTP_AGAIN, IKV_HTTP_FAILED };

/* The request ended with `result`: done; to be started again at once (a redirect); or failed, with
 * the verdict set. */
enum ikv_http_outcome ikv_http_transfer_end(struct ikv_http_transfer *transfer, CURLM *multi,
                                            CURLcode result);
/* End the request without a result. */
void ikv_http_transfer_cancel(struct ikv_http_transfer *transfer, CURLM *multi);
/* Let other requests go where this one was redirected to. */
void ikv_http_transfer_remember(struct ikv_http_transfer *transfer);
/* Forget redirects before the next attempt. */
void ikv_http_transfer_rewind(struct ikv_http_transfer *transfer);
void ikv_http_transfer_free(struct ikv_http_transfer *transfer);

#endif
