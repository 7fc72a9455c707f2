/* An index page as it was read: entries in ascending order of their keys. In a clustered store a
 * page is a leaf, whose entries refer to records in the leaf or outside it. */
#ifndef IKV_PAGE_H
#define IKV_PAGE_H

#include "core/format/leaf.h"

struct ikv_page {
    uint64_t number;
    const unsigned char *entries;
    uint32_t count; /* 0: an invalid leaf */
    bool has_checksum;
    uint32_t checksum;    /* expected */
    bool verified;        /* needs no further check; the search sets it after checking */
    struct ikv_leaf leaf; /* bytes NULL: not a leaf; the rest of it and `offset` are undefined */
    uint64_t offset;      /* file offset of a leaf */
};

void ikv_page_set_leaf(const struct ikv_geometry *index, uint64_t number,
                       const unsigned char *bytes, struct ikv_page *ret);

/* Initialise a page from its bytes. `sum`: its checksum as in the file; NULL: none. Inline,
 * since it is called for every page. */
static inline void ikv_page_set(const struct ikv_geometry *index, uint64_t number,
                                const unsigned char *bytes, const unsigned char *sum,
                                struct ikv_page *ret)
{
    if (index->leaf_size) {
        ikv_page_set_leaf(index, number, bytes, ret);
        return;
    }
    ret->number = number;
    ret->entries = bytes;
    ret->count =
        (uint32_t)(ikv_page_first_entry(index, number + 1) - ikv_page_first_entry(index, number));
    ret->has_checksum = sum != NULL;
    ret->checksum = sum ? ikv_load32(sum) : 0;
    ret->verified = false;
    ret->leaf.bytes = NULL;
}

/* Position of the record to which an entry of the page points, as in the file, unchecked. */
static inline uint64_t ikv_page_position(const struct ikv_geometry *index,
                                         const struct ikv_page *page, const unsigned char *entry)
{
    if (page->leaf.bytes)
        return ikv_leaf_position(&page->leaf, page->offset, ikv_leaf_place(&index->key, entry));
    return ikv_entry_position(&index->key, entry);
}

/* Whether the entries ascend: all that can be checked of a page without a checksum. */
bool ikv_page_is_in_order(const struct ikv_geometry *index, const struct ikv_page *page);
/* Whether the page is intact: its checksum is right, or without one its order. */
bool ikv_page_matches_checksum(const struct ikv_geometry *index, const struct ikv_page *page);

#endif
