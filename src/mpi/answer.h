/*
 * One answer on its way to the rank that asked:
 *
 *     | u32 size, or a status | key, unless exact | last key, if ranges | value, `size` bytes |
 *
 * An answer without a value has nothing but the status. Numbers are in host byte order.
 */
#ifndef IKV_MPI_ANSWER_H
#define IKV_MPI_ANSWER_H

#include "mpi/table.h"

/* There must be room for ikv_mpi_answer_head and the value. `item` NULL: not known. */
void ikv_answer_encode(struct bytes *bytes, const ikv_mpi *table, bool with_key,
                       const ikv_store *store, const ikv_item *item);

/* Decode an answer from at most `size` bytes. Returns how many it has, or 0 if these are too few.
 */
size_t ikv_answer_decode(const unsigned char *bytes, size_t size, const ikv_mpi *table,
                         bool with_key, ikv_mpi_item *ret_item);

#endif
