/*
 * The naive model of the search: divide and conquer as src/core/search.h describes it, written down
 * as plain recursion over keys in memory. It shares no code with the library. It tells the answers
 * and, exactly, how many probes each level takes:
 *
 *   - a chunk is a range of the batch's keys and a range of pages. No keys: nothing to do. No
 * pages: the keys fall between two entries, which are known.
 *   - otherwise its middle page (of two the right one) is probed: one probe of this level. Keys
 *     from its first to its last entry are answered, those below go on in the pages to the left,
 *     those above in the pages to the right, both one level deeper.
 *   - with fences, the batch is first cut into one chunk for each run of pages between two fences.
 *     Keys below the first fence get a chunk without pages.
 *   - a ceiling that lies behind a chunk's pages is the first entry of the page that follows. As
 *     long as no probe has shown that one, it takes a probe of its own.
 *
 * Keys are in the ordered form of hostkey.h, so that memcmp tells their order.
 */
#ifndef TEST_PROBE_MODEL_H
#define TEST_PROBE_MODEL_H

#include "indexkv.h"

#include <stddef.h>
#include <stdint.h>

#define PROBE_NO_ENTRY SIZE_MAX
#define PROBE_ENTRIES  0 /* page_size: pages are single entries */

typedef struct probe_model {
    /* The index: ascending, equal keys allowed. */
    const unsigned char *keys; /* the caller's: `count` keys of `width` bytes each */
    size_t width;
    size_t count;
    /* Page p: the entries that begin in the p-th `page_size` bytes. page_first[pages] is `count`.
     */
    size_t page_size;
    size_t *page_first;
    size_t pages;
    size_t fence_step; /* the first keys of pages 0, step, 2 * step, ... are known; 0: of none */
} probe_model;

typedef struct probe_counts {
    uint64_t total;
    uint32_t levels; /* in use */
    uint64_t level[IKV_LEVELS_MAX];
} probe_counts;

/* page_size: 4096 or PROBE_ENTRIES; `stride` bytes an entry. `keys` must stay in place. */
void probe_model_init(probe_model *ret_model, const unsigned char *keys, size_t width, size_t count,
                      size_t stride, size_t page_size, size_t fence_step);
void probe_model_free(probe_model *model);

/* `keys`: `count` different ones, ascending, in ordered form. ret_answers[i] is the number of the
 * entry that answers key i, or PROBE_NO_ENTRY. */
void probe_model_search(const probe_model *model, const unsigned char *keys, size_t count,
                        ikv_match match, size_t *ret_answers, probe_counts *ret_counts);

/*
 * What the same batch of exact lookups costs the original, the Rust crate, which probes single
 * entries. (The model must be one of entries, without fences.)
 *
 * Of the original it is known that it passes a key that can't be there into the left half, and that
 * it takes 33 reads a key for 1,000 random keys out of 10^6, where 9 are enough. Here that means:
 * if any keys go to the left of the middle entry, the first key that does not is sent along, to be
 * searched for there in vain.
 *
 * That rule alone comes to 25 reads a key. With ORIGINAL_MIDDLE_AGAIN the right half also begins
 * with the middle entry, although that has just been read, and not behind it: then it is 33. This
 * is inferred from the number, not known. (If the left half always got one key more, a key that is
 * alone in its chunk would be sent both ways and read the whole chunk: 1,000 reads a key.)
 */
typedef enum probe_original {
    ORIGINAL_KEY_TOO_MANY = 0, /* the rule alone */
    ORIGINAL_MIDDLE_AGAIN = 1
} probe_original;
void probe_model_original(const probe_model *model, const unsigned char *keys, size_t count,
                          probe_original how, probe_counts *ret_counts);

#endif
