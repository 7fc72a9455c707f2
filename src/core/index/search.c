#include "core/index/search.h"

#define RANKS 64u /* keys whose fences are searched at once */

static inline const uint64_t *key_at(const struct ikv_search *search, uint32_t key)
{
    return search->keys.entries + (size_t)key * search->keys.stride;
}

static inline unsigned char *matched_at(const struct ikv_search *search, uint32_t key)
{
    return search->matched + (size_t)key * search->index->key.width;
}

/* ---------------------------------------------------------------- resolving */

static void set_status(struct ikv_search *search, uint32_t begin, uint32_t end, ikv_status status)
{
    for (uint32_t key = begin; key < end; key++)
        search->status[key] = (int32_t)status;
}

static void hit(struct ikv_search *search, uint32_t key, uint64_t position)
{
    search->status[key] = IKV_FOUND;
    search->hits[search->hit_count++] = (struct ikv_hit){position, key, 0};
}

/* Floor, ceiling: the keys of a chunk without pages are answered by its neighbour, whose key is in
 * matched_at(begin). */
static void resolve_by_neighbour(struct ikv_search *search, uint32_t begin, uint32_t end,
                                 uint64_t neighbour)
{
    const size_t width = search->index->key.width;

    if (search->match == IKV_EXACT || neighbour == 0) {
        set_status(search, begin, end, IKV_MISSING);
        return;
    }
    for (uint32_t key = begin; key < end; key++) {
        if (key > begin)
            memcpy(matched_at(search, key), matched_at(search, begin), width);
        hit(search, key, neighbour);
    }
}

/* ---------------------------------------------------------------- chunks */

static void push_chunk(struct ikv_search *search, uint32_t begin, struct ikv_chunk chunk)
{
    chunk.next = IKV_NO_CHUNK;
    search->chunks[begin] = chunk;
    if (search->queue_head == IKV_NO_CHUNK)
        search->queue_head = begin;
    else
        search->chunks[search->queue_tail].next = begin;
    search->queue_tail = begin;
}

/* Queue a chunk, or resolve it if it has no pages. No effect if it has no keys. */
static void open_chunk(struct ikv_search *search, uint32_t begin, struct ikv_chunk chunk)
{
    if (begin == chunk.key_end)
        return;
    if (chunk.page_begin < chunk.page_end) {
        push_chunk(search, begin, chunk);
        return;
    }
    /* The ceiling is the first entry of the page after the chunk, which is not known yet. */
    if (search->match == IKV_CEILING && chunk.neighbour == 0 &&
        chunk.page_end < search->index->pages) {
        chunk.page_begin = chunk.page_end++;
        push_chunk(search, begin, chunk);
        return;
    }
    resolve_by_neighbour(search, begin, chunk.key_end, chunk.neighbour);
}

/* Open the chunk of the keys that are not below `rank` fences. */
static void open_chunk_at(struct ikv_search *search, uint32_t begin, uint32_t end, uint64_t rank)
{
    const struct ikv_fences *fences = search->fences;
    const struct ikv_chunk chunk = {.page_begin = rank ? ikv_fence_page(fences, rank - 1) : 0,
                                    .page_end = rank < fences->count ? ikv_fence_page(fences, rank)
                                                                     : search->index->pages,
                                    .key_end = end};

    open_chunk(search, begin, chunk);
}

/* Split the batch at the fences: keys between two fences are in the pages from the first fence's up
 * to the second's. Keys below the first fence are in the pages before it, if any. */
static void split_at_fences(struct ikv_search *search)
{
    const uint32_t keys = search->keys.count;
    uint64_t ranks[RANKS];
    uint64_t rank = 0;
    uint32_t begin = 0;

    for (uint32_t key = 0; key < keys; key++) {
        if (key % RANKS == 0)
            ikv_fences_ranks(search->fences, key_at(search, key), search->keys.stride,
                             (unsigned)ikv_min(RANKS, keys - key), rank, ranks);
        if (ranks[key % RANKS] != rank) {
            open_chunk_at(search, begin, key, rank);
            begin = key;
            rank = ranks[key % RANKS];
        }
    }
    open_chunk_at(search, begin, keys, rank);
}

/* The same with rounded fences: keys that may belong to either of two pages get both. The second
 * is probed first, and has the key if that is the fence itself. */
static void split_at_lines(struct ikv_search *search)
{
    const struct ikv_fence_lines *lines = search->fences->lines;
    const uint32_t keys = search->keys.count;
    struct ikv_fence_range next = ikv_fence_lines_rank(lines, key_at(search, 0), 0);

    for (uint32_t begin = 0, end = 1; begin < keys; begin = end++) {
        const struct ikv_fence_range range = next;
        for (; end < keys; end++) {
            next = ikv_fence_lines_rank(lines, key_at(search, end), range.at_least);
            if (next.at_least != range.at_least || next.at_most != range.at_most)
                break;
        }
        struct ikv_chunk chunk = {.page_begin = range.at_least ? range.at_least - 1 : 0,
                                  .page_end = range.at_most,
                                  .key_end = end};
        open_chunk(search, begin, chunk);
    }
}

void ikv_search_begin(struct ikv_search *search)
{
    struct ikv_chunk all = {.page_end = search->index->pages, .key_end = search->keys.count};

    search->hit_count = 0;
    search->queue_head = search->queue_tail = IKV_NO_CHUNK;
    search->corrupt_pages = 0;
    if (search->fences->lines && search->keys.count)
        split_at_lines(search);
    else if (search->fences->count && search->index->pages)
        split_at_fences(search);
    else
        open_chunk(search, 0, all);
}

uint64_t ikv_search_peek(const struct ikv_search *search)
{
    if (search->queue_head == IKV_NO_CHUNK)
        return UINT64_MAX;
    return ikv_chunk_page(&search->chunks[search->queue_head]);
}

uint32_t ikv_search_next(struct ikv_search *search, uint64_t *ret_page)
{
    uint32_t chunk = search->queue_head;
    if (chunk == IKV_NO_CHUNK)
        return chunk;
    *ret_page = ikv_chunk_page(&search->chunks[chunk]);
    search->queue_head = search->chunks[chunk].next;
    return chunk;
}

void ikv_search_fail(struct ikv_search *search, uint32_t chunk, ikv_status status)
{
    set_status(search, chunk, search->chunks[chunk].key_end, status);
}

/* ---------------------------------------------------------------- inside a page */

/*
 * The first entry from `from` on whose key is >= `key`; `count`: none. A page just read is not in
 * the L1 cache, so each step loads three entries in parallel, which divide the rest into quarters.
 * No branch depends on a comparison: it would be mispredicted half of the time. If entries are not
 * in order, the result is some number up to `count`.
 */
static inline __attribute__((always_inline)) uint32_t bisect(const struct ikv_key_info *info,
                                                             size_t stride,
                                                             const struct ikv_page *page,
                                                             const uint64_t *key, uint32_t from)
{
    const unsigned char *at = page->entries + from * stride;
    uint32_t found = from;
    uint32_t left = page->count - from;

    while (left > 3) {
        const uint32_t quarter = left / 4;
        const size_t step = quarter * stride;
        const uint32_t below = (uint32_t)ikv_key_is_above(info, key, at + step - stride) +
                               (uint32_t)ikv_key_is_above(info, key, at + 2 * step - stride) +
                               (uint32_t)ikv_key_is_above(info, key, at + 3 * step - stride);
        found += below * quarter;
        at += below * step;
        left = below == 3 ? left - 3 * quarter : quarter;
    }
    for (uint32_t i = 0; i < left; i++)
        found += (uint32_t)ikv_key_is_above(info, key, at + i * stride);
    return found;
}

static __attribute__((noinline)) uint32_t bisect_any(const struct ikv_geometry *index,
                                                     const struct ikv_page *page,
                                                     const uint64_t *key, uint32_t from)
{
    return bisect(&index->key, index->stride, page, key, from);
}

/* First entry >= key among entries[from..count). Specialised for the common key types. */
static inline uint32_t lower_bound(const struct ikv_search *search, const struct ikv_page *page,
                                   const uint64_t *key, uint32_t from)
{
    static const struct ikv_key_info u32 = {IKV_KEY_U32, IKV_KIND_UNSIGNED, 4, 1};
    static const struct ikv_key_info u64 = {IKV_KEY_U64, IKV_KIND_UNSIGNED, 8, 1};
    static const struct ikv_key_info i64 = {IKV_KEY_I64, IKV_KIND_SIGNED, 8, 1};
    static const struct ikv_key_info u128 = {IKV_KEY_U128, IKV_KIND_UNSIGNED, 16, 2};
    const struct ikv_geometry *index = search->index;

    switch (index->key.type) {
    case IKV_KEY_U32:
        return bisect(&u32, index->stride, page, key, from);
    case IKV_KEY_U64:
        return bisect(&u64, index->stride, page, key, from);
    case IKV_KEY_I64:
        return bisect(&i64, index->stride, page, key, from);
    case IKV_KEY_U128:
        return bisect(&u128, index->stride, page, key, from);
    default:
        return bisect_any(index, page, key, from);
    }
}

static inline const unsigned char *entry_at(const struct ikv_search *search,
                                            const struct ikv_page *page, uint32_t i)
{
    return page->entries + (size_t)i * search->index->stride;
}

/* First key in [begin, end) that is >= (with `above`: >) a stored key. */
static uint32_t key_bound(const struct ikv_search *search, uint32_t begin, uint32_t end,
                          const unsigned char *stored, bool above)
{
    const struct ikv_key_info *info = &search->index->key;

    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        int order = ikv_key_compare_stored(info, key_at(search, middle), stored);
        if (order < 0 || (above && order == 0))
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

/* Without checksums at least the order can be checked. That a page must start with its fence bounds
 * the search in forged and changed files: a ceiling that is not in the pages before a fence must be
 * in the fence's own page. */
static bool page_is_intact(const struct ikv_search *search, struct ikv_page *page)
{
    const uint64_t *fence = ikv_fence_of_page(search->fences, page->number);

    if (page->verified)
        return true;
    if (fence && ikv_key_compare_stored(&search->index->key, fence, page->entries) != 0)
        return false;
    page->verified = ikv_page_matches_checksum(search->index, page);
    return page->verified;
}

/* Resolve keys between the page's first and last. Returns how many are missing. */
static uint32_t resolve_exact(struct ikv_search *search, const struct ikv_page *page,
                              uint32_t begin, uint32_t end)
{
    const struct ikv_key_info *info = &search->index->key;
    uint32_t missing = 0;
    uint32_t from = 0;

    for (uint32_t key = begin; key < end; key++) {
        from = lower_bound(search, page, key_at(search, key), from);
        const unsigned char *entry = entry_at(search, page, from);
        if (from < page->count && ikv_key_compare_stored(info, key_at(search, key), entry) == 0) {
            hit(search, key, ikv_page_position(search->index, page, entry));
        } else {
            search->status[key] = IKV_MISSING;
            missing++;
        }
    }
    return missing;
}

static void resolve_nearest(struct ikv_search *search, const struct ikv_page *page, uint32_t begin,
                            uint32_t end)
{
    const struct ikv_key_info *info = &search->index->key;
    uint32_t from = 0;

    for (uint32_t key = begin; key < end; key++) {
        from = lower_bound(search, page, key_at(search, key), from);
        /* first <= key <= last, so both neighbours exist if the page is in order. */
        uint32_t at = from < page->count ? from : page->count - 1;
        if (search->match == IKV_FLOOR && at > 0 &&
            ikv_key_compare_stored(info, key_at(search, key), entry_at(search, page, at)) != 0)
            at--;
        memcpy(matched_at(search, key), entry_at(search, page, at), info->width);
        hit(search, key, ikv_page_position(search->index, page, entry_at(search, page, at)));
    }
}

/* The position of a neighbour. 0 would mean none; it is replaced by 1, which is as invalid. */
static uint64_t neighbour_position(const struct ikv_search *search, const struct ikv_page *page,
                                   const unsigned char *entry)
{
    uint64_t position = ikv_page_position(search->index, page, entry);
    return position ? position : 1;
}

/* Open the two chunks left by a probe. `parent` is a copy, since its slot is reused. */
static void divide(struct ikv_search *search, uint32_t begin, struct ikv_chunk parent,
                   const struct ikv_page *page, uint32_t left_end, uint32_t right_begin)
{
    const struct ikv_key_info *info = &search->index->key;
    struct ikv_chunk left = parent;
    struct ikv_chunk right = parent;

    left.page_end = page->number;
    left.key_end = left_end;
    right.page_begin = page->number + 1;
    left.level = right.level = parent.level + 1;
    if (search->match == IKV_FLOOR && right_begin < parent.key_end) {
        const unsigned char *last = entry_at(search, page, page->count - 1);
        right.neighbour = neighbour_position(search, page, last);
        memcpy(matched_at(search, right_begin), last, info->width);
    } else if (search->match == IKV_CEILING) {
        const unsigned char *first = entry_at(search, page, 0);
        if (right_begin < parent.key_end && right_begin != begin)
            memcpy(matched_at(search, right_begin), matched_at(search, begin), info->width);
        left.neighbour = neighbour_position(search, page, first);
        if (left_end > begin)
            memcpy(matched_at(search, begin), first, info->width);
    }
    open_chunk(search, begin, left);
    open_chunk(search, right_begin, right);
}

/* Fast path: one key, one page that may contain it, and it does. */
static bool resolve_one(struct ikv_search *search, uint32_t key, const struct ikv_page *page)
{
    const struct ikv_chunk *chunk = &search->chunks[key];
    const struct ikv_key_info *info = &search->index->key;

    if (search->match != IKV_EXACT || chunk->key_end - key > 1 ||
        chunk->page_end - chunk->page_begin > 1)
        return false;
    const uint32_t at = lower_bound(search, page, key_at(search, key), 0);
    const unsigned char *entry = entry_at(search, page, at);
    if (at == page->count || ikv_key_compare_stored(info, key_at(search, key), entry) != 0)
        return false;
    hit(search, key, ikv_page_position(search->index, page, entry));
    return true;
}

void ikv_search_feed(struct ikv_search *search, uint32_t begin, struct ikv_page *page)
{
    if (page->count == 0) { /* a leaf that is damaged beyond reading */
        search->corrupt_pages++;
        ikv_search_fail(search, begin, IKV_CORRUPT);
        return;
    }
    if (resolve_one(search, begin, page))
        return;

    const struct ikv_chunk chunk = search->chunks[begin];
    const uint32_t end = chunk.key_end;
    uint32_t middle_begin = key_bound(search, begin, end, entry_at(search, page, 0), false);
    uint32_t middle_end =
        key_bound(search, middle_begin, end, entry_at(search, page, page->count - 1), true);
    /* Whether no answer depends on the page itself. */
    bool proven = middle_begin == begin && middle_end == end;

    if (search->match != IKV_EXACT) {
        if (!page_is_intact(search, page)) {
            search->corrupt_pages++;
            ikv_search_fail(search, begin, IKV_CORRUPT);
            return;
        }
        divide(search, begin, chunk, page, middle_begin, middle_end);
        resolve_nearest(search, page, middle_begin, middle_end);
        return;
    }
    uint32_t hits_before = search->hit_count;
    if (resolve_exact(search, page, middle_begin, middle_end) > 0)
        proven = false;
    if (!proven && !page_is_intact(search, page)) {
        search->corrupt_pages++;
        set_status(search, begin, end, IKV_CORRUPT);
        for (uint32_t i = hits_before; i < search->hit_count; i++)
            search->status[search->hits[i].key] = IKV_FOUND; /* proven by their records */
        return;
    }
    divide(search, begin, chunk, page, middle_begin, middle_end);
}
