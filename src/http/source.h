/*
 * A store at a URL.
 *
 *   url.h        URLs as names
 *   curl_api.h   libcurl
 *   response.h   what a response says
 *   object.h     an open object: options, identity, what was measured
 *   transfer.h   one range request, with redirects
 *   io_http.h    the backend: many requests at a time, merged, repeated
 *   cache.h      blocks kept in a local file
 *   source.h     opening, and reads of whole buffers
 */
#ifndef IKV_HTTP_SOURCE_H
#define IKV_HTTP_SOURCE_H

#include "core/io/source.h"

/* Open the object. `options` may be NULL. */
int ikv_http_open(const char *url, const ikv_http_options *options, struct ikv_source **ret,
                  ikv_error *err);

#endif
