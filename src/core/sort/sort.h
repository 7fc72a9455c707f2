/* Sorting entries of 64-bit words in memory. */
#ifndef IKV_SORT_H
#define IKV_SORT_H

#include <stddef.h>
#include <stdint.h>

#define IKV_ENTRY_WORDS_MAX 17 /* the longest key and a position */

/*
 * Sort n entries of `words` words each in place, in lexicographic order. `scratch` holds n entries,
 * too. Equal entries are interchangeable, so the result is unique.
 *
 * Starting with the first word, a least-significant-digit radix sort (Knuth, The Art of Computer
 * Programming, vol. 3, section 5.2.5) orders the entries by the highest two to five of the 8-bit
 * digits in which they differ; then each group that is equal in these digits is sorted by the
 * remaining ones. Small groups are sorted by insertion.
 */
void ikv_sort_entries(uint64_t *entries, uint64_t *scratch, size_t n, uint32_t words);

#endif
