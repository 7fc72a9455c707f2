/*
 * Malformed clustered stores: changed sections of leaves and extents, leaves, records in and
 * outside them, and v2 indexes, with the checksums recomputed that would otherwise hide the check
 * under test.
 *
 * The store has a leaf size of 4096 and 700 pairs. Three of them, all with keys in leaf 0 or 1,
 * have records outside, which come first in the file: the only extent starts after them.
 */
#include "indexkv.h"

#include "bad_files.h"
#include "places.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define PAIRS           700u
#define LEAF            4096u
#define LONG            5000u /* size of the values outside */

/* Fields of the section of leaves. */
#define LEAF_SIZE     0
#define EXTENT_LEAVES 4
#define COUNT         8
#define FLAGS         16
#define HEAD_CHECKSUM 24

/* Fields of a leaf's footer. */
#define ENTRIES     (LEAF - 16)
#define OUTSIDE     (LEAF - 14)
#define RECORDS_END (LEAF - 12)
#define ZERO        (LEAF - 10)
#define CHECKSUM    (LEAF - 8)

/* Offset of the last entry of a leaf: key and place. */
#define LAST_ENTRY (LEAF - 16 - 10)

#define FIX_TRAILER (FIX_SECTIONS | FIX_DIRECTORY | FIX_FOOTER)
#define FIX_START   (FIX_BLOCKS | FIX_TRAILER)

#define LEAVES(name, field, width, number, code)                                                   \
    {                                                                                              \
        "leaves-" name, BAD_SECTION, EDIT_LEAVES, field, width, number, FIX_TRAILER, code, 0       \
    }

static const bad_file SECTIONS[] = {
    {"leaves-bit", BAD_SECTION, EDIT_LEAVES, COUNT, 0, 1, 0, IKV_E_SECTION, 0},
    {"leaves-zeros-bit", BAD_SECTION, EDIT_LEAVES, 20, 0, 1, FIX_TRAILER, 0, IKV_E_PADDING},
    {"leaves-zeros-end", BAD_SECTION, EDIT_LEAVES, 63, 0, 0x80, FIX_TRAILER, 0, IKV_E_PADDING},
    {"leaves-short", BAD_ENTRY, EDIT_LEAVES, EDIT_LENGTH, 8, 63, FIX_TRAILER, IKV_E_SECTION, 0},
    {"leaves-empty", BAD_ENTRY, EDIT_LEAVES, EDIT_LENGTH, 8, 0, FIX_TRAILER, IKV_E_SECTION, 0},
    {"leaves-long", BAD_ENTRY, EDIT_LEAVES, EDIT_LENGTH, 8, 4097, FIX_TRAILER, IKV_E_SECTION, 0},
    LEAVES("size-0", LEAF_SIZE, 4, 0, IKV_E_SECTION),
    LEAVES("size-2048", LEAF_SIZE, 4, 2048, IKV_E_SECTION),
    LEAVES("size-5000", LEAF_SIZE, 4, 5000, IKV_E_SECTION),
    LEAVES("size-8192", LEAF_SIZE, 4, 8192, IKV_E_SECTION),
    LEAVES("size-65536", LEAF_SIZE, 8, 65536 | UINT64_C(16) << 32, IKV_E_SECTION),
    LEAVES("extent-0", EXTENT_LEAVES, 4, 0, IKV_E_SECTION),
    LEAVES("extent-255", EXTENT_LEAVES, 4, 255, IKV_E_SECTION),
    LEAVES("extent-huge", EXTENT_LEAVES, 4, UINT32_MAX, IKV_E_SECTION),
    LEAVES("count-0", COUNT, 8, 0, IKV_E_SECTION),
    LEAVES("count-1", COUNT, 8, 1, IKV_E_SECTION),
    LEAVES("count-pairs", COUNT, 8, PAIRS, IKV_E_SECTION),
    LEAVES("count-above-pairs", COUNT, 8, PAIRS + 1, IKV_E_SECTION),
    LEAVES("count-huge", COUNT, 8, UINT64_MAX, IKV_E_SECTION),
    LEAVES("count-wraps", COUNT, 8, UINT64_C(1) << 52, IKV_E_SECTION),
    LEAVES("without-index", FLAGS, 4, 1, IKV_E_SECTION),
    LEAVES("unknown-flag", FLAGS, 4, 2, IKV_E_UNSUPPORTED),
    {"head-checksum", BAD_SECTION, EDIT_LEAVES, HEAD_CHECKSUM, 8, 0, FIX_TRAILER, 0, IKV_E_SECTION},

    {"extents-bit", BAD_SECTION, EDIT_EXTENTS, 1, 0, 0x40, 0, IKV_E_SECTION, 0},
    {"extents-short", BAD_ENTRY, EDIT_EXTENTS, EDIT_LENGTH, 8, 7, FIX_TRAILER, IKV_E_SECTION, 0},
    {"extents-empty", BAD_ENTRY, EDIT_EXTENTS, EDIT_LENGTH, 8, 0, FIX_TRAILER, IKV_E_SECTION, 0},
    {"extents-long", BAD_ENTRY, EDIT_EXTENTS, EDIT_LENGTH, 8, 16, FIX_TRAILER, IKV_E_SECTION, 0},
    {"extents-absent", BAD_ENTRY, EDIT_EXTENTS, EDIT_TYPE, 8, UINT64_C(1) << 32 | 99, FIX_TRAILER,
     IKV_E_SECTION, 0},
    {"extents-0", BAD_SECTION, EDIT_EXTENTS, 0, 8, 0, FIX_TRAILER, IKV_E_SECTION, 0},
    {"extents-unaligned", BAD_SECTION, EDIT_EXTENTS, 0, 0, 1, FIX_TRAILER, IKV_E_SECTION, 0},
    {"extents-elsewhere", BAD_SECTION, EDIT_EXTENTS, 0, 8, LEAF, FIX_TRAILER, IKV_E_SECTION, 0},
    {"extents-beyond", BAD_SECTION, EDIT_EXTENTS, 0, 8, UINT64_C(1) << 40, FIX_TRAILER,
     IKV_E_SECTION, 0},
    {"extents-huge", BAD_SECTION, EDIT_EXTENTS, 0, 8, UINT64_MAX - LEAF + 1, FIX_TRAILER,
     IKV_E_SECTION, 0},

    {"leaf-fences-bit", BAD_SECTION, EDIT_FENCES, 3, 0, 1, 0, IKV_E_SECTION, 0},
    {"leaf-fences-short", BAD_ENTRY, EDIT_FENCES, EDIT_LENGTH, 8, 16, FIX_TRAILER, IKV_E_SECTION,
     0},
    {"leaf-fences-empty", BAD_ENTRY, EDIT_FENCES, EDIT_LENGTH, 8, 0, FIX_TRAILER, IKV_E_SECTION, 0},
    {"leaf-fence-of-another-key", BAD_SECTION, EDIT_FENCES, 0, 8, 0, FIX_TRAILER, 0, IKV_E_SECTION},
};

/* Leaf 2 has records only. */
static const bad_file DIRECTORIES[] = {
    {"leaf-key-bit", BAD_LEAF, 2, LAST_ENTRY, 0, 1, 0, 0, IKV_E_INDEX},
    {"leaf-place-bit", BAD_LEAF, 2, LAST_ENTRY + 8, 0, 1, 0, 0, IKV_E_INDEX},
    {"leaf-entries-0", BAD_LEAF, 2, ENTRIES, 2, 0, 0, 0, IKV_E_INDEX},
    {"leaf-entries-fewer", BAD_LEAF, 2, ENTRIES, 2, 1, 0, 0, IKV_E_INDEX},
    {"leaf-entries-huge", BAD_LEAF, 2, ENTRIES, 2, UINT16_MAX, 0, 0, IKV_E_INDEX},
    {"leaf-outside-1", BAD_LEAF, 2, OUTSIDE, 2, 1, 0, 0, IKV_E_INDEX},
    {"leaf-outside-huge", BAD_LEAF, 2, OUTSIDE, 2, UINT16_MAX, 0, 0, IKV_E_INDEX},
    {"leaf-records-end-0", BAD_LEAF, 2, RECORDS_END, 2, 0, 0, 0, IKV_E_INDEX},
    {"leaf-records-end-huge", BAD_LEAF, 2, RECORDS_END, 2, UINT16_MAX, 0, 0, IKV_E_INDEX},
    {"leaf-zero", BAD_LEAF, 2, ZERO, 2, 1, 0, 0, IKV_E_INDEX},
    {"leaf-checksum-bit", BAD_LEAF, 2, CHECKSUM, 0, 1, 0, 0, IKV_E_INDEX},
    {"leaf-of-another-number", BAD_LEAF, 2, CHECKSUM, 8, 12345, 0, 0, IKV_E_INDEX},
    {"leaf-zero-fixed", BAD_LEAF, 2, ZERO, 2, 1, FIX_PAGES, 0, IKV_E_PADDING},
    {"leaf-place-fixed", BAD_LEAF, 2, LAST_ENTRY + 8, 0, 1, FIX_PAGES, 0, IKV_E_RECORD},
    {"leaf-place-of-first", BAD_LEAF, 2, LAST_ENTRY + 8, 2, 0, FIX_PAGES, 0, IKV_E_INDEX},
    {"leaf-place-beyond", BAD_LEAF, 2, LAST_ENTRY + 8, 2, LEAF - 2, FIX_PAGES, 0, IKV_E_INDEX},
    {"leaf-place-too-large", BAD_LEAF, 2, LAST_ENTRY + 8, 2, 0x7fff, FIX_PAGES, 0, IKV_E_INDEX},
    {"leaf-place-outside", BAD_LEAF, 2, LAST_ENTRY + 8, 2, 0x8000, FIX_PAGES, 0, IKV_E_RECORD},
    {"leaf-place-outside-huge", BAD_LEAF, 2, LAST_ENTRY + 8, 2, 0xffff, FIX_PAGES, 0, IKV_E_RECORD},
    {"leaf-records-end-early", BAD_LEAF, 2, RECORDS_END, 2, 50, FIX_PAGES, 0, IKV_E_PADDING},
    {"leaf-footer-wrong-bound", BAD_LEAF, 2, RECORDS_END, 2, LEAF - 17, FIX_PAGES, 0, IKV_E_INDEX},
};

static const bad_file HEADERS[] = {
    {"header-of-empty-store", BAD_HEADER, 0, 3, 8, 0, FIX_HEADER | FIX_FOOTER, IKV_E_SECTION, 0},
    {"header-pairs-fewer", BAD_HEADER, 0, 3, 8, PAIRS - 1, FIX_HEADER | FIX_FOOTER, IKV_E_SECTION,
     0},
    {"header-pairs-huge", BAD_HEADER, 0, 3, 8, UINT64_MAX, FIX_HEADER | FIX_FOOTER, IKV_E_SECTION,
     0},
    {"header-index-early", BAD_HEADER, 0, 11, 8, 4096, FIX_HEADER | FIX_FOOTER, IKV_E_SECTION, 0},
    {"other-store-id", BAD_FOOTER, 0, 32, 8, 5, FIX_FOOTER, 0, IKV_E_INDEX},
    {"v2-key-bit", BAD_INDEX, 0, 16 * 300, 0, 1, 0, 0, IKV_E_INDEX},
    {"v2-position-bit", BAD_INDEX, 0, 16 * 300 + 8, 0, 1, 0, 0, IKV_E_INDEX},
    {"v2-first-key-bit", BAD_INDEX, 0, 0, 0, 1, 0, 0, IKV_E_INDEX},
    {"v2-last-position-bit", BAD_INDEX, 0, 16 * PAIRS - 1, 0, 0x80, 0, 0, IKV_E_INDEX},
};

/* ---------------------------------------------------------------- places in this store */

/* Cases whose offsets depend on the store, from its places. */
static size_t make_cases(const store_places *places, bad_file *ret)
{
    const pair_place *pairs = places->pairs;
    const page_place *leaves = places->pages;
    size_t first_outside = 0;
    size_t last_outside = 0;
    size_t count = 0;

    for (size_t i = 0; i < places->pair_count; i++) {
        if (!pairs[i].is_outside)
            continue;
        first_outside = first_outside ? first_outside : i;
        last_outside = i;
    }
    const size_t inside = leaves[2].first + 3;
    const size_t last_inside = leaves[3].first - 1;
    const size_t start = (size_t)leaves[0].begin;
    const bad_file cases[] = {
        /* Records in a leaf: size, value, checksum; the size of the last one is for readers of the
         * base format only. */
        {"inside-size", BAD_HEADER, 0, pairs[inside].record, 0, 1, FIX_START, 0, IKV_E_RECORD},
        {"inside-size-huge", BAD_HEADER, 0, pairs[inside].record, 4, UINT32_MAX, FIX_START, 0,
         IKV_E_RECORD},
        {"inside-checksum", BAD_HEADER, 0, pairs[inside].end - 1, 0, 1, FIX_START, 0, IKV_E_RECORD},
        {"inside-last-size", BAD_HEADER, 0, pairs[last_inside].record, 0, 1, FIX_START, 0,
         IKV_E_RECORD},
        {"inside-last-size-huge", BAD_HEADER, 0, pairs[last_inside].record, 4, UINT32_MAX,
         FIX_START, 0, IKV_E_RECORD},
        {"inside-padding", BAD_HEADER, 0, pairs[last_inside].end, 0, 1, FIX_START, 0,
         IKV_E_PADDING},
        {"room-of-header", BAD_HEADER, 0, start + 5, 0, 1, FIX_START, 0, IKV_E_PADDING},

        {"outside-size", BAD_HEADER, 0, pairs[first_outside].record, 0, 1, FIX_START, 0,
         IKV_E_RECORD},
        {"outside-size-huge", BAD_HEADER, 0, pairs[first_outside].record, 4, UINT32_MAX, FIX_START,
         0, IKV_E_RECORD},
        {"outside-size-0", BAD_HEADER, 0, pairs[first_outside].record, 4, 0, FIX_START, 0,
         IKV_E_RECORD},
        {"outside-value", BAD_HEADER, 0, pairs[first_outside].record + 100, 0, 1, FIX_START, 0,
         IKV_E_RECORD},
        {"outside-last-size", BAD_HEADER, 0, pairs[last_outside].record, 0, 1, FIX_START, 0,
         IKV_E_RECORD},
        {"outside-last-size-exact", BAD_HEADER, 0, pairs[last_outside].record, 4, LONG + 4,
         FIX_START, 0, IKV_E_RECORD},
        {"outside-padding", BAD_HEADER, 0, pairs[last_outside].end, 0, 1, FIX_START, 0,
         IKV_E_PADDING},
        {"outside-tail", BAD_HEADER, 0, start - 8, 0, 1, FIX_START, 0, IKV_E_RECORD},
        {"outside-tail-0", BAD_HEADER, 0, start - 8, 4, 0, FIX_START, 0, IKV_E_RECORD},
        {"outside-tail-huge", BAD_HEADER, 0, start - 8, 4, UINT32_MAX, FIX_START, 0, IKV_E_RECORD},
        {"outside-tail-zero", BAD_HEADER, 0, start - 4, 0, 1, FIX_START, 0, IKV_E_RECORD},

        {"position-bit", BAD_HEADER, 0, leaves[0].entries, 0, 1, 0, 0, IKV_E_INDEX},
        {"position-0", BAD_HEADER, 0, leaves[0].entries, 8, 0, FIX_PAGES, 0, IKV_E_INDEX},
        {"position-of-next", BAD_HEADER, 0, leaves[0].entries, 8, pairs[last_outside].record,
         FIX_PAGES, 0, IKV_E_INDEX},
        {"position-in-leaf", BAD_HEADER, 0, leaves[0].entries, 8, pairs[inside].record, FIX_PAGES,
         0, IKV_E_INDEX},
        {"position-at-extent", BAD_HEADER, 0, leaves[0].entries, 8, start - 4, FIX_PAGES, 0,
         IKV_E_INDEX},
        {"position-beyond", BAD_HEADER, 0, leaves[0].entries, 8, UINT64_C(1) << 40, FIX_PAGES, 0,
         IKV_E_INDEX},
        {"position-huge", BAD_HEADER, 0, leaves[0].entries, 8, UINT64_MAX - 3, FIX_PAGES, 0,
         IKV_E_INDEX},
    };

    for (; count < COUNT_OF(cases); count++)
        ret[count] = cases[count];
    return count;
}

static void make_source(bad_source *ret_source, store_places *ret_places)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    unsigned char value[LONG];
    rng_state random = {PAIRS};
    char *path;

    tmpdir_make_in_memory(&ret_source->dir);
    path = tmpdir_file(&ret_source->dir, "good");
    options.layout = IKV_LAYOUT_CLUSTERED;
    options.leaf_size = LEAF;
    model_init(&ret_source->model, IKV_KEY_U64);
    rng_fill(&random, value, sizeof(value));
    for (uint64_t key = 0; key < PAIRS; key++) {
        const bool is_long = key == 50 || key == 60 || key == 200;
        model_add(&ret_source->model, &(uint64_t){key * 3 + 5}, value + key,
                  is_long ? LONG - (size_t)key : (size_t)rng_below(&random, 40));
    }
    model_sort(&ret_source->model, MODEL_KEEP_ALL);
    store_write(path, &ret_source->model, &options);
    image_load(path, &ret_source->sound);
    places_read(path, IKV_KEY_U64, 0, ret_places);
    free(path);
}

int main(void)
{
    bad_source source = {.group = "sections of leaves"};
    bad_file cases[64];
    store_places places;
    int failed = 0;

    make_source(&source, &places);
    failed += bad_files_run(&source, SECTIONS, COUNT_OF(SECTIONS));
    source.group = "directories of leaves";
    failed += bad_files_run(&source, DIRECTORIES, COUNT_OF(DIRECTORIES));
    source.group = "headers and v2 indexes";
    failed += bad_files_run(&source, HEADERS, COUNT_OF(HEADERS));
    source.group = "records and positions";
    failed += bad_files_run(&source, cases, make_cases(&places, cases));
    places_free(&places);
    image_free(&source.sound);
    model_free(&source.model);
    tmpdir_remove(&source.dir);
    return failed > 0;
}
