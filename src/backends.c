/* All backends, by name. The one file that knows which were built. */
#include "indexkv.h"
#include "io.h"

int ikv_io_find(int backend, const struct ikv_io_backend **ret_backend, const char **ret_reason)
{
    switch (backend) {
    case IKV_BACKEND_URING:
        *ret_reason = "io_uring was not built in";
        return IKV_E_UNSUPPORTED;
    default:
        *ret_backend = &ikv_io_pread;
        return 0;
    }
}
