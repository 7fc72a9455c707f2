/* Rare events of lookups, reported to the callback of ikv_open_options. */
#ifndef IKV_EVENTS_H
#define IKV_EVENTS_H

#include "core/query/result.h"

/* Report what the call that just ended noticed. */
void ikv_events_report(const struct ikv_result *result);

#endif
