/*
 * An HTTP/1.1 server in the test process that serves files by their absolute paths, and fails in
 * all the ways that servers do when asked to. It shares no code with the library.
 */
#ifndef TEST_HTTP_SERVER_H
#define TEST_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

typedef enum http_fault {
    HTTP_FINE = 0,
    HTTP_STATUS,      /* the status in http_plan.status, no body */
    HTTP_SILENT,      /* no answer, until the client gives up */
    HTTP_CUT_HEADER,  /* the connection closes within the header */
    HTTP_CUT_BODY,    /* the connection closes within the body */
    HTTP_SHORT,       /* a valid response for half of the range */
    HTTP_OTHER_RANGE, /* a valid response for the bytes after the range's first */
    HTTP_NO_RANGE,    /* status 206 without Content-Range */
    HTTP_STAR_RANGE,  /* status 206 with the total size only, as if there were no such range */
    HTTP_BAD_RANGE,   /* status 206 with a Content-Range that is not one */
    HTTP_REFUSED,     /* status 416, though the file has the range */
    HTTP_WHOLE,       /* status 200 and the whole file: ranges are ignored */
    HTTP_ENCODED,     /* says that the body is compressed */
    HTTP_GARBAGE,     /* not HTTP */
    HTTP_OTHER_ETAG,  /* the ETag of another state of the file */
    HTTP_OTHER_TOTAL, /* Content-Range with another total size */
    HTTP_LONG,        /* more bytes than Content-Length and the range say, then closes */
    HTTP_FAULTS
} http_fault;

typedef struct http_plan {
    /* Called for each request, one at a time, never again once the plan was replaced; `number`
     * counts from 0. NULL: no faults. */
    http_fault (*choose)(void *user, uint64_t number);
    void *user;
    unsigned status;         /* for HTTP_STATUS */
    const char *retry_after; /* header value; NULL: none */
    const char *redirect;    /* requests for other hosts or paths than this URL's are redirected
                                to it; NULL: none */
    unsigned delay_ms;       /* before each answer */
    int no_suffix;           /* ranges that count from the end are answered with 416 */
    int no_etag;             /* identify files by Last-Modified only */
    int no_total;            /* leave the total size out of Content-Range */
    int ignore_conditions;   /* If-Match and If-Unmodified-Since */
} http_plan;

typedef struct http_server http_server;

/* Starts a server on a free port of 127.0.0.1. The plan is copied. */
http_server *http_server_start(const http_plan *plan);
/* From now on. */
void http_server_set(http_server *server, const http_plan *plan);
/* Closes all connections and ends all threads. */
void http_server_stop(http_server *server);

/* The URL of the file at this absolute path. Free with free(). */
char *http_server_url(const http_server *server, const char *path);
/* Requests received so far. */
uint64_t http_server_requests(http_server *server);
/* Whether any request contained this text, since the server was started. */
int http_server_saw(http_server *server, const char *text);

/* The URL of a file on a server that is started at the first call and stopped when the
 * process exits. */
char *http_url(const char *path);

#endif
