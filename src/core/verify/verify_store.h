/* Verifying all of an open store. */
#ifndef IKV_VERIFY_STORE_H
#define IKV_VERIFY_STORE_H

#include "core/verify/verifier.h"

#define IKV_VERIFY_MEMORY_MIN ((uint64_t)8 << 20)

/* All passes, see verify.c. Returns 0 also if there were problems; IKV_E_CANCELED: `full`, or
 * canceled by on_progress. The verifier's store, options and `ascending` are set. */
int ikv_verify_store(struct ikv_verifier *verifier);

/* Verify a store for which the caller trusts no byte: it fails with the first problem, or with
 * IKV_E_UNSUPPORTED if a value has more than max_value_size bytes. */
int ikv_verify_untrusted(struct ikv_store *store, uint64_t max_value_size, ikv_error *err);

#endif
