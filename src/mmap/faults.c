#include "mmap/faults.h"

#include "core/base/bytes.h"
#include "core/base/thread.h"

/* Looking up this many keys takes less time than getrusage: for so few, faults are counted only if
 * the lookup took long. */
#define FEW_KEYS 8

/* Touches by lookups of few keys that are reported together, at most. */
#define FEW_TOUCHES_MAX 4096

/* Faults of this thread since the count was last read. A run can move to another thread, and the
 * count restarts in a forked child: then 0. */
static uint64_t count_faults(struct ikv_faults *faults)
{
    const uint64_t thread = ikv_thread_number();
    const uint64_t now = ikv_platform_major_faults();
    /* cppcheck-suppress unsignedLessThanZero ; where the system does not count faults */
    const bool is_comparable = faults->thread == thread && now >= faults->seen;
    const uint64_t since = is_comparable ? now - faults->seen : 0;

    faults->thread = thread;
    faults->seen = now;
    return since;
}

void ikv_faults_begin(struct ikv_faults *faults, uint32_t keys)
{
    faults->began = ikv_platform_ticks();
    if (keys > FEW_KEYS)
        (void)count_faults(faults);
}

uint64_t ikv_faults_end(struct ikv_faults *faults, struct ikv_map *map, uint32_t keys,
                        uint64_t touches)
{
    if (touches == 0)
        return 0;
    if (keys <= FEW_KEYS && ikv_platform_ticks() - faults->began < IKV_TICKS_LONG) {
        faults->touches = ikv_min(faults->touches + touches, FEW_TOUCHES_MAX);
        return 0;
    }
    uint64_t count = count_faults(faults);
    /* begin did not read the count: some of these faults may have happened earlier, elsewhere. */
    if (keys <= FEW_KEYS)
        count = ikv_min(count, touches);
    ikv_map_report_faults(map, count, faults->touches + touches);
    faults->touches = 0;
    return count;
}
