/* What runs tell a learner, made up: an index of which only the first keys exist. */
#ifndef TEST_LEARN_LISTS_H
#define TEST_LEARN_LISTS_H

#include "core/index/learn.h"

#include "rng.h"

/* Keys of 1, 2 or 16 words. */
void imagined_index(struct ikv_geometry *ret, uint32_t words, uint64_t pages);
/* Ascending; two pages each begin with the same key. */
void imagined_key(uint32_t words, uint64_t page, uint64_t *ret_key);

/* A list with room for so many pages. */
void list_make(struct ikv_learned *ret, uint32_t words, uint32_t room);
void list_free(struct ikv_learned *list);
void list_clear(struct ikv_learned *list);
/* `key` is the first word of the key; the others are zero. */
void list_tell_key(struct ikv_learned *list, uint64_t page, uint64_t key);
/* With its own key. */
void list_tell(struct ikv_learned *list, uint64_t page);

/* A learner's snapshot ascends, is of pages of the index, and has their keys. */
void assert_snapshot(const struct ikv_fences *fences, uint32_t words, uint64_t pages);
/* How many fences there are now; checks them, too. */
uint64_t known_pages(struct ikv_learner *learner, uint32_t words, uint64_t pages);

#endif
