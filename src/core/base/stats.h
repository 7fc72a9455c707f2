/* Counters of a run or a batch (ikv_stats_add is public). */
#ifndef IKV_STATS_H
#define IKV_STATS_H

#include "indexkv.h"

#include <stdbool.h>
#include <string.h>

/* Zero the counters. Levels above `levels` are never written, so they are zero already. */
static inline void ikv_stats_clear(ikv_stats *stats)
{
    const size_t levels = stats->levels < IKV_LEVELS_MAX ? stats->levels : IKV_LEVELS_MAX;
    const size_t head = offsetof(ikv_stats, level);
    const size_t tail = offsetof(ikv_stats, backend);

    memset(stats, 0, head + levels * sizeof stats->level[0]);
    memset((unsigned char *)stats + tail, 0, sizeof *stats - tail);
}

/* The value of ikv_stats.backend where the mapping was used or not, and reads were carried out by
 * the backend `reads` (NULL: there were none). */
const char *ikv_stats_backend(bool mapped, const char *reads);

#endif
