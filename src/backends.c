#include "backends.h"

#include "indexkv.h"

#include <stdio.h>
#include <strings.h>

#ifdef IKV_HAVE_URING
#include "iouring/explain.h"
#include "iouring/uring.h"

const struct ikv_io_backend *ikv_io_ring(void)
{
    return &ikv_io_uring;
}

int ikv_io_ring_probe(char *reason, size_t size)
{
    return ikv_uring_probe(reason, size);
}

const char *ikv_io_ring_explain(int code, char *reason, size_t size)
{
    return ikv_uring_explain(code, reason, size);
}
#else
const struct ikv_io_backend *ikv_io_ring(void)
{
    return NULL;
}

int ikv_io_ring_probe(char *reason, size_t size)
{
    (void)ikv_io_ring_explain(IKV_E_UNSUPPORTED, reason, size);
    return IKV_E_UNSUPPORTED;
}

const char *ikv_io_ring_explain(int code, char *reason, size_t size)
{
    (void)code;
    (void)snprintf(reason, size, "io_uring was not built in");
    return reason;
}
#endif

bool ikv_is_url(const char *path)
{
    return strncasecmp(path, "http://", 7) == 0 || strncasecmp(path, "https://", 8) == 0;
}

#ifdef IKV_HAVE_HTTP
#include "http/source.h"

int ikv_source_open(const char *url, const ikv_http_options *options, struct ikv_source **ret,
                    ikv_error *err)
{
    return ikv_http_open(url, options, ret, err);
}
#else
int ikv_source_open(const char *url, const ikv_http_options *options, struct ikv_source **ret,
                    ikv_error *err)
{
    (void)url;
    (void)options;
    (void)ret;
    return ikv_fail(err, IKV_E_UNSUPPORTED, IKV_NOWHERE,
                    "this build can't read URLs, because libcurl was not found");
}
#endif
