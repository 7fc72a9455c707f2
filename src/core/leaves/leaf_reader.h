/* Reads back the pairs written by a leaf writer, in key order. */
#ifndef IKV_LEAF_READER_H
#define IKV_LEAF_READER_H

#include "core/leaves/leaf_writer.h"

struct ikv_leaf_reader {
    const struct ikv_leaf_writer *writer;
    unsigned char *bytes; /* of the extent */
    unsigned char *value; /* of a record outside a leaf, up to IKV_PAIR_VALUE_MAX */
    uint64_t start;       /* of the extent in the file */
    uint64_t leaf;        /* number of the first leaf not loaded */
    uint32_t loaded;      /* leaves in `bytes` */
    uint32_t next;        /* of these */
    struct ikv_leaf at;
    uint32_t entry;
};

/* A pair, valid until the next call of ikv_leaf_reader_next. */
struct ikv_leaf_pair {
    const unsigned char *key; /* stored form */
    uint32_t size;
    const unsigned char *value; /* NULL: above IKV_PAIR_VALUE_MAX, see ikv_leaf_reader_read */
    uint64_t position;
};

/* All leaves must be written. */
int ikv_leaf_reader_begin(struct ikv_leaf_reader *reader, const struct ikv_leaf_writer *writer);
void ikv_leaf_reader_free(struct ikv_leaf_reader *reader);
/* 1: *ret is the next pair; 0: the end; or a negative code. */
int ikv_leaf_reader_next(struct ikv_leaf_reader *reader, struct ikv_leaf_pair *ret);
/* Read part of a value outside a leaf. */
int ikv_leaf_reader_read(struct ikv_leaf_reader *reader, const struct ikv_leaf_pair *pair,
                         uint32_t offset, void *buf, size_t size);

#endif
