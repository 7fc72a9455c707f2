/*
 * curl_loop URL CONNECTIONS SKIP <RANGES: requests the ranges ("first-last" lines) by a plain loop
 * over libcurl's multi interface, CONNECTIONS at a time. Prints the seconds for all but the first
 * SKIP of them, which open the connections, and their number. What a store at a URL is compared
 * with.
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

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    const unsigned connections = (unsigned)strtoul(argv[2], NULL, 10);
    const unsigned long skip = strtoul(argv[3], NULL, 10);
    CURLM *multi = curl_multi_init();
    unsigned long done = 0;
    double began = now();
    int running = 0;
    int left;
    const CURLMsg *message;

    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)connections);
    for (unsigned i = 0; i < connections; i++) {
        CURL *easy = curl_easy_init();
        (void)curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
        (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
        running += start(multi, easy);
    }
    while (running > 0) {
        int active;
        (void)curl_multi_perform(multi, &active);
        while ((message = curl_multi_info_read(multi, &left)) != NULL) {
            CURL *easy = message->easy_handle;
            if (message->data.result != CURLE_OK)
                return 1;
            (void)curl_multi_remove_handle(multi, easy);
            if (++done == skip)
                began = now();
            running -= !start(multi, easy);
        }
        (void)curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    (void)printf("%.6f %lu\n", now() - began, done - skip);
    return 0;
}
