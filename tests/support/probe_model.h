/*
 * A naive model of the search: divide and conquer as src/core/index/search.h describes it, as plain
 * recursion over keys in memory. Shares no code with the library. Computes the answers and the
 * exact number of probes of each level:
 *
 *   - A chunk is a range of the batch's keys and a range of pages. Without keys there is nothing to
 *     do. Without pages, the keys fall between two known entries.
 *   - Otherwise its middle page (of two, the right one) is probed, in one probe of this level. Keys
 *     from the page's first to its last entry are answered; smaller keys continue in the pages to
 *     the left, greater keys in the pages to the right, both one level deeper.
 *   - With fences, the batch is first split into one chunk per range of pages between two fences.
 *     Keys below the first fence get a chunk without pages.
 *   - A ceiling after a chunk's pages is the first entry of the following page. Unless a probe has
 *     already shown that entry, it takes an additional probe.
 *
 * Keys are in the ordered form of hostkey.h, which memcmp orders.
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
    const unsigned char *keys; /* `count` keys of `width` bytes each, owned by the caller */
    size_t width;
    size_t count;
    /* Page p has the entries that begin in the p-th `page_size` bytes, from page_first[p] on.
     * page_first[pages] is `count`. */
    size_t page_size;
    size_t *page_first;
    size_t pages;
    size_t fence_step; /* pages 0, step, 2 * step, ... have fences; 0: none */
} probe_model;

typedef struct probe_counts {
    uint64_t total;
    uint32_t levels; /* in use */
    uint64_t level[IKV_LEVELS_MAX];
} probe_counts;

/* page_size: 4096 or PROBE_ENTRIES. stride: bytes per entry. `keys` must outlive the model. */
void probe_model_init(probe_model *ret_model, const unsigned char *keys, size_t width, size_t count,
                      size_t stride, size_t page_size, size_t fence_step);
void probe_model_free(probe_model *model);

/* `keys`: `count` distinct keys, ascending, in ordered form. ret_answers[i] is the index of the
 * entry that answers key i, or PROBE_NO_ENTRY. */
void probe_model_search(const probe_model *model, const unsigned char *keys, size_t count,
                        ikv_match match, size_t *ret_answers, probe_counts *ret_counts);

/*
 * Probes that the same batch of exact lookups costs the original, the Rust crate, which probes
 * single entries. The model must use PROBE_ENTRIES and no fences.
 *
 * The original is known to pass one key too many into the left half, and to take 33 reads per key
 * for 1,000 random keys out of 10^6, where 9 are enough. The model does the same: if any keys are
 * less than the middle entry, the next key is searched for in the left half, too, in vain.
 *
 * That alone gives 25 reads per key. With ORIGINAL_MIDDLE_AGAIN the right half begins with the
 * middle entry, although that has just been read, instead of the one after it; that gives 33. This
 * is inferred from the number, not known. (If the left half always got an extra key, a key alone in
 * its chunk would go both ways and read the whole chunk: 1,000 reads per key.)
 */
typedef enum probe_original {
    ORIGINAL_EXTRA_KEY = 0,   /* only an extra key to the left */
    ORIGINAL_MIDDLE_AGAIN = 1 /* also the middle entry to the right */
} probe_original;
void probe_model_original(const probe_model *model, const unsigned char *keys, size_t count,
                          probe_original how, probe_counts *ret_counts);

#endif
