/* The sections of a native store's trailer: their directory and their contents. */
#ifndef IKV_SECTIONS_H
#define IKV_SECTIONS_H

#include "core/store/store.h"

/* Read the directory into store->sections. */
int ikv_store_read_directory(struct ikv_store *store, const struct ikv_header *header,
                             const struct ikv_footer *footer, ikv_error *err);

/* The section of a type; NULL: there is none. */
const struct ikv_section *ikv_store_section(const struct ikv_store *store, uint32_t type);

/* Read a whole section of at most `size` bytes and verify its checksum. */
int ikv_store_read_section(struct ikv_store *store, const struct ikv_section *section, void *buf,
                           size_t size, ikv_error *err);

/* Fill in *err for a section and return `code`. */
int ikv_store_section_fail(const struct ikv_store *store, const struct ikv_section *section,
                           int code, const char *what, ikv_error *err);

#endif
