/* Where a batch is executed by a call that waits for it: on the calling thread or by the engine. */
#ifndef IKV_EXECUTE_H
#define IKV_EXECUTE_H

#include "core/query/result.h"

/* Execute a batch that was begun, and end it. */
void ikv_execute(struct ikv_result *result);

#endif
