#include "core/index/page.h"

#include "core/format/checksum.h"

void ikv_page_set_leaf(const struct ikv_geometry *index, uint64_t number,
                       const unsigned char *bytes, struct ikv_page *ret)
{
    *ret = (struct ikv_page){
        .number = number,
        .entries = bytes,
        .offset = ikv_leaf_offset(index, number),
    };
    if (ikv_leaf_decode(bytes, index->leaf_size, &index->key, &ret->leaf)) {
        ret->entries = ret->leaf.entries;
        ret->count = ret->leaf.count;
    }
}

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

bool ikv_page_matches_checksum(const struct ikv_geometry *index, const struct ikv_page *page)
{
    if (page->leaf.bytes)
        return ikv_leaf_is_intact(&page->leaf, index->seed, page->number);
    if (page->has_checksum)
        return (uint32_t)ikv_checksum(page->entries, (size_t)page->count * index->stride) ==
               page->checksum;
    return ikv_page_is_in_order(index, page);
}
