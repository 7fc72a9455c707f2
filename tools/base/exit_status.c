#include "base/exit_status.h"

#include <indexkv.h>

int exit_status_of(int code)
{
    switch (code) {
    case IKV_OK:
    case IKV_E_END:
        return STATUS_DONE;
    case IKV_E_NOT_FOUND:
        return STATUS_MISSING;
    case IKV_E_INVALID:
    case IKV_E_KEY_SYNTAX:
    case IKV_E_KEY_RANGE:
    case IKV_E_DUPLICATE:
    case IKV_E_OVERLAP:
    case IKV_E_VALUE_TOO_LARGE:
        return STATUS_USAGE;
    case IKV_E_UNSUPPORTED:
    case IKV_E_NOT_STORE:
    case IKV_E_VERSION:
    case IKV_E_INCOMPLETE:
    case IKV_E_NOT_REGULAR:
    case IKV_E_KEY_TYPE_MISSING:
    case IKV_E_KEY_TYPE_MISMATCH:
    case IKV_E_STRIDE:
        return STATUS_NOT_STORE;
    case IKV_E_TRUNCATED:
    case IKV_E_HEADER:
    case IKV_E_FOOTER:
    case IKV_E_SECTION:
    case IKV_E_INDEX:
    case IKV_E_RECORD:
    case IKV_E_PADDING:
        return STATUS_CORRUPT;
    case IKV_E_CANCELED:
        return STATUS_INTERRUPTED;
    default:
        return STATUS_IO;
    }
}

int exit_status_worse(int a, int b)
{
    return a > b ? a : b;
}
