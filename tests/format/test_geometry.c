/* Dividing an index into pages of 4096 bytes or of single entries, compared with a walk over all
 * entries. */
#include "core/format/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define INDEX_START 40960

/* Each entry is in one page, there are no gaps, and a page begins at its first entry. `page_of`
 * returns the page of an entry. */
static void assert_pages(const struct ikv_geometry *index, uint64_t (*page_of)(uint64_t, uint32_t))
{
    uint64_t pages = 0;

    for (uint64_t entry = 0; entry < index->count; entry++) {
        uint64_t page = page_of(entry, index->stride);

        assert_int_equal(ikv_page_of_entry(index, entry), page);
        assert_int_equal(ikv_entry_offset(index, entry), INDEX_START + entry * index->stride);
        if (page + 1 == pages)
            continue;
        assert_int_equal(page, pages);
        assert_int_equal(ikv_page_first_entry(index, page), entry);
        assert_int_equal(ikv_page_offset(index, page), INDEX_START + entry * index->stride);
        pages++;
    }
    assert_int_equal(index->pages, pages);
    assert_int_equal(ikv_page_first_entry(index, pages), index->count);
    assert_int_equal(ikv_page_offset(index, pages), INDEX_START + index->count * index->stride);
}

static uint64_t page_of_its_first_byte(uint64_t entry, uint32_t stride)
{
    return entry * stride / 4096;
}

static uint64_t page_of_its_own(uint64_t entry, uint32_t stride)
{
    (void)stride;
    return entry;
}

static void every_entry_is_in_one_page(void **state)
{
    struct ikv_key_info key;

    (void)state;
    assert_true(ikv_key_describe(IKV_KEY_U64, &key));
    for (uint32_t stride = 16; stride <= IKV_STRIDE_MAX; stride += 8)
        for (uint64_t count = 0; count <= 1030; count += count < 3 ? 1 : 79) {
            struct ikv_geometry pages;

            ikv_geometry_set(&pages, &key, stride, INDEX_START, count);
            assert_pages(&pages, page_of_its_first_byte);
            struct ikv_geometry entries = ikv_geometry_of_entries(&pages);
            assert_int_equal(entries.key.type, IKV_KEY_U64);
            assert_int_equal(entries.count, count);
            assert_pages(&entries, page_of_its_own);
        }
}

/* The maximum number of entries: nothing wraps around. */
static void the_largest_index(void **state)
{
    const uint64_t count = (UINT64_C(1) << 63) / 136 - 1000;
    struct ikv_key_info key;
    struct ikv_geometry pages;

    (void)state;
    assert_true(ikv_key_describe(IKV_KEY_BYTES(128), &key));
    ikv_geometry_set(&pages, &key, 136, INDEX_START, count);
    assert_int_equal(pages.pages, (count - 1) * 136 / 4096 + 1);
    assert_int_equal(ikv_page_first_entry(&pages, pages.pages), count);
    assert_int_equal(ikv_page_of_entry(&pages, count - 1), pages.pages - 1);
    struct ikv_geometry entries = ikv_geometry_of_entries(&pages);
    assert_int_equal(entries.pages, count);
    assert_int_equal(ikv_page_first_entry(&entries, count - 1), count - 1);
    assert_int_equal(ikv_page_offset(&entries, count), INDEX_START + count * 136);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_is_in_one_page),
        cmocka_unit_test(the_largest_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
