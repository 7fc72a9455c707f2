#include "core/scan/scan_state.h"

int ikv_scan_fail(struct ikv_scan *scan, int code, uint64_t offset, const char *what)
{
    scan->code = ikv_fail(&scan->error, code, IKV_AT_OFFSET(scan->store->path, offset), "%s", what);
    return code;
}
