/* Verifying the records: entries sorted by position against the record area, from front to back. */
#ifndef IKV_VERIFY_RECORDS_H
#define IKV_VERIFY_RECORDS_H

#include "core/verify/verifier.h"

/* by_position holds every entry: run ikv_verify_index first. */
int ikv_verify_records(struct ikv_verifier *verifier);

#endif
