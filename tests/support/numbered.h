/*
 * A store with the keys 0, 1, 2, ... (counted from the least key of its type). The value of a key
 * is its number, so that a scan can check each item.
 */
#ifndef TEST_NUMBERED_H
#define TEST_NUMBERED_H

#include "indexkv.h"

#include "places.h"
#include "tmpdir.h"

#include <stdint.h>

#define NUMBERED_PAGE  4096u  /* bytes of an index page or a leaf */
#define NUMBERED_LARGE 20000u /* bytes of a large value, which begins with the number */

typedef struct numbered_store {
    char *path; /* freed by numbered_free */
    ikv_key_type type;
    uint32_t flags;
    uint64_t large; /* the first this many keys have large values, and keys were added in
                       descending order; 0: added in key order */
    uint64_t count;
    store_places places;
} numbered_store;

/* Writes a store "numbered" in `dir` with this many index pages or leaves, the last not full. */
void numbered_make(const tmpdir *dir, ikv_key_type type, uint32_t flags, uint64_t pages,
                   uint64_t large, numbered_store *ret);
void numbered_free(numbered_store *s);

/* First entry of an index page or leaf, at most `count`. File offset of an entry. */
uint64_t numbered_first_entry(const numbered_store *s, uint64_t page);
uint64_t numbered_entry_offset(const numbered_store *s, uint64_t entry);
/* Offsets of a key's record, and of the end of its content. */
uint64_t numbered_record(const numbered_store *s, uint64_t number);
uint64_t numbered_record_end(const numbered_store *s, uint64_t number);

/* As in ikv_scan_options, with numbers instead of keys. */
#define NUMBERED_NO_BOUND UINT64_MAX
typedef struct numbered_bounds {
    uint64_t from;
    uint64_t to;
    uint64_t limit;
    uint64_t memory;
} numbered_bounds;

/* Scans in key order and checks that every item is the next number with its value. Returns the
 * number of items. *ret_code is the code that ended the scan, or that opening it returned. */
uint64_t numbered_scan(const numbered_store *s, ikv_store *store, numbered_bounds bounds,
                       int *ret_code, ikv_error *err);

#endif
