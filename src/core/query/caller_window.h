/* The windows of a result: for reads by the thread that looks keys up, without the engine. */
#ifndef IKV_CALLER_WINDOW_H
#define IKV_CALLER_WINDOW_H

#include "core/query/result.h"

/* The window for reads of the batch's store: over pread, or over a ring if the store was opened
 * with IKV_BACKEND_URING. Opened when first needed, and again when the result is used by another
 * thread or in a forked child. -errno; IKV_E_UNSUPPORTED: this thread can't read the store. */
int ikv_caller_window(struct ikv_result *result, struct ikv_window **ret);

#endif
