/* State of a writer, shared by the steps of a build: writer.c takes pairs, finish.c turns them into
 * a store, compact.c removes the records of duplicates. */
#ifndef IKV_WRITER_STATE_H
#define IKV_WRITER_STATE_H

#include "core/base/scratch.h"
#include "core/format/size_stats.h"
#include "core/leaves/clustered.h"
#include "core/ranges/ranges.h"
#include "core/sort/sorter.h"
#include "core/write/index_writer.h"

struct ikv_writer {
    struct ikv_key_info key;
    uint32_t stride;
    bool plain;
    bool has_index; /* of the base format */
    ikv_duplicates on_duplicate;
    uint64_t memory;
    unsigned char store_id[16];
    uint64_t record_seed;
    unsigned char *metadata;
    size_t metadata_size;
    char *temp_dir;
    ikv_progress_fn progress;
    void *progress_user;

    int failed; /* 0, or the code of the first failure, which later calls return */
    struct ikv_error failure;
    struct ikv_output output;
    bool has_ranges;
    struct ikv_ranges *ranges; /* collects them until the end */
    struct ikv_ranges_stats range_stats;
    struct ikv_scratch content;      /* value and last key of a range */
    struct ikv_clustered *clustered; /* NULL: records are in order of arrival, `sorter` is used */
    struct ikv_sorter *sorter;       /* entries: the key's words, position */
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
    bool in_key_order; /* the records are in key order */
};

/* Report progress. IKV_E_CANCELED if the caller wants to stop. */
static inline int ikv_writer_report(const struct ikv_writer *writer, const char *phase,
                                    uint64_t done, uint64_t total, const char *unit)
{
    struct ikv_progress now = {phase, done, total, unit};

    if (writer->progress && writer->progress(writer->progress_user, &now) != 0)
        return IKV_E_CANCELED;
    return 0;
}

#endif
