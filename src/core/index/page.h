/* An index page as it was read: entries in ascending order of their keys. In a clustered store a
 * page is a leaf, whose entries say where in it, or outside it, their records are. */
#ifndef IKV_PAGE_H
#define IKV_PAGE_H

#include "core/format/leaf.h"

struct ikv_page {
    uint64_t number;
    const unsigned char *entries;
    uint32_t count; /* 0: a leaf that contradicts itself */
    bool has_checksum;
    uint32_t checksum;    /* expected */
    bool verified;        /* needs no further check; the search sets it after checking */
    uint64_t offset;      /* of a leaf in the file */
    struct ikv_leaf leaf; /* bytes NULL: the page is not a leaf */
};

/* Set a page from its bytes. `sum`: its checksum as in the file; NULL: there is none. */
void ikv_page_set(const struct ikv_geometry *index, uint64_t number, const unsigned char *bytes,
                  const unsigned char *sum, struct ikv_page *ret);

/* Position of the record that an entry of the page points to. Not checked: it is in the file. */
static inline uint64_t ikv_page_position(const struct ikv_geometry *index,
                                         const struct ikv_page *page, const unsigned char *entry)
{
    if (page->leaf.bytes)
        return ikv_leaf_position(&page->leaf, page->offset, ikv_leaf_place(&index->key, entry));
    return ikv_entry_position(&index->key, entry);
}

/* Whether the entries ascend: all that can be checked of a page without a checksum. */
bool ikv_page_is_in_order(const struct ikv_geometry *index, const struct ikv_page *page);
/* Whether the page is as it was written, as far as that can be checked. */
bool ikv_page_matches_checksum(const struct ikv_geometry *index, const struct ikv_page *page);

#endif
