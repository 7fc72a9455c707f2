/* Options of the commands that read a store at a URL. */
#ifndef URL_OPTIONS_H
#define URL_OPTIONS_H

#include "options/options.h"

#include <indexkv.h>
#include <strings.h>

#define OPTION_SPECS_URL                                                                           \
    {OPTION_HTTP_HEADER, 0, "http-header", "LINE",                                                 \
     "URL: send this header line, \"Name: value\", with each\n"                                    \
     "request; can be given several times"},                                                       \
        {OPTION_HTTP_HEADER_FILE, 0, "http-header-file", "FILE",                                   \
         "URL: send the header lines in FILE, which are not\n"                                     \
         "visible to other users of this machine"},                                                \
        {OPTION_HTTP_CACHE, 0, "http-cache", "FILE",                                               \
         "URL: keep what was read in FILE, for later runs"},                                       \
        {OPTION_HTTP_CACHE_SIZE, 0, "http-cache-size", "SIZE",                                     \
         "URL: size of a new cache (default: 256M)"},                                              \
        {OPTION_HTTP_TIMEOUT, 0, "http-timeout", "SECONDS",                                        \
         "URL: repeat requests that make no progress for this\n"                                   \
         "long, 1 to 86400 (default: 30)"},                                                        \
        {OPTION_CONNECTIONS, 0, "connections", "N",                                                \
         "URL: requests in flight, 1 to 4096 (default: 64)"},                                      \
    {                                                                                              \
        OPTION_CA_FILE, 0, "ca-file", "FILE",                                                      \
            "URL: certificates of trusted authorities (default:\n"                                 \
            "the system's)"                                                                        \
    }

enum { URL_HEADERS_MAX = 64, URL_HEADER_FILE_MAX = 16384 };

struct url_options {
    ikv_http_options http;
    const char *headers[URL_HEADERS_MAX];
    char text[URL_HEADER_FILE_MAX + 1]; /* of the header file */
};

/* Whether the name of a store is a URL. */
static inline bool is_url(const char *path)
{
    return strncasecmp(path, "http://", 7) == 0 || strncasecmp(path, "https://", 8) == 0;
}

void url_options_init(struct url_options *options);
/* Whether the option is one of these. */
bool url_options_has(int id);
int url_options_accept(struct url_options *options, const struct command_syntax *syntax, int id,
                       const char *argument);

#endif
