/* An index page as it was read: entries in ascending order of their keys. */
#ifndef IKV_PAGE_H
#define IKV_PAGE_H

#include "core/format/format.h"

struct ikv_page {
    uint64_t number;
    const unsigned char *entries;
    uint32_t count;
    bool has_checksum;
    uint32_t checksum; /* expected */
    bool verified;     /* needs no further check; the search sets it after checking */
};

/* Whether the entries ascend: all that can be checked of a page without a checksum. */
bool ikv_page_is_in_order(const struct ikv_geometry *index, const struct ikv_page *page);

#endif
