#include "core/verify/verify_index.h"

#include "core/format/checksum.h"
#include "core/io/source.h"
#include "core/store/sections.h"

#include <errno.h>
#include <stdlib.h>

#define PAGES ((size_t)256) /* per read */

struct window {
    unsigned char *pages;
    unsigned char *sums;   /* NULL: the store has none */
    unsigned char *fences; /* NULL: the store has none */
    uint64_t first;        /* page */
    uint64_t count;
    bool has_last;
    uint64_t last[IKV_KEY_WORDS_MAX]; /* last key of the previous page */
    uint64_t last_position;
};

static int read_part(struct ikv_verifier *verifier, uint32_t type, size_t item,
                     const struct window *window, unsigned char *to)
{
    const struct ikv_section *section = ikv_store_section(verifier->store, type);
    return ikv_file_read(&verifier->store->file, to, (size_t)window->count * item,
                         section->offset + window->first * item, NULL);
}

static int read_window(struct ikv_verifier *verifier, struct window *window)
{
    const struct ikv_store *store = verifier->store;
    const uint64_t offset = ikv_page_offset(&store->index, window->first);
    const uint64_t end = ikv_page_offset(&store->index, window->first + window->count);

    ikv_file_will_read(&store->file, end, end - offset);
    int code = ikv_file_read(&store->file, window->pages, (size_t)(end - offset), offset, NULL);
    verifier->report.bytes += end - offset;
    if (code == 0 && window->sums)
        code = read_part(verifier, IKV_SECTION_PAGE_CHECKSUMS, IKV_PAGE_CHECKSUM_SIZE, window,
                         window->sums);
    if (code == 0 && window->fences)
        code =
            read_part(verifier, IKV_SECTION_FENCES, store->index.key.width, window, window->fences);
    return code;
}

static int verify_entry(struct ikv_verifier *verifier, struct window *window,
                        const unsigned char *entry, uint64_t offset)
{
    const struct ikv_store *store = verifier->store;
    const struct ikv_key_info *info = &store->index.key;
    uint64_t words[IKV_ENTRY_WORDS_MAX];
    uint64_t position = ikv_entry_position(info, entry);

    words[0] = position;
    ikv_key_load(info, entry, words + 1);
    if (window->has_last) {
        int order = ikv_words_compare(window->last, words + 1, info->words);
        if (order > 0 || (order == 0 && store->has_trailer)) {
            int code = ikv_verify_problem(verifier, IKV_E_INDEX, offset, entry,
                                          order > 0 ? "entries out of order" : "duplicate key");
            if (code < 0)
                return code;
        }
        if (position < window->last_position)
            verifier->ascending = false;
    }
    memcpy(window->last, words + 1, info->words * sizeof words[0]);
    window->last_position = position;
    window->has_last = true;
    if (!ikv_position_possible(store, position)) {
        verifier->index_damaged = true;
        return ikv_verify_problem(verifier, IKV_E_INDEX, offset, entry,
                                  "the entry points outside the record area");
    }
    return ikv_sorter_add(verifier->by_position, words);
}

static int verify_page(struct ikv_verifier *verifier, struct window *window, uint64_t page)
{
    const struct ikv_geometry *index = &verifier->store->index;
    const uint64_t offset = ikv_page_offset(index, page);
    const size_t size = (size_t)(ikv_page_offset(index, page + 1) - offset);
    const uint64_t at = page - window->first;
    const unsigned char *bytes = window->pages + (offset - ikv_page_offset(index, window->first));

    verifier->report.pages++;
    if (window->sums && (uint32_t)ikv_checksum(bytes, size) !=
                            ikv_load32(window->sums + at * IKV_PAGE_CHECKSUM_SIZE)) {
        verifier->index_damaged = true;
        window->has_last = false;
        return ikv_verify_problem(verifier, IKV_E_INDEX, offset, NULL, "wrong page checksum");
    }
    if (window->fences &&
        memcmp(bytes, window->fences + at * index->key.width, index->key.width) != 0) {
        int code = ikv_verify_problem(verifier, IKV_E_SECTION, offset, bytes,
                                      "the fence differs from the first key of its page");
        if (code < 0)
            return code;
    }
    for (size_t i = 0; i < size; i += index->stride) {
        int code = verify_entry(verifier, window, bytes + i, offset + i);
        if (code < 0)
            return code;
    }
    return 0;
}

static int verify_pages(struct ikv_verifier *verifier, struct window *window)
{
    const uint64_t pages = verifier->store->index.pages;

    for (window->first = 0; window->first < pages; window->first += PAGES) {
        window->count = ikv_min(PAGES, pages - window->first);
        int code = read_window(verifier, window);
        if (code == 0)
            code = ikv_verify_progress(verifier, "index", window->first * IKV_PAGE_SIZE,
                                       pages * IKV_PAGE_SIZE);
        for (uint64_t i = 0; i < window->count && code == 0; i++)
            code = verify_page(verifier, window, window->first + i);
        if (code < 0)
            return code;
    }
    return 0;
}

int ikv_verify_index(struct ikv_verifier *verifier)
{
    const struct ikv_store *store = verifier->store;
    struct window window = {.pages = malloc(PAGES * IKV_PAGE_SIZE + IKV_STRIDE_MAX)};
    bool memory = window.pages != NULL;

    if (ikv_store_section(store, IKV_SECTION_PAGE_CHECKSUMS))
        memory = (window.sums = malloc(PAGES * IKV_PAGE_CHECKSUM_SIZE)) && memory;
    if (ikv_store_section(store, IKV_SECTION_FENCES))
        memory = (window.fences = malloc(PAGES * IKV_KEY_WIDTH_MAX)) && memory;
    int code = memory ? verify_pages(verifier, &window) : -ENOMEM;
    free(window.pages);
    free(window.sums);
    free(window.fences);
    return code;
}
