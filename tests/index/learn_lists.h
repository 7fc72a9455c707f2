/* Lists of pages as runs pass them to a learner, for a dummy index that has first keys but no
 * entries. */
#ifndef TEST_LEARN_LISTS_H
#define TEST_LEARN_LISTS_H

#include "core/index/learn.h"

#include "rng.h"

/* Keys of 1, 2 or 16 words. */
void dummy_index(struct ikv_geometry *ret, uint32_t words, uint64_t pages);
/* First key of a page. Keys ascend; each is the first key of two pages. */
void dummy_key(uint32_t words, uint64_t page, uint64_t *ret_key);

/* A list with room for `room` pages. */
void list_make(struct ikv_learned *ret, uint32_t words, uint32_t room);
void list_free(struct ikv_learned *list);
void list_clear(struct ikv_learned *list);
/* Add a page with its dummy key. */
void list_add(struct ikv_learned *list, uint64_t page);
/* Add a page whose key has the first word `key`, the others being 0. */
void list_add_key(struct ikv_learned *list, uint64_t page, uint64_t key);

/* The fences of a snapshot ascend, and have the dummy keys of pages of the index. */
void assert_snapshot(const struct ikv_fences *fences, uint32_t words, uint64_t pages);
/* Number of known pages. Also checks the learner's snapshot. */
uint64_t known_pages(struct ikv_learner *learner, uint32_t words, uint64_t pages);

#endif
