/* The pairs of a sound file, by the decoders of tests/support. */
#ifndef FUZZ_DECODED_H
#define FUZZ_DECODED_H

#include "indexkv.h"

#include "model.h"

/* Decode the file. Returns 0, or -1 with the violated rule in `error` (of 320 bytes); then the
 * model is empty. Free it with model_free in either case. */
int fuzz_decode(const char *path, const ikv_info *info, store_model *ret, char *error);

#endif
