#include "core/resident/resident.h"

#include "core/format/checksum.h"
#include "core/resident/lane_find.h"

/* Groups in the pipeline: while one descends, the one before it locates, and so on. */
#define STEPS 5u

/* Records up to this size are copied here. Larger ones are left to the search, where repeated keys
 * share a copy. */
#define COPIED_MAX ((uint32_t)64 << 10)

/* Bytes that a run reserves at a time from its batch's copy budget. */
#define BUDGET_STEP ((uint64_t)1 << 20)

/* Bytes of a record that are prefetched, at most. */
#define AHEAD_MAX 512u

bool ikv_resident_suits(const struct ikv_batch *batch)
{
    const struct ikv_store *store = batch->store;
    /* Keys are compared in stored form, which is little-endian. */
    return !IKV_BIG_ENDIAN && batch->map && store->tree.nodes &&
           batch->usable_size == store->map->size && batch->options.probe == IKV_PROBE_PAGE &&
           !(batch->options.flags & IKV_GET_BARRIER);
}

/* ---------------------------------------------------------------- records */

/* The key of a lane's item: the caller's, or a copy of the one that matches it. */
INLINE const unsigned char *item_key(const struct lanes *x, const struct lane *lane, size_t place)
{
    const size_t width = x->key->width;

    if (x->match == IKV_EXACT)
        return lane->key;
    return memcpy(x->batch->matched + place * width, lane->stored, width);
}

/* Put an intact value where the options say. False: the run has failed. */
INLINE bool put_value(struct lanes *x, const struct lane *lane, const unsigned char *value,
                      uint32_t size, ikv_item *item)
{
    const ikv_get_options *options = &x->batch->options;
    const size_t place = (size_t)(item - x->batch->items);

    *item = (ikv_item){value, item_key(x, lane, place), size, IKV_FOUND};
    if (options->values) {
        unsigned char *to = (unsigned char *)options->values + place * options->value_size;
        if (size == options->value_size)
            item->value = memcpy(to, value, size);
        else
            *item = (ikv_item){NULL, item->key, size, IKV_OTHER_SIZE};
    } else if (options->on_value) {
        if (options->on_value(options->user, place, item) != 0) {
            x->run->fatal = IKV_E_CANCELED;
            return false;
        }
        item->value = NULL;
    } else if (!x->in_place) {
        size += x->store->range_size;
        unsigned char *copy = ikv_arena_alloc(&x->run->arena, size);
        if (!copy) {
            x->run->fatal = -ENOMEM;
            return false;
        }
        item->value = memcpy(copy, value, size);
    }
    return true;
}

/* Reserve more of the batch's copy budget. False: not enough is left for `size`. */
static bool reserve_budget(struct lanes *x, uint32_t size)
{
    _Atomic uint64_t *shared = &x->run->batch->copy_budget;
    const uint64_t want = ikv_max(size, BUDGET_STEP);
    uint64_t left = atomic_load_explicit(shared, memory_order_relaxed);
    uint64_t more;

    do {
        more = ikv_min(left, want);
        if (x->budget + more < size)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(shared, &left, left - more,
                                                    memory_order_relaxed, memory_order_relaxed));
    x->budget += more;
    return true;
}

/* Size of the content of a record in a leaf, which is resident. False: impossible. */
INLINE bool content_in_leaf(const struct lanes *x, const struct lane *lane, uint32_t *ret_size)
{
    const unsigned char *record = x->map->bytes + lane->position;
    const uint64_t room = (uint64_t)(lane->samples - record);

    if (IKV_UNLIKELY(record >= lane->samples || room < IKV_RECORD_HEADER_SIZE))
        return false;
    *ret_size = ikv_load32(record);
    /* The last record's size field extends to the end of the leaf; only then the footer matters. */
    if (*ret_size > room - IKV_RECORD_HEADER_SIZE) {
        const uint32_t records_end = ikv_leaf_footer_records_end(lane->samples);
        const uint32_t end = x->store->index.leaf_size - IKV_LEAF_FOOTER_SIZE;
        if (records_end > end || end - records_end > room - IKV_RECORD_HEADER_SIZE)
            return false;
        *ret_size = (uint32_t)(room - IKV_RECORD_HEADER_SIZE) - (end - records_end);
    }
    return *ret_size >= x->store->surplus;
}

/* Size of the content of the lane's record. False: impossible, too large, or not resident. */
INLINE bool lane_content(const struct lanes *x, enum shape shape, const struct lane *lane,
                         uint32_t *ret_size)
{
    const uint64_t position = lane->position;

    if (IN_LEAVES(shape))
        return content_in_leaf(x, lane, ret_size);
    if (!lane_is_resident(x, position, IKV_RECORD_HEADER_SIZE))
        return false;
    *ret_size = ikv_load32(x->map->bytes + position);
    return ikv_record_size_possible(x->store, position, *ret_size) && *ret_size <= COPIED_MAX &&
           lane_is_resident(x, position, (uint64_t)IKV_RECORD_HEADER_SIZE + *ret_size);
}

/* Whether the lane's key is in the range of the record that answers it, which ends with the range's
 * last key. The first one is not above the lane's key. */
INLINE bool lane_is_covered(const struct lanes *x, const struct lane *lane,
                            const unsigned char *last)
{
    uint64_t words[IKV_KEY_WORDS_MAX];

    ikv_key_load(x->key, lane->key, words);
    return ikv_key_compare_stored(x->key, words, last) <= 0;
}

/* Answer a lane whose entry was found. False: it can't be answered here. */
INLINE bool lane_take(struct lanes *x, enum shape shape, const struct lane *lane, ikv_item *item)
{
    const struct ikv_store *store = x->store;
    uint32_t size = 0;

    if (!lane_content(x, shape, lane, &size) || (size > x->budget && !reserve_budget(x, size)))
        return false;
    const unsigned char *value = &x->map->bytes[lane->position + IKV_RECORD_HEADER_SIZE];
    const uint32_t content = size - store->checksum_size;
    if (store->checksum_size &&
        ikv_load32(value + content) !=
            ikv_record_checksum(store->record_seed, lane->stored, x->key->width, value, content))
        return false;
    if (x->match == IKV_RANGE && !lane_is_covered(x, lane, value + size - store->surplus)) {
        *item = (ikv_item){NULL, NULL, 0, IKV_MISSING};
        return true;
    }
    if (!x->in_place)
        x->budget -= size;
    return put_value(x, lane, value, size - store->surplus, item);
}

/* ---------------------------------------------------------------- absent keys */

static bool leaf_is_intact(const struct lanes *x, uint64_t number)
{
    const struct ikv_geometry *index = &x->store->index;
    struct ikv_page page;

    ikv_page_set(index, number, x->map->bytes + ikv_leaf_offset(index, number), NULL, &page);
    if (page.count == 0 || !ikv_page_matches_checksum(index, &page))
        return false;
    return ikv_leaf_counts_set(&x->store->leaf_counts, number, page.count);
}

static bool page_is_intact(const struct lanes *x, const struct lane *lane)
{
    const struct ikv_store *store = x->store;
    const uint64_t *fence = ikv_fence(&store->fences, lane->page);
    const struct ikv_page page = {
        .number = lane->page, .entries = lane->entries, .count = lane->count};

    if (ikv_key_compare_stored(x->key, fence, lane->entries) != 0)
        return false;
    if (store->is_clustered)
        return leaf_is_intact(x, lane->page);
    if (store->page_sums)
        return (uint32_t)ikv_checksum(lane->entries, (size_t)lane->count * x->stride) ==
               ikv_load32(store->page_sums + lane->page * IKV_PAGE_CHECKSUM_SIZE);
    return store->page_sums_offset == 0 && ikv_page_is_in_order(&store->index, &page);
}

/* A key is absent if its whole page is intact. */
static bool is_absent(const struct lanes *x, const struct lane *lane)
{
    if (!page_is_intact(x, lane) || !lane_is_between(x, lane))
        return false;
    ikv_map_set_verified(x->store->map, lane->page);
    return true;
}

/* The item of a key that is not in its page, until the page is verified after all keys: `value` is
 * the page's entries, `size` is 1 plus the number of the entry before which the key would be. */
static void mark_unproven(const struct lane *lane, ikv_item *item)
{
    *item = (ikv_item){lane->entries, lane->key, 1 + lane->guess, IKV_PENDING};
}

static bool is_unproven(const ikv_item *item)
{
    return item->status == IKV_PENDING && item->size > 0;
}

static struct lane leaf_of_unproven(const struct lanes *x, const ikv_item *item)
{
    const struct ikv_geometry *index = &x->store->index;
    const uint64_t number =
        ikv_leaf_at(index, (uint64_t)((const unsigned char *)item->value - x->map->bytes));
    struct ikv_page page;

    ikv_page_set(index, number, x->map->bytes + ikv_leaf_offset(index, number), NULL, &page);
    return (struct lane){.key = item->key,
                         .entries = page.entries,
                         .samples = x->map->bytes + ikv_leaf_offset(index, number) +
                                    index->leaf_size - IKV_LEAF_FOOTER_SIZE,
                         .page = number,
                         .count = page.count,
                         .guess = item->size - 1};
}

static struct lane lane_of_unproven(const struct lanes *x, const ikv_item *item)
{
    const struct ikv_geometry *index = &x->store->index;
    const unsigned char *entries = item->value;

    if (x->store->is_clustered)
        return leaf_of_unproven(x, item);
    const uint64_t first =
        ((uint64_t)(entries - x->map->bytes) - index->index_start) / index->stride;
    const uint64_t page = ikv_page_of_entry(index, first);

    return (struct lane){.key = item->key,
                         .entries = entries,
                         .page = page,
                         .count = (uint32_t)(ikv_page_first_entry(index, page + 1) - first),
                         .guess = item->size - 1};
}

INLINE void lane_leave(struct lanes *x, enum shape shape, const struct lane *lane, ikv_item *item)
{
    if (IKV_LIKELY(lane->state == LANE_FOUND) && IKV_LIKELY(lane_take(x, shape, lane, item))) {
        x->found += item->status != IKV_MISSING;
        x->missing += item->status == IKV_MISSING;
    } else if (lane->state == LANE_MISSING) {
        x->missing++;
        *item = (ikv_item){NULL, NULL, 0, IKV_MISSING};
    } else if (lane->state == LANE_UNPROVEN) {
        x->unproven++;
        mark_unproven(lane, item);
    } else {
        *item = (ikv_item){NULL, NULL, 0, IKV_PENDING};
    }
}

/* Verify the page of an unproven key, and answer it. */
static void prove(struct lanes *x, enum shape shape, ikv_item *item)
{
    struct lane lane = lane_of_unproven(x, item);

    if (!is_absent(x, &lane))
        lane.state = LANE_PENDING;
    else
        lane_set_absent(x, shape, &lane);
    if (lane.state == LANE_FOUND && !ikv_position_possible(x->store, lane.position))
        lane.state = LANE_PENDING;
    lane_leave(x, shape, &lane, item);
}

/* The same for all unproven keys. */
static void prove_absence(struct lanes *x, uint32_t begin, uint32_t end)
{
    const size_t page_size =
        x->store->is_clustered ? (size_t)x->leaf_count * x->stride : IKV_PAGE_SIZE;
    uint32_t next = begin;

    for (uint32_t i = begin; i < end && x->unproven > 0 && !x->run->fatal; i++) {
        ikv_item *item = &x->batch->items[i];
        if (!is_unproven(item))
            continue;
        /* Prefetch the next such page while this one is verified. */
        next = next > i ? next : i + 1;
        while (next < end && !is_unproven(&x->batch->items[next]))
            next++;
        if (next < end)
            for (size_t line = 0; line < page_size; line += 64)
                IKV_PREFETCH((const unsigned char *)x->batch->items[next].value + line);
        prove(x, x->store->is_clustered ? SHAPE_LEAF : 0, item);
    }
}

/* ---------------------------------------------------------------- the loop */

/* Number of keys in group g; 0: no such group. */
INLINE unsigned group_size(uint32_t g, uint32_t n)
{
    return (uint64_t)g * GROUP < n ? (unsigned)ikv_min(GROUP, n - g * GROUP) : 0;
}

INLINE void drive_single(struct lanes *x, enum shape shape, uint32_t place)
{
    const unsigned char *key = x->batch->caller_keys + (size_t)place * x->key->width;
    struct lane lane = {0};

    lanes_descend(x, shape, key, 1, &lane);
    lanes_locate(x, shape, 1, &lane);
    if (!IN_LEAVES(shape))
        lane_fetch_around(x, &lane);
    lanes_aim(x, shape, 1, &lane);
    lanes_find(x, shape, 1, &lane);
    lane_leave(x, shape, &lane, &x->batch->items[place]);
}

INLINE void drive(struct lanes *x, enum shape shape, uint32_t begin, uint32_t end)
{
    if (end - begin == 1) {
        drive_single(x, shape, begin);
        return;
    }

    const unsigned char *keys = x->batch->caller_keys + (size_t)begin * x->key->width;
    ikv_item *items = x->batch->items + begin;
    struct lane lanes[STEPS][GROUP];
    const uint32_t n = end - begin;
    const uint32_t groups = n / GROUP + (n % GROUP != 0);

    for (uint32_t g = 0; g < groups + STEPS - 1; g++) {
        if (g < groups)
            lanes_descend(x, shape, keys + (size_t)g * GROUP * x->key->width, group_size(g, n),
                          lanes[g % STEPS]);
        if (g >= 1 && g - 1 < groups)
            lanes_locate(x, shape, group_size(g - 1, n), lanes[(g - 1) % STEPS]);
        if (g >= 2 && g - 2 < groups)
            lanes_aim(x, shape, group_size(g - 2, n), lanes[(g - 2) % STEPS]);
        if (g >= 3 && g - 3 < groups)
            lanes_find(x, shape, group_size(g - 3, n), lanes[(g - 3) % STEPS]);
        for (unsigned i = 0; g >= 4 && i < group_size(g - 4, n); i++) {
            lane_leave(x, shape, &lanes[(g - 4) % STEPS][i], &items[(g - 4) * GROUP + i]);
            if (IKV_UNLIKELY(x->run->fatal))
                return;
        }
        if (atomic_load_explicit(&x->run->batch->canceled, memory_order_relaxed)) {
            x->run->fatal = IKV_E_CANCELED;
            return;
        }
    }
}

/* The loop for one shape of keys, compiled for a kind of processor. */
#define DRIVE(name, target, shape)                                                                 \
    static target /* NOLINT(bugprone-macro-parentheses) */ void name(struct lanes *x,              \
                                                                     uint32_t begin, uint32_t end) \
    {                                                                                              \
        drive(x, shape, begin, end);                                                               \
    }

typedef void (*drive_fn)(struct lanes *x, uint32_t begin, uint32_t end);

DRIVE(drive_4_plain, , SHAPE_4)
DRIVE(drive_8_plain, , SHAPE_8)
DRIVE(drive_16_plain, , SHAPE_16)
DRIVE(drive_text_plain, , SHAPE_TEXT)
DRIVE(drive_any_plain, , SHAPE_ANY)
DRIVE(drive_leaf_4_plain, , SHAPE_LEAF | SHAPE_4)
DRIVE(drive_leaf_8_plain, , SHAPE_LEAF | SHAPE_8)
DRIVE(drive_leaf_16_plain, , SHAPE_LEAF | SHAPE_16)
DRIVE(drive_leaf_text_plain, , SHAPE_LEAF | SHAPE_TEXT)
DRIVE(drive_leaf_any_plain, , SHAPE_LEAF | SHAPE_ANY)
#define DRIVES(suffix)                                                                             \
    {                                                                                              \
        [SHAPE_4] = drive_4_##suffix, [SHAPE_8] = drive_8_##suffix,                                \
        [SHAPE_16] = drive_16_##suffix, [SHAPE_TEXT] = drive_text_##suffix,                        \
        [SHAPE_ANY] = drive_any_##suffix, [SHAPE_LEAF | SHAPE_4] = drive_leaf_4_##suffix,          \
        [SHAPE_LEAF | SHAPE_8] = drive_leaf_8_##suffix,                                            \
        [SHAPE_LEAF | SHAPE_16] = drive_leaf_16_##suffix,                                          \
        [SHAPE_LEAF | SHAPE_TEXT] = drive_leaf_text_##suffix,                                      \
        [SHAPE_LEAF | SHAPE_ANY] = drive_leaf_any_##suffix,                                        \
    }
static const drive_fn plain_drives[] = DRIVES(plain);
#if IKV_HAVE_AVX2
DRIVE(drive_4_avx2, IKV_TARGET_AVX2, SHAPE_4)
DRIVE(drive_8_avx2, IKV_TARGET_AVX2, SHAPE_8)
DRIVE(drive_16_avx2, IKV_TARGET_AVX2, SHAPE_16)
DRIVE(drive_text_avx2, IKV_TARGET_AVX2, SHAPE_TEXT)
DRIVE(drive_any_avx2, IKV_TARGET_AVX2, SHAPE_ANY)
DRIVE(drive_leaf_4_avx2, IKV_TARGET_AVX2, SHAPE_LEAF | SHAPE_4)
DRIVE(drive_leaf_8_avx2, IKV_TARGET_AVX2, SHAPE_LEAF | SHAPE_8)
DRIVE(drive_leaf_16_avx2, IKV_TARGET_AVX2, SHAPE_LEAF | SHAPE_16)
DRIVE(drive_leaf_text_avx2, IKV_TARGET_AVX2, SHAPE_LEAF | SHAPE_TEXT)
DRIVE(drive_leaf_any_avx2, IKV_TARGET_AVX2, SHAPE_LEAF | SHAPE_ANY)
static const drive_fn avx2_drives[] = DRIVES(avx2);
#else
static const drive_fn *const avx2_drives = plain_drives;
#endif

static enum shape shape_of(const struct ikv_key_info *key, uint32_t word)
{
    if (key->kind == IKV_KIND_BYTES)
        return key->width >= 8 * (word + 1) ? SHAPE_TEXT : SHAPE_ANY;
    switch (key->width) {
    case 4:
        return SHAPE_4;
    case 8:
        return SHAPE_8;
    case 16:
        return SHAPE_16;
    default:
        return SHAPE_ANY;
    }
}

static struct lanes lanes_of(struct ikv_run *run)
{
    const struct ikv_store *store = run->batch->store;
    const struct ikv_key_info *key = &store->index.key;

    return (struct lanes){
        .run = run,
        .batch = run->batch,
        .store = store,
        .map = store->map,
        .tree = &store->tree,
        .search = ikv_tree_search(),
        .key = key,
        .flip = key->kind == IKV_KIND_SIGNED ? (uint64_t)1 << 63 : 0,
        .word = store->tree.word,
        .stride = store->index.stride,
        /* a division, which takes as long as a step of the search */
        .leaf_count = store->is_clustered
                          ? (uint32_t)(store->index.count / ikv_max(store->index.pages, 1))
                          : 0,
        .ahead = (uint32_t)ikv_min(store->first_read, AHEAD_MAX),
        .is_all_resident = ikv_map_is_all_resident(store->map),
        .match = run->batch->options.match,
        .in_place = (run->batch->options.flags & IKV_GET_IN_PLACE) != 0,
        .budget = run->copy_budget,
    };
}

/* ---------------------------------------------------------------- a run */

/* In a leaf, the entry and its record count as one access. */
static void account(const struct ikv_store *store, struct ikv_stats *stats, uint64_t found,
                    uint64_t missing)
{
    stats->found = found;
    stats->missing = missing;
    stats->probes = stats->found + stats->missing;
    stats->records = stats->found;
    stats->mapped = stats->probes + (store->is_clustered ? 0 : stats->records);
    stats->level[0].probes = stats->probes;
    stats->levels = stats->probes > 0;
    stats->shards = 1;
    stats->backend = stats->probes ? "mmap" : "none";
}

void ikv_resident_account(const struct ikv_run *run, struct ikv_stats *stats)
{
    stats->keys = stats->distinct = 1;
    account(run->batch->store, stats, run->stats.found, run->stats.missing);
    stats->major_faults = run->stats.major_faults;
}

/* The file was truncated: the mapping is not touched. */
static void leave_all(struct ikv_run *run)
{
    for (uint32_t i = run->begin; i < run->end; i++)
        run->batch->items[i] = (ikv_item){NULL, NULL, 0, IKV_PENDING};
}

void ikv_resident_run(struct ikv_run *run)
{
    struct lanes x = lanes_of(run);
    enum shape shape = shape_of(x.key, x.word);
    const uint32_t keys = run->end - run->begin;

    if (x.store->is_clustered)
        shape |= SHAPE_LEAF;
    ikv_faults_begin(&run->faults, keys);
    if (run->map && run->usable_size == run->map->size)
        (ikv_platform_has_avx2() ? avx2_drives : plain_drives)[shape](&x, run->begin, run->end);
    else
        leave_all(run);
    if (run->fatal)
        return;
    prove_absence(&x, run->begin, run->end);
    if (run->fatal)
        return;
    run->pending = keys - x.found - x.missing;
    account(x.store, &run->stats, x.found, x.missing);
    run->stats.major_faults = ikv_faults_end(&run->faults, run->map, keys, run->stats.mapped);
}
