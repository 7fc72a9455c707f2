/*
 * Writes pairs, added in key order, as leaves. Leaves are collected in extents of 1 MiB. A record
 * that is too long for a leaf is written to the file at once, so the records outside the leaves of
 * an extent are before it in the file:
 *
 *     | header, leaf 0, leaf 1, ... |  record record ... pad | leaf n, ... |  leaf 2n, ... |
 *       extent 0                       outside                 extent 1       extent 2
 *
 * To readers of the base format all of this is records without gaps: the last record before a leaf
 * without records extends to the next record.
 */
#ifndef IKV_LEAF_WRITER_H
#define IKV_LEAF_WRITER_H

#include "core/format/leaf.h"
#include "core/leaves/filter_writer.h"
#include "core/output/output.h"
#include "core/output/tape.h"

struct ikv_leaf_writer_options {
    struct ikv_key_info key;
    uint32_t leaf_size;
    uint32_t stride;      /* of the base format's index; 0: no index */
    uint32_t filter_bits; /* 0: no filter */
    uint64_t seed;        /* ikv_record_seed */
    const char *dir;      /* for tapes; must outlive the writer */
};

struct ikv_leaf_writer {
    struct ikv_output *output;
    struct ikv_key_info key;
    uint32_t leaf_size;
    uint32_t stride; /* of the base format's index; 0: no index */
    uint64_t seed;   /* ikv_record_seed */
    struct ikv_leaf_builder builder;
    struct ikv_checksum_stream *sum; /* of a value added in pieces */

    unsigned char *extent;
    uint32_t extent_leaves;
    uint32_t in_extent;  /* complete leaves in it */
    bool is_open;        /* one more leaf is being filled */
    uint64_t leaves;     /* complete leaves in total */
    uint64_t pairs;      /* in total */
    uint64_t end;        /* of the last extent in the file; before the first, of the header */
    bool is_contiguous;  /* so far leaf p is at p * leaf_size */
    bool any_outside;    /* records were written since the last extent */
    uint64_t outside_at; /* position of the last of them */
    uint32_t outside_size;
    uint32_t last_record; /* offset in the extent of its last record; IKV_NO_RECORD: none */

    /* Complete after ikv_leaf_writer_end. */
    struct ikv_tape fences;  /* first key of each leaf, as stored */
    struct ikv_tape extents; /* u64: file offset of each extent */
    struct ikv_tape index;   /* entries of the base format's index, `stride` bytes each */
    struct ikv_filter_writer filter;
};

/* An empty writer, which may be freed. */
void ikv_leaf_writer_init(struct ikv_leaf_writer *writer);
/* The output must be at the end of its header. -ENOMEM. */
int ikv_leaf_writer_begin(struct ikv_leaf_writer *writer, struct ikv_output *output,
                          const struct ikv_leaf_writer_options *options);
void ikv_leaf_writer_free(struct ikv_leaf_writer *writer);

/* Add a pair. Its key, in stored form, must be greater than all others. */
int ikv_leaf_writer_add(struct ikv_leaf_writer *writer, const unsigned char *key, const void *value,
                        uint32_t size);
/* Add a pair whose record is outside the leaf: pass its value in pieces to _append, then call
 * _close. */
int ikv_leaf_writer_open(struct ikv_leaf_writer *writer, const unsigned char *key, uint32_t size);
int ikv_leaf_writer_append(struct ikv_leaf_writer *writer, const void *bytes, size_t size);
int ikv_leaf_writer_close(struct ikv_leaf_writer *writer);
/* Whether a value of this size goes into a leaf. */
static inline bool ikv_leaf_writer_holds(const struct ikv_leaf_writer *writer, uint32_t size)
{
    return ikv_leaf_holds(&writer->key, writer->leaf_size, size);
}

/* All pairs are added: write the last leaves. */
int ikv_leaf_writer_end(struct ikv_leaf_writer *writer);

#endif
