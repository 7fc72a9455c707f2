/* Verifying the index: every page, in order. */
#ifndef IKV_VERIFY_INDEX_H
#define IKV_VERIFY_INDEX_H

#include "core/verify/verifier.h"

/* Also adds every entry to by_position. */
int ikv_verify_index(struct ikv_verifier *verifier);

#endif
