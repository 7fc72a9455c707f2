/*
 * curl_loop URL CONNECTIONS COUNT... <RANGES: requests the ranges ("first-last" lines) by a plain
 * loop over libcurl's multi interface, CONNECTIONS at a time, in batches of COUNT ranges, with the
 * header lines that a store at a URL sends, and keeps the bytes. Prints the seconds and the number
 * of the requests, without those of the first batch, which opens the connections, unless it is the
 * only one. What a store at a URL is compared with.
 */
#include <curl/curl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* What one handle has received. */
struct body {
    char *bytes;
    size_t capacity;
    size_t size;
};

static size_t keep(const char *bytes, size_t size, size_t count, void *user)
{
    struct body *body = user;
    const size_t length = size * count;

    if (length > body->capacity - body->size)
        return 0;
    memcpy(body->bytes + body->size, bytes, length);
    body->size += length;
    return length;
}

static size_t take_etag(const char *line, size_t size, size_t count, void *user)
{
    const size_t length = size * count;
    char *etag = user;

    if (length > 6 && length < 200 && strncasecmp(line, "ETag: ", 6) == 0)
        (void)snprintf(etag, 220, "If-Match: %.*s", (int)strcspn(line + 6, "\r\n"), line + 6);
    return length;
}

static void configure(CURL *easy, const char *url, struct curl_slist *lines, struct body *body)
{
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "curl_loop/1.0");
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lines);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
}

/* The header line that binds requests to the present state of the object; NULL: none. */
static struct curl_slist *condition_of(const char *url)
{
    CURL *easy = curl_easy_init();
    char line[220] = "";
    struct body none = {0};

    configure(easy, url, NULL, &none);
    (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_etag);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, (void *)line);
    (void)curl_easy_perform(easy);
    curl_easy_cleanup(easy);
    return *line ? curl_slist_append(NULL, line) : NULL;
}

/* Make room for the range "first-last". */
static int make_room(const char *range, struct body *body)
{
    char *dash;
    const unsigned long long first = strtoull(range, &dash, 10);
    const unsigned long long last = *dash == '-' ? strtoull(dash + 1, NULL, 10) : 0;
    const size_t size = last >= first ? (size_t)(last - first + 1) : 0;

    body->size = 0;
    if (size > body->capacity) {
        free(body->bytes);
        body->bytes = malloc(size);
        body->capacity = body->bytes ? size : 0;
    }
    return size > 0 && body->bytes;
}

/* Start the next range on this handle. Returns whether there was one. */
static int start(CURLM *multi, CURL *easy)
{
    struct body *body = NULL;
    char range[64];

    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)(void *)&body);
    if (!fgets(range, sizeof range, stdin) || !make_room(range, body))
        return 0;
    range[strcspn(range, "\n")] = 0;
    (void)curl_easy_setopt(easy, CURLOPT_RANGE, range);
    (void)curl_multi_add_handle(multi, easy);
    return 1;
}

/* One batch: its first requests are started at once, each of the others when one has ended. */
static int run(CURLM *multi, CURL **easy, unsigned connections, unsigned long count)
{
    unsigned long started = 0;
    int running = 0;
    int left;
    const CURLMsg *message;

    for (; started < connections && started < count; started++)
        running += start(multi, easy[started]);
    while (running > 0) {
        int active;
        (void)curl_multi_perform(multi, &active);
        while ((message = curl_multi_info_read(multi, &left)) != NULL) {
            CURL *ended = message->easy_handle;
            if (message->data.result != CURLE_OK)
                return -1;
            (void)curl_multi_remove_handle(multi, ended);
            running--;
            if (started < count) {
                started++;
                running += start(multi, ended);
            }
        }
        if (running > 0)
            (void)curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    const unsigned connections = (unsigned)strtoul(argv[2], NULL, 10);
    CURLM *multi = curl_multi_init();
    CURL **easy = calloc(connections, sizeof *easy);
    struct body *bodies = calloc(connections, sizeof *bodies);
    struct curl_slist *lines = condition_of(argv[1]);
    unsigned long done = 0;
    double began = now();
    int code = 0;

    if (!easy || !bodies) {
        free(easy);
        free(bodies);
        return 1;
    }
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)connections);
    for (unsigned i = 0; i < connections; i++) {
        easy[i] = curl_easy_init();
        configure(easy[i], argv[1], lines, &bodies[i]);
        (void)curl_easy_setopt(easy[i], CURLOPT_PRIVATE, &bodies[i]);
    }
    for (int i = 3; i < argc; i++) {
        const unsigned long count = strtoul(argv[i], NULL, 10);
        code = run(multi, easy, connections, count);
        if (code < 0)
            break;
        if (i == 3 && argc > 4)
            began = now();
        else
            done += count;
    }
    if (code == 0)
        (void)printf("%.6f %lu\n", now() - began, done);
    for (unsigned i = 0; i < connections; i++) {
        curl_easy_cleanup(easy[i]);
        free(bodies[i].bytes);
    }
    (void)curl_multi_cleanup(multi);
    curl_slist_free_all(lines);
    free(bodies);
    free((void *)easy);
    return code < 0;
}
