/* Does not need liburing, since a build without rings can print statistics, too. */
#include "iouring/features.h"

#include "indexkv.h"

#include <stdio.h>

/* Indexed by the number of the feature's bit. */
static const char *const names[] = {
    "defer_taskrun", "single_issuer", "coop_taskrun", "submit_all",
    "clamp",         "cqsize",        "buffers",      "files",
};
enum { NAMES = sizeof names / sizeof names[0] };

_Static_assert(IKV_URING_FEATURES == (1 << NAMES) - 1, "every feature has a name");

const char *ikv_uring_feature_name(unsigned feature)
{
    for (unsigned i = 0; i < NAMES; i++)
        if (feature == 1u << i)
            return names[i];
    return "?";
}

const char *ikv_ring_features_text(uint32_t features, char *buf, size_t size)
{
    size_t used = 0;

    if (size > 0)
        *buf = 0;
    for (unsigned i = 0; i < NAMES; i++) {
        if (!(features & 1u << i) || used >= size)
            continue;
        int length = snprintf(buf + used, size - used, "%s%s", used ? " " : "", names[i]);
        if (length < 0)
            break;
        used += (size_t)length; /* more than `size` if truncated */
    }
    return buf;
}
