#include "numbered.h"

#include "hostkey.h"
#include "stores.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LAST_ENTRIES 77u /* about this many in the last page */

uint64_t numbered_first_entry(const numbered_store *s, uint64_t page)
{
    return page < s->places.page_count ? s->places.pages[page].first : s->count;
}

uint64_t numbered_entry_offset(const numbered_store *s, uint64_t entry)
{
    return s->places.pairs[entry].entry;
}

uint64_t numbered_record(const numbered_store *s, uint64_t number)
{
    return s->places.pairs[number].record;
}

uint64_t numbered_record_end(const numbered_store *s, uint64_t number)
{
    return s->places.pairs[number].end;
}

static uint32_t value_size(const numbered_store *s, uint64_t number)
{
    return number < s->large ? NUMBERED_LARGE : sizeof(number);
}

/* Number of pairs that fill leaves, and some more: a leaf has entries of key and place, records of
 * size, number and checksum or, for large values, positions. */
static uint64_t pairs_in_leaves(const numbered_store *s, uint64_t leaves)
{
    const uint64_t entry = hostkey_width(s->type) + 2;
    uint64_t number = 0;

    for (uint64_t leaf = 0; leaf + 1 < leaves; leaf++) {
        uint64_t left = NUMBERED_PAGE - 16 - (leaf == 0 ? 24 : 0);
        for (uint64_t size; left >= (size = entry + (number < s->large ? 8 : 4 + 8 + 4)); number++)
            left -= size;
    }
    return number + LAST_ENTRIES;
}

static void write_numbered(const numbered_store *s, ikv_writer_options *options)
{
    unsigned char value[NUMBERED_LARGE] = {0};
    ikv_writer *writer = NULL;
    ikv_error err;

    assert_ok(ikv_writer_new(s->path, options, &writer, &err), &err);
    for (uint64_t i = 0; i < s->count; i++) {
        const uint64_t number = s->large ? s->count - 1 - i : i;
        unsigned char key[IKV_KEY_WIDTH_MAX];

        hostkey_nth(s->type, number, key);
        memcpy(value, &number, sizeof(number));
        assert_ok(ikv_writer_add(writer, key, value, value_size(s, number), &err), &err);
    }
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
}

void numbered_make(const tmpdir *dir, ikv_key_type type, uint32_t flags, uint64_t pages,
                   uint64_t large, numbered_store *ret)
{
    const uint64_t stride = decoder_stride(hostkey_kind(type), hostkey_width(type));
    ikv_writer_options options = store_options_with(type, flags);
    ikv_store *store;
    ikv_info info;

    *ret = (numbered_store){.type = type, .flags = flags, .large = large};
    ret->path = tmpdir_file(dir, "numbered");
    ret->count = (pages - 1) * NUMBERED_PAGE / stride + LAST_ENTRIES;
    if (options.layout == IKV_LAYOUT_CLUSTERED) {
        options.leaf_size = NUMBERED_PAGE;
        ret->count = pairs_in_leaves(ret, pages);
    }
    write_numbered(ret, &options);
    places_read(ret->path, type, 0, &ret->places);
    store = store_open(ret->path, type, 0, 0);
    ikv_store_info(store, &info);
    assert_int_equal(info.index_pages, pages);
    assert_int_equal(info.stride, stride);
    ikv_close(store);
}

void numbered_free(numbered_store *s)
{
    places_free(&s->places);
    free(s->path);
}

static void assert_number(const numbered_store *s, uint64_t number, const ikv_item *item)
{
    unsigned char key[IKV_KEY_WIDTH_MAX];

    hostkey_nth(s->type, number, key);
    assert_non_null(item->key);
    if (hostkey_compare(s->type, item->key, key) != 0)
        fail_msg("item %llu has a wrong key", (unsigned long long)number);
    assert_int_equal(item->status, IKV_FOUND);
    assert_int_equal(item->size, value_size(s, number));
    assert_memory_equal(item->value, &number, sizeof(number));
}

uint64_t numbered_scan(const numbered_store *s, ikv_store *store, numbered_bounds bounds,
                       int *ret_code, ikv_error *err)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    unsigned char from[IKV_KEY_WIDTH_MAX];
    unsigned char to[IKV_KEY_WIDTH_MAX];
    ikv_scan *scan = NULL;
    uint64_t number = bounds.from == NUMBERED_NO_BOUND ? 0 : bounds.from;
    const uint64_t first = number;
    ikv_item item;
    int code;

    hostkey_nth(s->type, number, from);
    hostkey_nth(s->type, bounds.to == NUMBERED_NO_BOUND ? 0 : bounds.to, to);
    options.from = bounds.from == NUMBERED_NO_BOUND ? NULL : from;
    options.to = bounds.to == NUMBERED_NO_BOUND ? NULL : to;
    options.limit = bounds.limit;
    options.memory = bounds.memory;
    code = ikv_scan_open(store, &options, &scan, err);
    while (code == 0) {
        code = ikv_scan_next(scan, &item, err);
        if (code == 0)
            assert_number(s, number++, &item);
    }
    if (scan != NULL) /* the code is repeated */
        assert_int_equal(ikv_scan_next(scan, &item, NULL), code);
    ikv_scan_close(scan);
    *ret_code = code;
    return number - first;
}
