/*
 * A store at a URL.
 *
 *   url.h        URLs as names
 *   curl_api.h   libcurl
 *   response.h   what a response says
 *   object.h     an open object: options, identity, what was measured
 *   transfer.h   one range request, with redirects
 *   io_http.c    the backend: many requests at a time
 *   slot.h       one of them: its reads (merged by plan.c), its attempts
 *   channel.h    reads of whole buffers
 *   cache.h      blocks kept in a local file
 *   source.h     opening, options, closing
 */
#ifndef IKV_HTTP_SOURCE_H
#define IKV_HTTP_SOURCE_H

#include "core/io/source.h"

/* Open the object. `options` may be NULL. */
int ikv_http_open(const char *url, const ikv_http_options *options, struct ikv_source **ret,
                  ikv_error *err);

#endif
