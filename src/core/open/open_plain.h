/*
 * Opening a plain v2 file. It records neither key type nor stride. The caller passes the key type;
 * for 128-bit keys the stride is 32 or, from compilers before 1.77, 24, and the index itself shows
 * which: read with the wrong one, positions fall outside the records and keys are out of order. The
 * same check detects most wrong key types.
 */
#ifndef IKV_OPEN_PLAIN_H
#define IKV_OPEN_PLAIN_H

#include "core/store/store.h"

int ikv_store_open_plain(struct ikv_store *store, const struct ikv_header *header,
                         const ikv_open_options *options, ikv_error *err);

#endif
