#include "base/descriptors.h"

#include <sys/resource.h>

void descriptors_allow(uint64_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= count)
        return;
    limit.rlim_cur = limit.rlim_max < count ? limit.rlim_max : (rlim_t)count;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}
