/* A queue of completed jobs, and a descriptor that is readable while it is not empty. */
#ifndef IKV_POOL_COMPLETIONS_H
#define IKV_POOL_COMPLETIONS_H

#include "pool/job.h"

/* Append a job that has been released. */
void ikv_completions_push(ikv_completions *completions, struct ikv_job *job);

#endif
