/* Verifying a clustered store: leaves, the records in and outside them, and the v2 index. */
#ifndef IKV_VERIFY_LEAVES_H
#define IKV_VERIFY_LEAVES_H

#include "core/verify/verifier.h"

int ikv_verify_leaves(struct ikv_verifier *verifier);

#endif
