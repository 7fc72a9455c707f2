#include "core/scan/scan_pages.h"

#include "core/format/checksum.h"
#include "core/io/source.h"

#include <stdlib.h>

const unsigned char *ikv_scan_entry(const struct ikv_scan *scan, uint64_t entry)
{
    return scan->pages + (entry - scan->pages_begin) * scan->store->index.stride;
}

/* Whether the loaded entries [begin, end) are in order. */
static bool in_order(const struct ikv_scan *scan, uint64_t begin, uint64_t end)
{
    const struct ikv_key_info *info = &scan->store->index.key;
    uint64_t words[IKV_KEY_WORDS_MAX];

    for (uint64_t entry = begin; entry + 1 < end; entry++) {
        ikv_key_load(info, ikv_scan_entry(scan, entry), words);
        if (ikv_key_compare_stored(info, words, ikv_scan_entry(scan, entry + 1)) > 0)
            return false;
    }
    return true;
}

/* Set pages_end after the last intact page. */
static int verify_pages(struct ikv_scan *scan, uint64_t page, uint64_t count,
                        const unsigned char *sums)
{
    const struct ikv_geometry *index = &scan->store->index;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t begin = ikv_page_first_entry(index, page + i);
        uint64_t end = ikv_page_first_entry(index, page + i + 1);
        bool intact;
        if (sums)
            intact = (uint32_t)ikv_checksum(ikv_scan_entry(scan, begin),
                                            (size_t)((end - begin) * index->stride)) ==
                     ikv_load32(sums + i * IKV_PAGE_CHECKSUM_SIZE);
        else
            intact = in_order(scan, begin, end);
        if (!intact && i == 0)
            return ikv_scan_fail(scan, IKV_E_INDEX, ikv_page_offset(index, page),
                                 "wrong checksum or order of an index page");
        if (!intact)
            break;
        scan->pages_end = end;
    }
    return 0;
}

int ikv_scan_load_pages(struct ikv_scan *scan, uint64_t page, uint64_t count)
{
    const struct ikv_store *store = scan->store;
    const struct ikv_geometry *index = &store->index;
    const unsigned char *sums = NULL;

    if (!scan->pages) {
        scan->pages = malloc(IKV_SCAN_PAGES * IKV_PAGE_SIZE + IKV_STRIDE_MAX);
        scan->page_sums = malloc(IKV_SCAN_PAGES * IKV_PAGE_CHECKSUM_SIZE);
        if (!scan->pages || !scan->page_sums)
            return ikv_scan_fail(scan, -ENOMEM, IKV_NO_OFFSET, "cannot read the index");
    }
    scan->pages_begin = scan->pages_end = ikv_page_first_entry(index, page);
    count = ikv_min(ikv_min(count, IKV_SCAN_PAGES), index->pages - page);
    const uint64_t offset = ikv_page_offset(index, page);
    const size_t size = (size_t)(ikv_page_offset(index, page + count) - offset);
    if (count > 1) /* the file is advised to be read at random: announce the next read */
        ikv_file_will_read(&store->file, offset + size, size);
    int code = ikv_file_read(&store->file, scan->pages, size, offset, &scan->stats.retries);
    scan->stats.probes += count;
    scan->stats.index_reads++;
    scan->stats.index_bytes += size;
    if (store->page_sums) {
        sums = store->page_sums + page * IKV_PAGE_CHECKSUM_SIZE;
    } else if (code == 0 && store->page_sums_offset) {
        const size_t sums_size = (size_t)count * IKV_PAGE_CHECKSUM_SIZE;
        sums = scan->page_sums;
        code = ikv_file_read(&store->file, scan->page_sums, sums_size,
                             store->page_sums_offset + page * IKV_PAGE_CHECKSUM_SIZE,
                             &scan->stats.retries);
        scan->stats.index_reads++;
        scan->stats.index_bytes += sums_size;
    }
    if (code < 0)
        return ikv_scan_fail(scan, code, offset, "cannot read the index");
    return verify_pages(scan, page, count, sums);
}

/* Number of fences below the key. */
static uint64_t fences_below(const struct ikv_fences *fences, const uint64_t *words)
{
    uint64_t low = 0;
    uint64_t high = fences->count;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (ikv_words_compare(ikv_fence(fences, middle), words, fences->words) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first loaded entry that is not below the key, or pages_end. */
static uint64_t bound_in_page(const struct ikv_scan *scan, const uint64_t *words)
{
    uint64_t low = scan->pages_begin;
    uint64_t high = scan->pages_end;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (ikv_key_compare_stored(&scan->store->index.key, words, ikv_scan_entry(scan, middle)) >
            0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int ikv_scan_lower_bound(struct ikv_scan *scan, const uint64_t *words, uint64_t *ret_entry)
{
    const struct ikv_geometry *index = &scan->store->index;
    const struct ikv_fences *fences = &scan->store->fences;
    uint64_t low = 0; /* the result is in pages [low, high), or the first entry of page `high` */
    uint64_t high = index->pages;

    if (fences->count) {
        uint64_t below = fences_below(fences, words);
        low = below ? (below - 1) * fences->step : 0;
        high = below < fences->count ? below * fences->step : index->pages;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int code = ikv_scan_load_pages(scan, middle, 1);
        if (code < 0)
            return code;
        uint64_t bound = bound_in_page(scan, words);
        if (bound == scan->pages_begin) {
            high = middle;
        } else if (bound == scan->pages_end) {
            low = middle + 1;
        } else {
            *ret_entry = bound;
            return 0;
        }
    }
    *ret_entry = ikv_page_first_entry(index, high);
    return 0;
}
