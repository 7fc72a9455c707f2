/* All backends, by name. The one file that knows which were built. */
#include "indexkv.h"
#include "io.h"

#include <stdio.h>

#ifdef IKV_HAVE_URING
#include "uring.h"

static int find_uring(const struct ikv_io_backend **ret_backend, char *reason, size_t reason_size)
{
    int code = ikv_uring_probe(reason, reason_size);
    if (code == 0)
        *ret_backend = &ikv_io_uring;
    return code;
}
#else
static int find_uring(const struct ikv_io_backend **ret_backend, char *reason, size_t reason_size)
{
    (void)ret_backend;
    (void)snprintf(reason, reason_size, "io_uring was not built in");
    return IKV_E_UNSUPPORTED;
}
#endif

int ikv_io_find(int backend, const struct ikv_io_backend **ret_backend, char *reason,
                size_t reason_size)
{
    if (backend == IKV_BACKEND_URING)
        return find_uring(ret_backend, reason, reason_size);
    *ret_backend = &ikv_io_pread;
    return 0;
}
