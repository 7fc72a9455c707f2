/* Collects the keys of leaves, and makes a filter of absent keys of every segment of them. */
#ifndef IKV_FILTER_WRITER_H
#define IKV_FILTER_WRITER_H

#include "core/format/filter.h"
#include "core/format/leaf.h"
#include "core/write/tape.h"

struct ikv_filter_writer {
    struct ikv_key_info key;
    uint32_t bits; /* 0: no filter is wanted */
    uint64_t seed; /* ikv_record_seed */
    uint64_t *hashes;
    uint32_t count;
    uint32_t capacity;
    uint64_t first_leaf; /* of the segment at hand */

    /* The two sections */
    struct ikv_tape directory;
    struct ikv_tape cells;
};

/* One that holds nothing, as _free leaves it. */
void ikv_filter_writer_init(struct ikv_filter_writer *writer);
/* `dir` is for tapes; it belongs to the caller. -ENOMEM. */
int ikv_filter_writer_begin(struct ikv_filter_writer *writer, const struct ikv_key_info *key,
                            uint32_t bits, uint64_t seed, const char *dir);
void ikv_filter_writer_free(struct ikv_filter_writer *writer);

/* Leaves in order. */
int ikv_filter_writer_add(struct ikv_filter_writer *writer, uint64_t number,
                          const struct ikv_leaf *leaf);
int ikv_filter_writer_end(struct ikv_filter_writer *writer);

#endif
