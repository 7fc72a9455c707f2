/* Turning the ranges that were added to a writer into pairs: first key, and value with last key. */
#ifndef IKV_FINISH_RANGES_H
#define IKV_FINISH_RANGES_H

#include "core/write/writer_state.h"

/* Write the pairs of all ranges, in key order. On failure *err is set. */
int ikv_writer_write_ranges(struct ikv_writer *writer, ikv_error *err);

#endif
