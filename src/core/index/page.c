#include "core/index/page.h"

bool ikv_page_is_in_order(const struct ikv_geometry *index, const struct ikv_page *page)
{
    uint64_t words[IKV_KEY_WORDS_MAX];

    for (uint32_t i = 1; i < page->count; i++) {
        const unsigned char *entry = page->entries + (size_t)i * index->stride;
        ikv_key_load(&index->key, entry - index->stride, words);
        if (ikv_key_compare_stored(&index->key, words, entry) > 0)
            return false;
    }
    return true;
}
