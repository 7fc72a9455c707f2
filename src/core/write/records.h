/* The record area of a store being written, unless it is clustered: records in the order in which
 * they were added. */
#ifndef IKV_WRITE_RECORDS_H
#define IKV_WRITE_RECORDS_H

#include "core/format/checksum.h"
#include "core/write/writer_state.h"

/* Bytes added to each record: its checksum. */
static inline uint32_t ikv_writer_surplus(const struct ikv_writer *writer)
{
    return writer->plain ? 0 : IKV_RECORD_CHECKSUM_SIZE;
}

/* Take a pair: its record to the file and its entry to the sorter, or all of it to the leaves. */
int ikv_writer_put(struct ikv_writer *writer, const unsigned char *stored_key, const void *value,
                   uint32_t size);

/* The record area ends here: set records_end and index_start, and pad up to the index. */
int ikv_writer_end_records(struct ikv_writer *writer);

#endif
