/* Writes the index from sorted entries and collects the fences and checksums of its pages. */
#ifndef IKV_INDEX_WRITER_H
#define IKV_INDEX_WRITER_H

#include "core/output/output.h"

struct ikv_index_writer {
    struct ikv_output *output;
    struct ikv_key_info key;
    uint32_t stride;
    uint64_t written; /* bytes of the index, including the current page */
    uint64_t last_position;
    bool ascending; /* positions have ascended so far: the records are in key order */
    size_t page_used;
    unsigned char page[IKV_PAGE_SIZE + IKV_STRIDE_MAX];
    struct ikv_tape *fences; /* NULL: plain v2, neither fences nor page_sums are collected */
    struct ikv_tape *page_sums;
};

void ikv_index_writer_begin(struct ikv_index_writer *writer, struct ikv_output *output,
                            const struct ikv_key_info *key, uint32_t stride,
                            struct ikv_tape *fences, struct ikv_tape *page_sums);
int ikv_index_writer_put(struct ikv_index_writer *writer, const uint64_t *words, uint64_t position);
int ikv_index_writer_end(struct ikv_index_writer *writer);

#endif
