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
    uint64_t offset;      /* file offset of a leaf */
    struct ikv_leaf leaf; /* bytes NULL: the page is not a leaf */
};

/* Initialise a page from its bytes. `sum`: its checksum as in the file; NULL: none. */
void ikv_page_set(const struct ikv_geometry *index, uint64_t number, const unsigned char *bytes,
                  const unsigned char *sum, struct ikv_page *ret);

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
