/* Sorting entries of several 64-bit words in memory. */
#ifndef IKV_SORT_H
#define IKV_SORT_H

#include <stddef.h>
#include <stdint.h>

#define IKV_ENTRY_WORDS_MAX 17 /* the longest key and a position */

/*
 * Sort n entries of `words` words each, in place, comparing word after word. `scratch` has room for
 * as many. Entries with equal words are interchangeable, so the order is unique.
 *
 * From the first word on: a least-significant-digit radix sort (Knuth, The Art of Computer
 * Programming, vol. 3, section 5.2.5) by the highest two to five of the 8-bit digits in which
 * entries differ; then every group that agrees in these is sorted by what follows. Small groups by
 * insertion.
 */
void ikv_sort_entries(uint64_t *entries, uint64_t *scratch, size_t n, uint32_t words);

#endif
