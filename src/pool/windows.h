/* The windows of a worker: over a ring, over pread, and over a source's backend, each opened by the
 * first run that needs it. */
#ifndef IKV_POOL_WINDOWS_H
#define IKV_POOL_WINDOWS_H

#include "core/lookup/window.h"
#include "core/store/store.h"

/* What a worker's windows have in common with those of the other workers. */
struct ikv_windows_shared {
    ikv_engine_options options; /* in effect: no zeros for defaults */
    atomic_int ring_code;       /* why workers have no rings; 0: they have, or will try */
};

struct ikv_windows {
    struct ikv_windows_shared *shared;
    struct ikv_window ring;
    struct ikv_window plain;  /* pread */
    struct ikv_window remote; /* of sources */
    int ring_code;            /* why there is no ring; 0: not tried yet, or there is one */
    uint64_t ring_tried;      /* ikv_clock */
};

/* The window for reads of a store. *ret_fallback: why this is not the ring that the store prefers,
 * or 0. Fails if the store must have a ring, or for lack of memory. */
int ikv_windows_choose(struct ikv_windows *windows, const struct ikv_store *store,
                       struct ikv_window **ret_window, int *ret_fallback);
/* Whether no window is full. */
bool ikv_windows_have_room(const struct ikv_windows *windows);
void ikv_windows_close(struct ikv_windows *windows);

#endif
