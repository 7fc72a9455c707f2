/* Verifying that the ranges of a store are valid and do not overlap. */
#ifndef IKV_VERIFY_RANGES_H
#define IKV_VERIFY_RANGES_H

#include "core/verify/verifier.h"

/* After all else was found sound. */
int ikv_verify_ranges(struct ikv_verifier *verifier);

#endif
