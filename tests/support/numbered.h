/*
 * A store of the keys 0, 1, 2, ... (places above the least key of its type), each with its number
 * as its value, and a scan over it that knows which item has to come next.
 */
#ifndef TEST_NUMBERED_H
#define TEST_NUMBERED_H

#include "indexkv.h"

#include "tmpdir.h"

#include <stdint.h>

#define NUMBERED_PAGE  4096u  /* slice of the index */
#define NUMBERED_LARGE 20000u /* bytes of a large value, which begins with the number */

typedef struct numbered_store {
    char *path; /* for free() */
    ikv_key_type type;
    uint32_t flags;
    uint64_t large; /* so many keys at the front have large values. They were written last, in
                       descending order as all others. 0: written in key order. */
    uint32_t stride;
    uint64_t count;
    uint64_t index_start;
} numbered_store;

/* A store "numbered" in `dir` with so many index pages, the last one not full. */
void numbered_make(const tmpdir *dir, ikv_key_type type, uint32_t flags, uint64_t pages,
                   uint64_t large, numbered_store *ret);

/* First entry of an index page, at most `count`; offset of an entry in the file. */
uint64_t numbered_first_entry(const numbered_store *s, uint64_t page);
uint64_t numbered_entry_offset(const numbered_store *s, uint64_t entry);

/* As in ikv_scan_options, with numbers for keys. */
#define NUMBERED_NO_BOUND UINT64_MAX
typedef struct numbered_bounds {
    uint64_t from;
    uint64_t to;
    uint64_t limit;
    uint64_t memory;
} numbered_bounds;

/* Scan in key order to the end: every item has to be the next number with its value, or the test
 * fails. Returns how many came; *ret_code is what ended it, also if opening it failed. */
uint64_t numbered_scan(const numbered_store *s, ikv_store *store, numbered_bounds bounds,
                       int *ret_code, ikv_error *err);

#endif
