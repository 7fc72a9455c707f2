#include "http_server.h"

#include "tmpdir.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX 16384
#define SEEN_MAX    (1u << 20)

struct connection {
    http_server *server;
    pthread_t thread;
    int fd;
    struct connection *next;
};

struct http_server {
    int fd;
    unsigned port;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the rest */
    http_plan plan;
    uint64_t requests;
    struct connection *connections;
    char *seen; /* the requests' text */
    size_t seen_size;
    int stopping;
};

/* What a request says. */
struct request {
    char path[TMPDIR_PATH_MAX];
    int has_range;
    int is_suffix;
    unsigned long long first; /* or the suffix's length */
    unsigned long long last;
    char if_match[200];
    char if_unmodified[100];
    char host[100];
};

/* A file, and what the server says about it. */
struct object {
    int fd;
    unsigned long long size;
    int hides_size;
    char etag[100];
    char modified[100];
};

/* ---------------------------------------------------------------- sending */

static int send_all(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;

    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

static int send_file(int fd, const struct object *object, unsigned long long offset,
                     unsigned long long size)
{
    char bytes[65536];

    while (size > 0) {
        const size_t want = size < sizeof bytes ? (size_t)size : sizeof bytes;
        ssize_t n = pread(object->fd, bytes, want, (off_t)offset);
        if (n <= 0 || send_all(fd, bytes, (size_t)n) != 0)
            return -1;
        offset += (unsigned long long)n;
        size -= (unsigned long long)n;
    }
    return 0;
}

static int send_status(int fd, unsigned status, const char *extra)
{
    char text[600];
    const int n = snprintf(text, sizeof text, "HTTP/1.1 %u Because\r\n%sContent-Length: 0\r\n\r\n",
                           status, extra);

    return send_all(fd, text, (size_t)n);
}

/* ---------------------------------------------------------------- objects */

static int open_object(const char *path, const http_plan *plan, struct object *ret)
{
    struct stat st;
    struct tm tm;

    ret->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (ret->fd < 0 || fstat(ret->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return -1;
    ret->size = (unsigned long long)st.st_size;
    (void)snprintf(ret->etag, sizeof ret->etag, "\"%llx-%llx-%llx\"", (unsigned long long)st.st_ino,
                   (unsigned long long)st.st_mtime, (unsigned long long)st.st_size);
    ret->hides_size = plan->no_total;
    if (plan->no_etag)
        ret->etag[0] = 0;
    (void)gmtime_r(&st.st_mtime, &tm);
    (void)strftime(ret->modified, sizeof ret->modified, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return 0;
}

/* ---------------------------------------------------------------- requests */

static void take_header(struct request *request, const char *line)
{
    if (strncasecmp(line, "Range: bytes=", 13) == 0) {
        request->has_range = 1;
        request->is_suffix = line[13] == '-';
        if (request->is_suffix)
            (void)sscanf(line + 14, "%llu", &request->first);
        else
            (void)sscanf(line + 13, "%llu-%llu", &request->first, &request->last);
    } else if (strncasecmp(line, "If-Match: ", 10) == 0) {
        (void)snprintf(request->if_match, sizeof request->if_match, "%s", line + 10);
    } else if (strncasecmp(line, "If-Unmodified-Since: ", 21) == 0) {
        (void)snprintf(request->if_unmodified, sizeof request->if_unmodified, "%s", line + 21);
    } else if (strncasecmp(line, "Host: ", 6) == 0) {
        (void)snprintf(request->host, sizeof request->host, "%s", line + 6);
    }
}

/* `text` ends with an empty line. */
static int parse(char *text, struct request *ret)
{
    char *save = NULL;
    char *line = strtok_r(text, "\r\n", &save);
    char *end;

    memset(ret, 0, sizeof *ret);
    if (!line || strncmp(line, "GET ", 4) != 0)
        return -1;
    end = line + 4 + strcspn(line + 4, " ?");
    (void)snprintf(ret->path, sizeof ret->path, "%.*s", (int)(end - line - 4), line + 4);
    while ((line = strtok_r(NULL, "\r\n", &save)) != NULL)
        take_header(ret, line);
    return 0;
}

/* The next request's text: 1, or 0 if the connection was closed. */
static int receive(int fd, char *text, size_t *size)
{
    for (;;) {
        text[*size] = 0;
        if (strstr(text, "\r\n\r\n"))
            return 1;
        if (*size == REQUEST_MAX - 1)
            return 0;
        ssize_t n = recv(fd, text + *size, REQUEST_MAX - 1 - *size, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        *size += (size_t)n;
    }
}

/* ---------------------------------------------------------------- answers */

static int is_stale(const http_plan *plan, const struct request *request,
                    const struct object *object)
{
    if (plan->ignore_conditions)
        return 0;
    return (request->if_match[0] && strcmp(request->if_match, object->etag) != 0) ||
           (request->if_unmodified[0] && strcmp(request->if_unmodified, object->modified) != 0);
}

/* The header of a response with bytes [first, first + size) of the file. */
static int send_header(int fd, const struct object *object, http_fault fault,
                       unsigned long long first, unsigned long long size)
{
    char text[800];
    char range[200] = "";
    char etag[120] = "";

    if (fault == HTTP_STAR_RANGE)
        (void)snprintf(range, sizeof range, "Content-Range: bytes */%llu\r\n", object->size);
    else if (fault == HTTP_BAD_RANGE)
        (void)snprintf(range, sizeof range, "Content-Range: some of the bytes\r\n");
    else if (object->hides_size && fault == HTTP_FINE)
        (void)snprintf(range, sizeof range, "Content-Range: bytes %llu-%llu/*\r\n", first,
                       first + size - 1);
    else if (fault != HTTP_NO_RANGE && fault != HTTP_WHOLE)
        (void)snprintf(range, sizeof range, "Content-Range: bytes %llu-%llu/%llu\r\n", first,
                       first + size - 1, object->size + (fault == HTTP_OTHER_TOTAL));
    if (fault == HTTP_OTHER_ETAG)
        (void)snprintf(etag, sizeof etag, "ETag: \"other\"\r\n");
    else if (object->etag[0])
        (void)snprintf(etag, sizeof etag, "ETag: %s\r\n", object->etag);
    const int n = snprintf(
        text, sizeof text, "HTTP/1.1 %s\r\n%sLast-Modified: %s\r\n%s%sContent-Length: %llu\r\n\r\n",
        fault == HTTP_WHOLE ? "200 OK" : "206 Partial Content", etag, object->modified, range,
        fault == HTTP_ENCODED ? "Content-Encoding: gzip\r\n" : "", size);
    if (fault == HTTP_CUT_HEADER) {
        (void)send_all(fd, text, (size_t)n / 2);
        return -1;
    }
    return send_all(fd, text, (size_t)n);
}

static int send_range(int fd, const struct object *object, http_fault fault,
                      unsigned long long first, unsigned long long size)
{
    if (fault == HTTP_SHORT && size > 1)
        size /= 2;
    if (fault == HTTP_OTHER_RANGE && size > 1) {
        first++;
        size--;
    }
    if (fault == HTTP_WHOLE) {
        first = 0;
        size = object->size;
    }
    if (send_header(fd, object, fault, first, size) != 0)
        return -1;
    if (fault == HTTP_CUT_BODY) {
        (void)send_file(fd, object, first, size / 2);
        return -1;
    }
    if (send_file(fd, object, first, size) != 0)
        return -1;
    if (fault == HTTP_LONG) {
        (void)send_all(fd, "surplus", 7);
        return -1;
    }
    return 0;
}

static int answer_range(int fd, const http_plan *plan, http_fault fault,
                        const struct request *request, const struct object *object)
{
    unsigned long long first = request->first;
    unsigned long long end = request->last + 1;
    char extra[100];

    if (is_stale(plan, request, object))
        return send_status(fd, 412, "");
    if (!request->has_range)
        return send_range(fd, object, HTTP_WHOLE, 0, object->size);
    if (request->is_suffix) {
        first = object->size - (request->first < object->size ? request->first : object->size);
        end = object->size;
    }
    if (end > object->size)
        end = object->size;
    if (first >= end || (request->is_suffix && plan->no_suffix) || fault == HTTP_REFUSED) {
        (void)snprintf(extra, sizeof extra, "Content-Range: bytes */%llu\r\n", object->size);
        return send_status(fd, 416, extra);
    }
    return send_range(fd, object, fault, first, end - first);
}

static void sleep_ms(unsigned ms)
{
    const struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};

    (void)nanosleep(&time, NULL);
}

/* Wait until the client closes the connection. */
static int be_silent(int fd)
{
    char byte;

    (void)recv(fd, &byte, 1, 0);
    return -1;
}

static int is_elsewhere(const char *url, const struct request *request)
{
    char here[TMPDIR_PATH_MAX + 200];

    (void)snprintf(here, sizeof here, "http://%s%s", request->host, request->path);
    return strcmp(url, here) != 0;
}

/* Returns 0 if the connection can be used for another request. */
static int answer(int fd, const http_plan *plan, http_fault fault, const struct request *request)
{
    struct object object;
    char extra[TMPDIR_PATH_MAX + 100];
    int result;

    sleep_ms(plan->delay_ms);
    if (plan->redirect && is_elsewhere(plan->redirect, request)) {
        (void)snprintf(extra, sizeof extra, "Location: %s\r\n", plan->redirect);
        return send_status(fd, 302, extra);
    }
    if (fault == HTTP_STATUS) {
        extra[0] = 0;
        if (plan->retry_after)
            (void)snprintf(extra, sizeof extra, "Retry-After: %s\r\n", plan->retry_after);
        return send_status(fd, plan->status, extra);
    }
    if (fault == HTTP_SILENT)
        return be_silent(fd);
    if (fault == HTTP_GARBAGE)
        return send_all(fd, "this is not HTTP\r\n\r\n", 20), -1;
    result = open_object(request->path, plan, &object);
    result =
        result == 0 ? answer_range(fd, plan, fault, request, &object) : send_status(fd, 404, "");
    if (object.fd >= 0)
        (void)close(object.fd);
    return result;
}

/* ---------------------------------------------------------------- connections */

static void note(http_server *server, const char *text, http_plan *ret_plan, http_fault *ret_fault)
{
    const size_t length = strlen(text);

    (void)pthread_mutex_lock(&server->lock);
    *ret_plan = server->plan;
    *ret_fault = ret_plan->choose ? ret_plan->choose(ret_plan->user, server->requests) : HTTP_FINE;
    server->requests++;
    if (server->seen_size + length < SEEN_MAX) {
        memcpy(server->seen + server->seen_size, text, length + 1);
        server->seen_size += length;
    }
    (void)pthread_mutex_unlock(&server->lock);
}

static void *serve(void *user)
{
    struct connection *connection = user;
    char *text = must_malloc(REQUEST_MAX);
    size_t size = 0;

    while (receive(connection->fd, text, &size)) {
        const size_t length = (size_t)(strstr(text, "\r\n\r\n") + 4 - text);
        char *one = must_malloc(length + 1);
        struct request request;
        http_plan plan;
        http_fault fault;
        memcpy(one, text, length);
        one[length] = 0;
        memmove(text, text + length, size - length);
        size -= length;
        note(connection->server, one, &plan, &fault);
        const int bad =
            parse(one, &request) != 0 || answer(connection->fd, &plan, fault, &request) != 0;
        free(one);
        if (bad)
            break;
    }
    free(text);
    (void)shutdown(connection->fd, SHUT_RDWR); /* closed when the server stops */
    return NULL;
}

static void *accept_all(void *user)
{
    http_server *server = user;
    const int on = 1;

    for (;;) {
        const int fd = accept(server->fd, NULL, NULL);
        struct connection *connection;
        if (fd < 0 && errno == EINTR)
            continue;
        if (fd < 0)
            return NULL;
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connection = must_malloc(sizeof *connection);
        connection->server = server;
        connection->fd = fd;
        if (pthread_create(&connection->thread, NULL, serve, connection) != 0)
            test_die("http server: cannot start a thread");
        (void)pthread_mutex_lock(&server->lock);
        connection->next = server->connections;
        server->connections = connection;
        (void)pthread_mutex_unlock(&server->lock);
    }
}

/* ---------------------------------------------------------------- start, stop */

http_server *http_server_start(const http_plan *plan)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    http_server *server = must_malloc(sizeof *server);

    memset(server, 0, sizeof *server);
    server->seen = must_malloc(SEEN_MAX);
    server->seen[0] = 0;
    server->plan = *plan;
    (void)pthread_mutex_init(&server->lock, NULL);
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server->fd, 512) != 0 ||
        getsockname(server->fd, (struct sockaddr *)&address, &size) != 0)
        test_die("http server: %s", strerror(errno));
    (void)fcntl(server->fd, F_SETFD, FD_CLOEXEC);
    server->port = ntohs(address.sin_port);
    if (pthread_create(&server->thread, NULL, accept_all, server) != 0)
        test_die("http server: cannot start a thread");
    return server;
}

void http_server_set(http_server *server, const http_plan *plan)
{
    (void)pthread_mutex_lock(&server->lock);
    server->plan = *plan;
    (void)pthread_mutex_unlock(&server->lock);
}

void http_server_stop(http_server *server)
{
    (void)shutdown(server->fd, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->fd);
    while (server->connections) {
        struct connection *connection = server->connections;
        server->connections = connection->next;
        (void)shutdown(connection->fd, SHUT_RDWR);
        (void)pthread_join(connection->thread, NULL);
        (void)close(connection->fd);
        free(connection);
    }
    (void)pthread_mutex_destroy(&server->lock);
    free(server->seen);
    free(server);
}

char *http_server_url(const http_server *server, const char *path)
{
    char *absolute = realpath(path, NULL);
    char *url;

    if (!absolute)
        test_die("%s: %s", path, strerror(errno));
    url = must_malloc(strlen(absolute) + 40);
    (void)sprintf(url, "http://127.0.0.1:%u%s", server->port, absolute);
    free(absolute);
    return url;
}

uint64_t http_server_requests(http_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    const uint64_t requests = server->requests;
    (void)pthread_mutex_unlock(&server->lock);
    return requests;
}

int http_server_saw(http_server *server, const char *text)
{
    (void)pthread_mutex_lock(&server->lock);
    const int saw = strstr(server->seen, text) != NULL;
    (void)pthread_mutex_unlock(&server->lock);
    return saw;
}

static http_server *shared;
static pthread_once_t shared_once = PTHREAD_ONCE_INIT;

static void stop_shared(void)
{
    http_server_stop(shared);
}

static void start_shared(void)
{
    shared = http_server_start(&(http_plan){.choose = NULL});
    (void)atexit(stop_shared);
}

char *http_url(const char *path)
{
    (void)pthread_once(&shared_once, start_shared);
    return http_server_url(shared, path);
}
