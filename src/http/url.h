/* URLs as names of stores. */
#ifndef IKV_HTTP_URL_H
#define IKV_HTTP_URL_H

#include <stdbool.h>

/* The URL as it may be shown: without user name, password, query and fragment, which may contain
 * secrets ("https://host/path?..."). The caller frees it. NULL: no memory. */
char *ikv_url_shown(const char *url);
/* Whether both have the same scheme, host and port, so that secrets meant for one may be sent to
 * the other. */
bool ikv_url_same_origin(const char *a, const char *b);

#endif
