/*
 * Malformed native stores: changed footers, directories, sections and indexes, with the checksums
 * recomputed that would otherwise hide the check under test. For leaves see test_bad_leaves.c.
 */
#include "indexkv.h"

#include "bad_files.h"
#include "open_checks.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define PAIRS           700 /* three pages of u64 keys */

/* Fields of the properties. */
#define KEY_KIND       0
#define KEY_WIDTH      1
#define FLAGS          2
#define STRIDE         4
#define ORDER_MARK     8
#define PAGE_SIZE      12
#define CHECKSUM_SIZE  16
#define BLOCK_SIZE     20
#define PAIR_COUNT     24
#define RECORDS_END    32
#define VALUE_BYTES    40
#define VALUE_SIZE_MIN 48
#define VALUE_SIZE_MAX 52
#define VALUE_SIZE_P99 56

#define FIX_TRAILER (FIX_SECTIONS | FIX_DIRECTORY | FIX_FOOTER)
#define FIX_OUTSIDE (FIX_DIRECTORY | FIX_FOOTER) /* not the section's own checksum */

static const bad_file FOOTERS[] = {
    {"footer-magic", BAD_FOOTER, 0, 0, 0, 1, FIX_FOOTER, IKV_E_FOOTER, 0},
    {"footer-magic-zero", BAD_FOOTER, 0, 0, 8, 0, 0, IKV_E_FOOTER, 0},
    {"footer-version-bit", BAD_FOOTER, 0, 8, 0, 2, 0, IKV_E_FOOTER, 0},
    {"footer-count-bit", BAD_FOOTER, 0, 12, 0, 1, 0, IKV_E_FOOTER, 0},
    {"footer-size-bit", BAD_FOOTER, 0, 16, 0, 1, 0, IKV_E_FOOTER, 0},
    {"footer-directory-sum-bit", BAD_FOOTER, 0, 24, 0, 1, 0, IKV_E_FOOTER, 0},
    {"footer-id-bit", BAD_FOOTER, 0, 32, 0, 1, 0, IKV_E_FOOTER, 0},
    {"footer-header-bit", BAD_FOOTER, 0, 48, 0, 1, 0, IKV_E_FOOTER, 0},
    {"footer-zeros-bit", BAD_FOOTER, 0, 80, 0, 1, 0, IKV_E_FOOTER, 0},
    {"footer-checksum-bit", BAD_FOOTER, 0, 95, 0, 0x80, 0, IKV_E_FOOTER, 0},
    {"footer-version-0", BAD_FOOTER, 0, 8, 4, 0, FIX_FOOTER, IKV_E_VERSION, 0},
    {"footer-version-2", BAD_FOOTER, 0, 8, 4, 2, FIX_FOOTER, IKV_E_VERSION, 0},
    {"footer-size-small", BAD_FOOTER, 0, 16, 8, 24, FIX_FOOTER, IKV_E_FOOTER, 0},
    {"footer-size-huge", BAD_FOOTER, 0, 16, 8, UINT64_MAX, FIX_FOOTER, IKV_E_FOOTER, 0},
    {"footer-count-0", BAD_FOOTER, 0, 12, 4, 0, FIX_DIRECTORY | FIX_FOOTER, IKV_E_SECTION, 0},
    {"footer-count-wrong", BAD_FOOTER, 0, 12, 4, 3, FIX_FOOTER, IKV_E_SECTION, 0},
    {"footer-count-65", BAD_FOOTER, 0, 12, 4, 65, FIX_FOOTER, IKV_E_FOOTER, 0},
    {"footer-count-huge", BAD_FOOTER, 0, 12, 4, UINT32_MAX, FIX_FOOTER, IKV_E_FOOTER, 0},
    {"footer-count-wraps", BAD_FOOTER, 0, 12, 4, 0x8000001, FIX_FOOTER, IKV_E_FOOTER, 0},
    {"footer-other-header", BAD_FOOTER, 0, 51, 8, 699, FIX_FOOTER, IKV_E_FOOTER, 0},
    {"footer-other-tag", BAD_FOOTER, 0, 67, 4, 0, FIX_FOOTER, IKV_E_FOOTER, 0},
    {"footer-zeros-begin", BAD_FOOTER, 0, 72, 0, 1, FIX_FOOTER, 0, IKV_E_PADDING},
    {"footer-zeros-end", BAD_FOOTER, 0, 87, 0, 0x80, FIX_FOOTER, 0, IKV_E_PADDING},
    {"footer-directory-sum", BAD_FOOTER, 0, 24, 8, 0, FIX_FOOTER, IKV_E_SECTION, 0},
};

static const bad_file DIRECTORIES[] = {
    {"directory-type-bit", BAD_DIRECTORY, 0, EDIT_TYPE, 0, 1, 0, IKV_E_SECTION, 0},
    {"directory-flags-bit", BAD_DIRECTORY, 0, EDIT_FLAGS, 0, 1, 0, IKV_E_SECTION, 0},
    {"directory-offset-bit", BAD_DIRECTORY, 0, EDIT_OFFSET, 0, 8, 0, IKV_E_SECTION, 0},
    {"directory-length-bit", BAD_DIRECTORY, 0, EDIT_LENGTH, 0, 1, 0, IKV_E_SECTION, 0},
    {"directory-checksum-bit", BAD_DIRECTORY, 0, EDIT_CHECKSUM, 0, 1, 0, IKV_E_SECTION, 0},
    {"directory-no-properties", BAD_ENTRY, EDIT_PROPERTIES, EDIT_TYPE, 8, UINT64_C(1) << 32 | 99,
     FIX_OUTSIDE, IKV_E_SECTION, 0},
    {"directory-unknown-required", BAD_ENTRY, EDIT_METADATA, EDIT_TYPE, 8, 99, FIX_OUTSIDE,
     IKV_E_UNSUPPORTED, 0},
    {"directory-type-0", BAD_ENTRY, EDIT_METADATA, EDIT_TYPE, 8, 0, FIX_OUTSIDE, IKV_E_UNSUPPORTED,
     0},
    {"directory-twice", BAD_ENTRY, EDIT_METADATA, EDIT_TYPE, 4, EDIT_FENCES, FIX_OUTSIDE,
     IKV_E_SECTION, 0},
    {"directory-offset-0", BAD_ENTRY, EDIT_FENCES, EDIT_OFFSET, 8, 0, FIX_OUTSIDE, IKV_E_SECTION,
     0},
    {"directory-offset-records", BAD_ENTRY, EDIT_FENCES, EDIT_OFFSET, 8, 24, FIX_OUTSIDE,
     IKV_E_SECTION, 0},
    {"directory-offset-huge", BAD_ENTRY, EDIT_FENCES, EDIT_OFFSET, 8, UINT64_MAX, FIX_OUTSIDE,
     IKV_E_SECTION, 0},
    {"directory-offset-end", BAD_ENTRY, EDIT_METADATA, EDIT_OFFSET, 8, UINT64_C(1) << 40,
     FIX_OUTSIDE, IKV_E_SECTION, 0},
    {"directory-length-huge", BAD_ENTRY, EDIT_METADATA, EDIT_LENGTH, 8, UINT64_MAX, FIX_OUTSIDE,
     IKV_E_SECTION, 0},
    {"directory-length-wraps", BAD_ENTRY, EDIT_FENCES, EDIT_LENGTH, 8, UINT64_MAX - 4095,
     FIX_OUTSIDE, IKV_E_SECTION, 0},
    {"directory-length-into-directory", BAD_ENTRY, EDIT_METADATA, EDIT_LENGTH, 8, 200, FIX_OUTSIDE,
     IKV_E_SECTION, 0},
    {"directory-flags-reserved", BAD_ENTRY, EDIT_METADATA, EDIT_FLAGS, 4, 0x80000000, FIX_OUTSIDE,
     0, IKV_E_SECTION},
    {"directory-properties-optional", BAD_ENTRY, EDIT_PROPERTIES, EDIT_FLAGS, 4, 1, FIX_OUTSIDE, 0,
     IKV_E_SECTION},
    {"directory-length-one-more", BAD_ENTRY, EDIT_METADATA, EDIT_LENGTH, 8, 25, FIX_TRAILER,
     IKV_E_SECTION, 0},
    {"directory-optional-offset-huge", BAD_ENTRY, EDIT_METADATA, EDIT_OFFSET, 8, UINT64_MAX - 7,
     FIX_OUTSIDE, IKV_E_SECTION, 0},
    {"directory-checksum-wrong", BAD_ENTRY, EDIT_PROPERTIES, EDIT_CHECKSUM, 8, 0, FIX_OUTSIDE,
     IKV_E_SECTION, 0},
};

#define PROPERTY(name, field, width, number, code)                                                 \
    {                                                                                              \
        "properties-" name, BAD_SECTION, EDIT_PROPERTIES, field, width, number, FIX_TRAILER, code, \
            0                                                                                      \
    }

static const bad_file PROPERTIES[] = {
    {"properties-bit", BAD_SECTION, EDIT_PROPERTIES, VALUE_BYTES, 0, 1, 0, IKV_E_SECTION, 0},
    {"properties-zeros-bit", BAD_SECTION, EDIT_PROPERTIES, 60, 0, 1, FIX_TRAILER, 0, IKV_E_PADDING},
    {"properties-zeros-end", BAD_SECTION, EDIT_PROPERTIES, 95, 0, 0x80, FIX_TRAILER, 0,
     IKV_E_PADDING},
    {"properties-short", BAD_ENTRY, EDIT_PROPERTIES, EDIT_LENGTH, 8, 95, FIX_TRAILER, IKV_E_SECTION,
     0},
    {"properties-empty", BAD_ENTRY, EDIT_PROPERTIES, EDIT_LENGTH, 8, 0, FIX_TRAILER, IKV_E_SECTION,
     0},
    PROPERTY("kind-0", KEY_KIND, 1, 0, IKV_E_UNSUPPORTED),
    PROPERTY("kind-4", KEY_KIND, 1, 4, IKV_E_UNSUPPORTED),
    PROPERTY("width-0", KEY_WIDTH, 1, 0, IKV_E_UNSUPPORTED),
    PROPERTY("width-3", KEY_WIDTH, 1, 3, IKV_E_UNSUPPORTED),
    PROPERTY("width-32", KEY_WIDTH, 1, 32, IKV_E_UNSUPPORTED),
    PROPERTY("width-16", KEY_WIDTH, 1, 16, IKV_E_SECTION),
    PROPERTY("stride-0", STRIDE, 4, 0, IKV_E_SECTION),
    PROPERTY("stride-8", STRIDE, 4, 8, IKV_E_SECTION),
    PROPERTY("stride-24", STRIDE, 4, 24, IKV_E_SECTION),
    PROPERTY("stride-huge", STRIDE, 4, UINT32_MAX, IKV_E_SECTION),
    PROPERTY("byte-order", ORDER_MARK, 4, 0x0d0c0b0a, IKV_E_SECTION),
    PROPERTY("page-size", PAGE_SIZE, 4, 8192, IKV_E_UNSUPPORTED),
    PROPERTY("checksum-size", CHECKSUM_SIZE, 4, 8, IKV_E_UNSUPPORTED),
    PROPERTY("block-size", BLOCK_SIZE, 4, 65536, IKV_E_UNSUPPORTED),
    PROPERTY("pairs-fewer", PAIR_COUNT, 8, PAIRS - 1, IKV_E_SECTION),
    PROPERTY("pairs-huge", PAIR_COUNT, 8, UINT64_MAX, IKV_E_SECTION),
    PROPERTY("records-end-0", RECORDS_END, 8, 0, IKV_E_SECTION),
    PROPERTY("records-end-header", RECORDS_END, 8, 23, IKV_E_SECTION),
    PROPERTY("records-end-early", RECORDS_END, 8, 24, IKV_E_SECTION),
    PROPERTY("records-end-huge", RECORDS_END, 8, UINT64_MAX, IKV_E_SECTION),
    PROPERTY("records-end-wraps", RECORDS_END, 8, UINT64_MAX - 100, IKV_E_SECTION),
    {"properties-long", BAD_ENTRY, EDIT_PROPERTIES, EDIT_LENGTH, 8, 4097, FIX_TRAILER,
     IKV_E_SECTION, 0},
    /* Detected only by reading all records. */
    {"properties-value-bytes", BAD_SECTION, EDIT_PROPERTIES, VALUE_BYTES, 8, 1, FIX_TRAILER, 0,
     IKV_E_SECTION},
    {"properties-least-value", BAD_SECTION, EDIT_PROPERTIES, VALUE_SIZE_MIN, 4, 5, FIX_TRAILER, 0,
     IKV_E_SECTION},
    {"properties-p99", BAD_SECTION, EDIT_PROPERTIES, VALUE_SIZE_P99, 4, 3, FIX_TRAILER, 0,
     IKV_E_SECTION},
    {"properties-in-key-order", BAD_SECTION, EDIT_PROPERTIES, FLAGS, 0, 1, FIX_TRAILER, 0,
     IKV_E_SECTION},
    PROPERTY("greatest-value-too-great", VALUE_SIZE_MAX, 4, UINT32_MAX, IKV_E_SECTION),
    PROPERTY("p99-above-greatest", VALUE_SIZE_P99, 4, 33, IKV_E_SECTION),
    PROPERTY("least-value-above-greatest", VALUE_SIZE_MIN, 4, 33, IKV_E_SECTION),
};

static const bad_file SECTIONS[] = {
    {"fences-bit", BAD_SECTION, EDIT_FENCES, 3, 0, 1, 0, IKV_E_SECTION, 0},
    {"fences-short", BAD_ENTRY, EDIT_FENCES, EDIT_LENGTH, 8, 16, FIX_TRAILER, IKV_E_SECTION, 0},
    {"fences-long", BAD_ENTRY, EDIT_FENCES, EDIT_LENGTH, 8, 25, FIX_TRAILER, IKV_E_SECTION, 0},
    {"fences-empty", BAD_ENTRY, EDIT_FENCES, EDIT_LENGTH, 8, 0, FIX_TRAILER, IKV_E_SECTION, 0},
    {"page-sums-bit", BAD_SECTION, EDIT_PAGE_SUMS, 11, 0, 0x80, 0, IKV_E_SECTION, 0},
    {"page-sums-short", BAD_ENTRY, EDIT_PAGE_SUMS, EDIT_LENGTH, 8, 8, FIX_TRAILER, IKV_E_SECTION,
     0},
    {"page-sums-empty", BAD_ENTRY, EDIT_PAGE_SUMS, EDIT_LENGTH, 8, 0, FIX_TRAILER, IKV_E_SECTION,
     0},
    {"page-sums-wrong", BAD_SECTION, EDIT_PAGE_SUMS, 4, 4, 0, FIX_TRAILER, 0, IKV_E_INDEX},
    {"block-sums-bit", BAD_SECTION, EDIT_BLOCK_SUMS, 0, 0, 1, 0, 0, IKV_E_SECTION},
    {"block-sums-long", BAD_ENTRY, EDIT_BLOCK_SUMS, EDIT_LENGTH, 8, 16, FIX_TRAILER, IKV_E_SECTION,
     0},
    {"block-sums-wrong", BAD_SECTION, EDIT_BLOCK_SUMS, 0, 8, 0, FIX_TRAILER, 0, IKV_E_SECTION},
    {"section-overlap", BAD_ENTRY, EDIT_BLOCK_SUMS, EDIT_OFFSET, 0, 8, FIX_TRAILER, 0,
     IKV_E_SECTION},
    {"section-unaligned", BAD_ENTRY, EDIT_PAGE_SUMS, EDIT_OFFSET, 0, 4, FIX_TRAILER, 0,
     IKV_E_SECTION},
    {"section-padding", BAD_SECTION, EDIT_METADATA, 23, 1, 1, FIX_TRAILER, 0, IKV_E_PADDING},
    {"fence-of-another-key", BAD_SECTION, EDIT_FENCES, 0, 8, 0, FIX_TRAILER, 0, IKV_E_SECTION},
    {"metadata-bit", BAD_SECTION, EDIT_METADATA, 0, 0, 1, 0, IKV_E_SECTION, 0},
};

static const bad_file INDEXES[] = {
    {"index-key-bit", BAD_INDEX, 0, 16 * 300, 0, 1, 0, 0, IKV_E_INDEX},
    {"index-position-bit", BAD_INDEX, 0, 16 * 300 + 8, 0, 1, 0, 0, IKV_E_INDEX},
    {"index-position-high-bit", BAD_INDEX, 0, 16 * 300 + 15, 0, 0x80, 0, 0, IKV_E_INDEX},
    {"index-first-key-bit", BAD_INDEX, 0, 7, 0, 0x80, 0, 0, IKV_E_INDEX},
    {"index-last-key-bit", BAD_INDEX, 0, 16 * (PAIRS - 1), 0, 1, 0, 0, IKV_E_INDEX},
    {"index-page-zero-key", BAD_INDEX, 0, 4096, 8, 0, 0, 0, IKV_E_INDEX},
    {"index-position-header", BAD_INDEX, 0, 16 * 5 + 8, 8, 23, FIX_PAGES | FIX_TRAILER, 0,
     IKV_E_INDEX},
    {"index-position-0", BAD_INDEX, 0, 16 * 5 + 8, 8, 0, FIX_PAGES | FIX_TRAILER, 0, IKV_E_INDEX},
    {"index-position-beyond", BAD_INDEX, 0, 16 * 5 + 8, 8, UINT64_C(1) << 40,
     FIX_PAGES | FIX_TRAILER, 0, IKV_E_INDEX},
    {"index-position-wraps", BAD_INDEX, 0, 16 * 5 + 8, 8, UINT64_MAX - 3, FIX_PAGES | FIX_TRAILER,
     0, IKV_E_INDEX},
    {"index-position-inside-a-record", BAD_INDEX, 0, 16 * 5 + 8, 0, 1, FIX_PAGES | FIX_TRAILER, 0,
     IKV_E_RECORD},
    {"header-pairs-fewer", BAD_HEADER, 0, 3, 8, PAIRS - 1, FIX_HEADER | FIX_FOOTER, IKV_E_SECTION,
     0},
    {"header-pairs-many", BAD_HEADER, 0, 3, 8, PAIRS + 1, FIX_HEADER | FIX_FOOTER, IKV_E_SECTION,
     0},
    {"header-pairs-huge", BAD_HEADER, 0, 3, 8, UINT64_MAX, FIX_HEADER | FIX_FOOTER, IKV_E_SECTION,
     0},
    {"header-index-early", BAD_HEADER, 0, 11, 8, 4096, FIX_HEADER | FIX_FOOTER, IKV_E_SECTION, 0},
    {"header-index-in-header", BAD_HEADER, 0, 11, 8, 16, FIX_HEADER | FIX_FOOTER, IKV_E_HEADER, 0},
    {"header-index-beyond", BAD_HEADER, 0, 11, 8, UINT64_C(1) << 50, FIX_HEADER | FIX_FOOTER,
     IKV_E_TRUNCATED, 0},
    {"header-tag-only", BAD_HEADER, 0, 19, 0, 1, 0, IKV_E_HEADER, 0},
    {"other-store-id", BAD_FOOTER, 0, 32, 8, 5, FIX_FOOTER, 0, IKV_E_RECORD},
};

/* The store for all tables, with three index pages and metadata. */
static void make_source(bad_source *ret_source)
{
    char *path;
    ikv_writer_options options = store_options(IKV_KEY_U64);
    rng_state random = {PAIRS};

    tmpdir_make_in_memory(&ret_source->dir);
    path = tmpdir_file(&ret_source->dir, "good");
    options.metadata = "metadata of the builder";
    options.metadata_size = 23;
    model_init(&ret_source->model, IKV_KEY_U64);
    model_fill(&ret_source->model, &random, PAIRS, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
    store_write(path, &ret_source->model, &options);
    image_load(path, &ret_source->sound);
    free(path);
}

int main(void)
{
    bad_source source = {.group = "footers"};
    int failed = 0;

    make_source(&source);
    failed += bad_files_run(&source, FOOTERS, COUNT_OF(FOOTERS));
    source.group = "directories";
    failed += bad_files_run(&source, DIRECTORIES, COUNT_OF(DIRECTORIES));
    source.group = "properties";
    failed += bad_files_run(&source, PROPERTIES, COUNT_OF(PROPERTIES));
    if (store_layout() == IKV_LAYOUT_ARRIVAL) {
        source.group = "sections";
        failed += bad_files_run(&source, SECTIONS, COUNT_OF(SECTIONS));
        source.group = "indexes";
        failed += bad_files_run(&source, INDEXES, COUNT_OF(INDEXES));
    }
    image_free(&source.sound);
    model_free(&source.model);
    tmpdir_remove(&source.dir);
    return failed > 0;
}
