/* Inside of a writer: writer.c takes pairs, finish.c makes them a store, compact.c drops
 * duplicates. */
#ifndef IKV_WRITER_H
#define IKV_WRITER_H

#include "core/format/size_stats.h"
#include "core/sort/sorter.h"
#include "core/write/index_writer.h"

struct ikv_writer {
    struct ikv_key_info key;
    uint32_t stride;
    bool plain;
    ikv_duplicates on_duplicate;
    uint64_t memory;
    unsigned char store_id[16];
    uint64_t record_seed;
    unsigned char *metadata;
    size_t metadata_size;
    char *temp_dir;
    ikv_progress_fn progress;
    void *progress_user;

    int failed; /* 0, or the code of the first failure: nothing more is done */
    struct ikv_error failure;
    struct ikv_output output;
    struct ikv_sorter *sorter; /* entries: the key's words, position */
    struct ikv_sorter_stats sorted;
    struct ikv_sorter *dropped; /* entries: position; NULL: no duplicates so far */
    struct ikv_size_stats sizes;
    struct ikv_tape block_sums;
    struct ikv_tape fences;
    struct ikv_tape page_sums;

    uint64_t records_end;
    uint64_t index_start;
    uint64_t pairs; /* entries of the index */
    uint64_t dropped_count;
    bool in_key_order; /* the records */
};

/* Bytes that we add to each record. */
static inline uint32_t ikv_writer_surplus(const struct ikv_writer *writer)
{
    return writer->plain ? 0 : 4;
}

/* IKV_E_CANCELED if the caller wants it. */
int ikv_writer_report(const struct ikv_writer *writer, const char *phase, uint64_t done,
                      uint64_t total, const char *unit);

/* The record area ends here: pad it, so that the index begins where it should. */
int ikv_writer_end_records(struct ikv_writer *writer);

/* All pairs are added: write index and trailer. The header is left to ikv_output_publish. */
int ikv_writer_complete(struct ikv_writer *writer, unsigned char ret_header[IKV_HEADER_SIZE],
                        ikv_error *err);

/* Take the records in `dropped` out of the record area and write the index anew. */
int ikv_writer_compact(struct ikv_writer *writer);

#endif
