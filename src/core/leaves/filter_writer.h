/* Builds the filters of absent keys: collects the keys of leaves and makes a filter per segment. */
#ifndef IKV_FILTER_WRITER_H
#define IKV_FILTER_WRITER_H

#include "core/format/filter.h"
#include "core/format/leaf.h"
#include "core/output/tape.h"

struct ikv_filter_writer {
    struct ikv_key_info key;
    uint32_t bits; /* 0: no filter */
    uint64_t seed; /* ikv_record_seed */
    uint64_t *hashes;
    uint32_t count;
    uint32_t capacity;
    uint64_t first_leaf; /* of the current segment */

    /* Contents of the two sections. */
    struct ikv_tape directory;
    struct ikv_tape cells;
};

/* An empty writer, which may be freed. */
void ikv_filter_writer_init(struct ikv_filter_writer *writer);
/* `dir`, for tapes, must outlive the writer. -ENOMEM. */
int ikv_filter_writer_begin(struct ikv_filter_writer *writer, const struct ikv_key_info *key,
                            uint32_t bits, uint64_t seed, const char *dir);
void ikv_filter_writer_free(struct ikv_filter_writer *writer);

/* Add leaf `number`; leaves are added in order. */
int ikv_filter_writer_add(struct ikv_filter_writer *writer, uint64_t number,
                          const struct ikv_leaf *leaf);
int ikv_filter_writer_end(struct ikv_filter_writer *writer);

#endif
