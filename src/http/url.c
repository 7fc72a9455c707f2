#include "http/url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The host part: [*ret_begin, *ret_end), after the user and up to the path. */
static void find_host(const char *url, const char **ret_begin, const char **ret_end)
{
    const char *slashes = strstr(url, "://");
    const char *begin = slashes ? slashes + 3 : url;
    const char *end = begin + strcspn(begin, "/?#");

    for (const char *at = begin; at < end; at++)
        if (*at == '@')
            begin = at + 1;
    *ret_begin = begin;
    *ret_end = end;
}

char *ikv_url_shown(const char *url)
{
    const char *host;
    const char *host_end;
    char *shown = malloc(strlen(url) + sizeof "?...");

    if (!shown)
        return NULL;
    find_host(url, &host, &host_end);
    const char *slashes = strstr(url, "://");
    const size_t scheme = slashes ? (size_t)(slashes + 3 - url) : 0;
    const size_t rest = strcspn(host, "?#");
    memcpy(shown, url, scheme);
    memcpy(shown + scheme, host, rest);
    const char *end = host[rest] == '?' ? "?..." : "";
    memcpy(shown + scheme + rest, end, strlen(end) + 1);
    return shown;
}

bool ikv_url_same_origin(const char *a, const char *b)
{
    const char *host[2];
    const char *end[2];

    find_host(a, &host[0], &end[0]);
    find_host(b, &host[1], &end[1]);
    const size_t scheme = strcspn(a, ":");
    const size_t length = (size_t)(end[0] - host[0]);
    return scheme == strcspn(b, ":") && strncasecmp(a, b, scheme) == 0 &&
           length == (size_t)(end[1] - host[1]) && strncasecmp(host[0], host[1], length) == 0;
}
