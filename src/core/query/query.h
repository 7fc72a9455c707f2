/* Life of a batch: arguments checked, prepared, cut into shards, outcome collected. */
#ifndef IKV_QUERY_H
#define IKV_QUERY_H

#include "core/query/result.h"

/* Up to this many keys are looked up in memory by the calling thread: it takes a millisecond or so,
 * too little to wake workers for. */
#define IKV_RESIDENT_KEYS_HERE 4096

/* Check options of full size, for `count` keys. */
int ikv_query_check_options(const ikv_get_options *options, size_t count, ikv_error *err);
/* Check the arguments of a lookup and prepare it. After success ikv_query_end must be called. */
int ikv_query_begin(struct ikv_store *store, const void *keys, size_t count,
                    const ikv_get_options *options, struct ikv_result *result, ikv_error *err);
/* Collect the outcome; `code`: why the batch could not be executed; 0: it was. Sets what the call
 * returns: result->code and result->error. */
void ikv_query_end(struct ikv_result *result, int code);

/* Whether the keys are still to be looked up in memory. */
bool ikv_query_is_resident(const struct ikv_result *result);
/* Cut the batch into runs for this many workers. -ENOMEM */
int ikv_query_cut(struct ikv_result *result, unsigned workers);
/* After runs in memory: sort the keys that they could not answer. Returns the number of these keys,
 * or -ENOMEM. */
int64_t ikv_query_prepare_rest(struct ikv_result *result);
/* The job by which an engine executes runs[run_first, run_count), and what they may leave. */
struct ikv_job *ikv_query_job(struct ikv_result *result);

#endif
