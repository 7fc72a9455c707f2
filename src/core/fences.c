#include "fences.h"

const struct ikv_fences ikv_no_fences = {0};

uint64_t ikv_fences_not_above(const struct ikv_fences *fences, const uint64_t *key, uint64_t from)
{
    const uint32_t words = fences->words;
    uint64_t low = from; /* all below it are <= key */
    uint64_t step = 1;

    while (low + step <= fences->count &&
           ikv_words_compare(ikv_fence(fences, low + step - 1), key, words) <= 0) {
        low += step;
        step *= 2;
    }
    uint64_t high = ikv_min(low + step - 1, fences->count); /* all from it on are > key */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (ikv_words_compare(ikv_fence(fences, middle), key, words) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const uint64_t *ikv_fence_of_page(const struct ikv_fences *fences, uint64_t page)
{
    uint64_t low = 0;
    uint64_t high = fences->count;

    if (fences->count == 0)
        return NULL;
    if (!fences->pages) {
        low = page / fences->step;
        return page % fences->step == 0 && low < high ? ikv_fence(fences, low) : NULL;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (fences->pages[middle] < page)
            low = middle + 1;
        else
            high = middle;
    }
    return low < fences->count && fences->pages[low] == page ? ikv_fence(fences, low) : NULL;
}
