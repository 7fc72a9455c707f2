/* Waits for the disk that touches of the mapping caused: counted, and told to the map. */
#include "core/base/thread.h"
#include "core/lookup/run.h"

/* So few keys take less than the system calls that tell how the mapping is doing, which are made
 * for them only when they took long. */
#define FEW_KEYS 8

/* Touches by so few keys that are told together, at most. */
#define FEW_TOUCHES_MAX 4096

/* Faults of this thread since the last look. A run is not always the same thread's, and in the
 * child of a fork a thread begins to count anew. */
static uint64_t look(struct ikv_faults *faults)
{
    const uint64_t thread = ikv_thread_number();
    const uint64_t now = ikv_platform_major_faults();
    /* cppcheck-suppress unsignedLessThanZero ; where the system does not tell, none are known */
    const bool known = faults->thread == thread && now >= faults->seen;
    const uint64_t since = known ? now - faults->seen : 0;

    faults->thread = thread;
    faults->seen = now;
    return since;
}

void ikv_faults_begin(struct ikv_run *run, uint32_t keys)
{
    run->faults.began = ikv_platform_ticks();
    if (keys > FEW_KEYS)
        (void)look(&run->faults);
}

void ikv_faults_end(struct ikv_run *run, uint32_t keys)
{
    const uint64_t mapped = run->stats.mapped;

    if (mapped == 0)
        return;
    if (keys <= FEW_KEYS && ikv_platform_ticks() - run->faults.began < IKV_TICKS_LONG) {
        run->faults.touches = ikv_min(run->faults.touches + mapped, FEW_TOUCHES_MAX);
        return;
    }
    /* Since the last look a thread may have waited for what others have mapped. */
    uint64_t faults = look(&run->faults);
    if (keys <= FEW_KEYS)
        faults = ikv_min(faults, mapped);
    run->stats.major_faults = faults;
    ikv_map_faulted(run->map, faults, run->faults.touches + mapped);
    run->faults.touches = 0;
}
