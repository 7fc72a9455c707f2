/*
 * curl_loop URL CONNECTIONS COUNT... <RANGES: requests the ranges ("first-last" lines) by a plain
 * loop over libcurl's multi interface, CONNECTIONS at a time, in batches of COUNT ranges. Prints
 * the seconds and the number of the requests, without those of the first batch, which opens the
 * connections, unless it is the only one. What a store at a URL is compared with.
 */
#include <curl/curl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t drop(const char *bytes, size_t size, size_t count, void *user)
{
    (void)bytes;
    (void)user;
    return size * count;
}

/* Start the next range on this handle. Returns whether there was one. */
static int start(CURLM *multi, CURL *easy)
{
    char range[64];

    if (!fgets(range, sizeof range, stdin))
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
    unsigned long done = 0;
    double began = now();

    int code = 0;

    if (!easy)
        return 1;
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)connections);
    for (unsigned i = 0; i < connections; i++) {
        easy[i] = curl_easy_init();
        (void)curl_easy_setopt(easy[i], CURLOPT_URL, argv[1]);
        (void)curl_easy_setopt(easy[i], CURLOPT_WRITEFUNCTION, drop);
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
    free((void *)easy);
    return code < 0;
}
