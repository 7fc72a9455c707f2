/* Verifying the trailer: each section's checksum, and the layout of all of them. */
#ifndef IKV_VERIFY_SECTIONS_H
#define IKV_VERIFY_SECTIONS_H

#include "core/verify/verifier.h"

int ikv_verify_sections(struct ikv_verifier *verifier);

#endif
