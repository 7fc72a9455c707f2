#include "theory/theory.h"

#include <math.h>
#include <string.h>

/* Bytes of memory per page: its checksum, and its share of a cache set besides the page itself (a
 * set of 7 ways takes 64 bytes). */
#define CHECKSUM_BYTES  4
#define CACHE_WAY_BYTES (64.0 / 7)

/* Fences of leaves can be rounded: some of them share a line of memory. */
#define LINE_FENCES 15
#define LINE_BYTES  65

/* A leaf: the file's header, which is in the first one; the footer; and what a record has besides
 * its value: size and checksum, and the key and a place in the directory. The record outside has a
 * position there. */
#define LEAF_HEADER_BYTES 24
#define LEAF_FOOTER_BYTES 16
#define RECORD_BYTES      8
#define PLACE_BYTES       2
#define POSITION_BYTES    8

/* Records with at most this many bytes between them share a read. */
#define MAX_GAP 4096.0

static double min(double a, double b)
{
    return a < b ? a : b;
}

static double max(double a, double b)
{
    return a > b ? a : b;
}

uint64_t theory_pages(uint64_t pairs, uint32_t stride)
{
    /* In two steps, so that the product does not overflow. */
    const uint64_t rest = pairs % THEORY_PAGE_SIZE * stride;
    return pairs / THEORY_PAGE_SIZE * stride + (rest + THEORY_PAGE_SIZE - 1) / THEORY_PAGE_SIZE;
}

uint32_t theory_leaf_value_max(uint32_t key_width, uint32_t leaf_size)
{
    return leaf_size - LEAF_HEADER_BYTES - LEAF_FOOTER_BYTES - RECORD_BYTES - PLACE_BYTES -
           key_width;
}

uint64_t theory_leaves(uint64_t pairs, uint32_t key_width, uint32_t value_size, uint32_t leaf_size)
{
    const bool outside = value_size > theory_leaf_value_max(key_width, leaf_size);
    const uint32_t bytes =
        key_width + PLACE_BYTES + (outside ? POSITION_BYTES : RECORD_BYTES + value_size);
    const uint32_t room = leaf_size - LEAF_FOOTER_BYTES;
    const uint64_t first = (room - LEAF_HEADER_BYTES) / bytes, further = room / bytes;

    if (pairs <= first)
        return pairs > 0;
    return 1 + (pairs - first - 1) / further + 1;
}

uint64_t theory_data_bytes(uint64_t pairs, uint32_t key_width, uint32_t stride, uint32_t value_size,
                           uint32_t leaf_size)
{
    uint64_t records = LEAF_HEADER_BYTES + pairs * (RECORD_BYTES + (uint64_t)value_size);

    if (leaf_size > 0 && pairs > 0)
        records = theory_leaves(pairs, key_width, value_size, leaf_size) * leaf_size;
    return (records + THEORY_PAGE_SIZE - 1) / THEORY_PAGE_SIZE * THEORY_PAGE_SIZE + pairs * stride;
}

uint64_t theory_trailer_bytes(uint64_t pages, uint32_t key_width, uint32_t leaf_size)
{
    return pages * (key_width + (leaf_size > 0 ? 0 : CHECKSUM_BYTES));
}

/* Whether probes read leaves: entry probes search the v2 index. */
static bool has_leaves(const struct theory_index *index)
{
    return index->leaves > 0 && !index->entry_probes;
}

static uint64_t page_count(const struct theory_index *index)
{
    return has_leaves(index) ? index->leaves : theory_pages(index->pairs, index->stride);
}

static uint32_t page_size(const struct theory_index *index)
{
    return has_leaves(index) ? index->leaf_size : THEORY_PAGE_SIZE;
}

/* Entries per page; leaves are taken for equally full. */
static double page_entries(const struct theory_index *index)
{
    return has_leaves(index) ? (double)index->pairs / (double)index->leaves
                             : (double)THEORY_PAGE_SIZE / index->stride;
}

double theory_distinct(double keys, double draws)
{
    /* keys * (1 - (1 - 1 / keys)^draws) */
    return keys > 0 ? -keys * expm1(draws * log1p(-1 / keys)) : 0;
}

double theory_distinct_zipf(uint64_t keys, double theta, double draws)
{
    enum { EXACT = 10000, STEPS = 1000 };
    double weight = 0, distinct = 0;

    /* Frequent keys one by one, the others in steps of nearly equal frequency. The first pass adds
     * up the total weight, the second the expected number of keys drawn at least once. */
    for (int pass = 0; pass < 2; pass++)
        for (uint64_t i = 1, step; i <= keys; i += step) {
            step = i < EXACT ? 1 : i / STEPS;
            if (step > keys - i + 1)
                step = keys - i + 1;
            const double frequency = pow((double)i + (double)(step - 1) / 2, -theta);
            if (pass == 0)
                weight += (double)step * frequency;
            else if (frequency < weight)
                distinct -= (double)step * expm1(draws * log1p(-frequency / weight));
            else
                distinct += 1; /* the only key */
        }
    return distinct;
}

/* ---------------------------------------------------------------- probes */

/*
 * The search as a set of chunks: level 0 has the groups of pages between fences. A probe of a chunk
 * reads its middle page; the pages on either side are chunks of the next level.
 */
struct levels {
    const struct theory_index *index;
    const struct theory_batch *batch;
    struct theory_cost *cost;
    double variance[THEORY_LEVELS];
    double page_entries; /* entries per page, or 1 if a probe reads an entry */
    double last_missing; /* entries that the last page has less than that */
    bool is_fenced;      /* absent keys before a group are searched in the one before */
    double repeated;     /* probes of pages that another chunk probes, too */
};

/* The expected number of probes of a chunk: the probability that a key of the batch is in it, an
 * absent one in one of its `gaps`. If shards are split inside the chunk, with a probability
 * proportional to its size, each shard probes it. */
static double chunk_probes(const struct levels *levels, double entries, double gaps)
{
    const struct theory_batch *batch = levels->batch;
    const double pairs = (double)levels->index->pairs;
    const double before = batch->run_length - 1;
    const double per_run = batch->present * min(1, (entries + before) / pairs) +
                           (1 - batch->present) * min(1, (gaps + before) / (pairs + 1));

    const double probed = per_run >= 1 ? 1 : -expm1(batch->runs * log1p(-per_run));
    return probed * (1 + max(0, batch->shards - 1) * min(1, entries / pairs));
}

static void add_probes(struct levels *levels, uint32_t level, double count, double probes)
{
    levels->cost->level[level] += count * probes;
    levels->variance[level] += count * max(0, probes * (1 - probes));
    if (count > 0 && levels->cost->levels <= level)
        levels->cost->levels = level + 1;
}

/* Add chunks, each with the gaps between its entries and one on either side. */
static void add_chunks(struct levels *levels, uint32_t level, double count, double entries)
{
    add_probes(levels, level, count, chunk_probes(levels, entries, entries + 1));
}

/* Of chunks that were added, remove the gap on the left. */
static void remove_left_gap(struct levels *levels, uint32_t level, double count, double entries)
{
    add_chunks(levels, level, -count, entries);
    add_probes(levels, level, count, chunk_probes(levels, entries, entries));
}

/*
 * Add `groups` chunks of `pages` pages each, and all chunks they are split into. The chunks of a
 * level have one of two consecutive sizes: `small` of them have `size` pages, `large` of them one
 * more. With `last`, the last group ends with the last page of the index, which may be short of
 * entries; `rightmost` is the size of the chunk that contains it. `leftmost` is the size of the
 * chunks at the left edges of the groups, which lack the gap there.
 */
static void add_groups(struct levels *levels, double groups, uint64_t pages, bool last)
{
    double small = groups, large = 0;
    uint64_t size = pages, rightmost = last ? pages : 0, leftmost = levels->is_fenced ? pages : 0;

    for (uint32_t level = 0; level < THEORY_LEVELS && (size > 0 || large > 0); level++) {
        const double entries = levels->page_entries;
        if (size > 0)
            add_chunks(levels, level, small, (double)size * entries);
        add_chunks(levels, level, large, (double)(size + 1) * entries);
        if (rightmost > 0) {
            const double full = (double)rightmost * entries;
            add_chunks(levels, level, -1, full);
            add_chunks(levels, level, 1, full - levels->last_missing);
            rightmost = (rightmost + 1) / 2 - 1;
        }
        if (leftmost > 0) {
            const double full = (double)leftmost * entries;
            const bool both = level == 0 && last; /* the last group is also the rightmost chunk */
            remove_left_gap(levels, level, groups - both, full);
            if (both)
                remove_left_gap(levels, level, 1, full - levels->last_missing);
            leftmost /= 2;
        }
        /* A chunk of n pages has n / 2 pages left of the middle one, and (n - 1) / 2 right of it.
         */
        if (size == 0)
            break;
        if (size % 2 == 0) {
            large = small + 2 * large;
            size = size / 2 - 1;
        } else {
            small = 2 * small + large;
            size /= 2;
        }
    }
}

/* A ceiling that is not in its group of pages is the first key of the next group, whose page is
 * probed when the search in the group has ended at its right edge. (The one before the first group
 * is found at once.) */
static void add_ceilings(struct levels *levels, uint64_t groups, uint64_t pages)
{
    const struct theory_batch *batch = levels->batch;
    const double gap = 1 / ((double)levels->index->pairs + 1);
    const double absent = batch->runs * batch->run_length * (1 - batch->present);
    const double probed = -expm1(absent * log1p(-gap));
    uint32_t level = 0;

    if (!batch->ceiling || groups == 0)
        return;
    add_probes(levels, 0, 1, probed);
    do {
        pages = (pages - 1) / 2;
        level++;
    } while (pages > 0);
    add_probes(levels, level, (double)(groups - 1), probed);
}

/* With rounded fences, the first key of a page is in a chunk of its own, since it may also belong
 * to the page before. It is probed in its own page, as are the other keys, and shares their read.
 */
static void add_first_keys(struct levels *levels, uint64_t pages)
{
    const double entries = levels->page_entries;
    const double firsts = chunk_probes(levels, 1, 0);
    const double others = chunk_probes(levels, entries - 1, entries);

    add_probes(levels, 0, (double)pages, firsts);
    levels->repeated = (double)pages * (firsts + others - chunk_probes(levels, entries, entries));
    levels->page_entries = entries - 1;
    levels->is_fenced = false; /* the gap after the first key is one of the others' */
}

static void set_levels(struct levels *levels)
{
    const struct theory_index *index = levels->index;
    const bool single = index->entry_probes;
    const uint64_t pages = single ? index->pairs : page_count(index);
    const uint64_t known = index->fences < pages ? index->fences : pages;
    const uint64_t fences = single ? 0 : known;

    levels->page_entries = single ? 1 : page_entries(index);
    levels->last_missing = (double)pages * levels->page_entries - (double)index->pairs;
    levels->is_fenced = fences > 0;
    if (pages == 0)
        return;
    const uint64_t step = fences > 0 ? (pages - 1) / fences + 1 : pages;
    add_ceilings(levels, fences, step);
    if (index->rounded && fences == pages)
        add_first_keys(levels, pages);
    if (fences <= 1) {
        add_groups(levels, 1, pages, true);
        return;
    }
    if ((pages - 1) / step + 1 == fences) { /* every step-th fence of a trailer */
        add_groups(levels, (double)(fences - 1), step, false);
        add_groups(levels, 1, pages - (fences - 1) * step, true);
    } else { /* groups that differ by at most a page */
        const uint64_t longer = pages % fences;
        add_groups(levels, (double)longer, pages / fences + 1, false);
        add_groups(levels, (double)(fences - longer), pages / fences, true);
    }
}

uint32_t theory_max_levels(const struct theory_index *index)
{
    const struct theory_batch one = {1, 1, 1, 1, false};
    struct theory_cost cost = {0};
    struct levels levels = {.index = index, .batch = &one, .cost = &cost};

    set_levels(&levels);
    return cost.levels;
}

/* ---------------------------------------------------------------- reads */

/* Reads of pages if all fences are in memory. Adjacent pages are read together, up to `limit`
 * pages: a read starts at a page whose predecessor is not one of the others that are read, and
 * after each `limit` pages. */
static double merged_page_reads(const struct theory_index *index, const struct theory_batch *batch,
                                double probes)
{
    const double pages = (double)page_count(index);
    const double limit = max(1, floor((double)index->max_read / page_size(index)));
    const double missed = 1 - min(1, (double)index->cached_pages / pages);
    const double read = min(pages, probes) * missed;
    const double before = max(0, read - 1) / pages;

    if (missed <= 0)
        return 0;
    if (batch->run_length > 1) {
        const double further = (batch->run_length - 1) / page_entries(index);
        return min(probes, batch->runs * (1 + further / limit)) * missed;
    }
    if (read >= pages)
        return ceil(pages / limit);
    return read * (1 - before) / (1 - pow(before, limit));
}

static void set_index_reads(const struct theory_index *index, const struct theory_batch *batch,
                            double repeated, struct theory_cost *cost)
{
    const uint64_t pages = page_count(index);
    const double cached = pages > 0 ? min(1, (double)index->cached_pages / (double)pages) : 0;

    cost->index_reads = cost->probes;
    cost->index_bytes = cost->probes * index->stride;
    if (index->entry_probes)
        return;
    cost->cached = cost->probes * cached;
    cost->index_reads = index->fences >= pages && pages > 0
                            ? merged_page_reads(index, batch, cost->probes - repeated)
                            : cost->probes - cost->cached;
    cost->index_bytes = (cost->probes - repeated) * (1 - cached) * page_size(index);
    if (index->checksums_on_disk)
        cost->index_reads *= 2;
}

/* Reads of a record that shares none with others. */
static double reads_per_record(const struct theory_index *index,
                               const struct theory_records *records)
{
    const double limit = max(index->max_read, THEORY_PAGE_SIZE);
    const double first = min(records->first_read, limit);

    if (records->bytes <= first)
        return 1;
    return 1 + (records->direct ? ceil((records->bytes - first) / limit) : 1);
}

/*
 * The records or the keys are in random order: a fraction `dense` of all records is read, at random
 * positions. A record shares a read with the next one if that is among the `near` records after it,
 * at most a gap away. A read ends if none of those is read, or if it reaches the maximum size.
 */
static void set_record_reads(const struct theory_index *index, const struct theory_records *records,
                             const struct theory_batch *batch, struct theory_cost *cost)
{
    const double limit = max(index->max_read, THEORY_PAGE_SIZE);
    const double single = reads_per_record(index, records);
    const double outside = has_leaves(index) ? index->outside : 1;
    const double count = cost->records * outside;
    const double share = cost->records / max(1, batch->shards);
    const double dense = index->pairs > 0 ? min(1, share / (double)index->pairs) : 0;

    cost->record_reads = count * single;
    if (single > 1 || records->bytes <= 0 || dense <= 0)
        return;
    if (records->in_key_order && batch->run_length > 1) {
        const double further = (batch->run_length - 1) * outside * records->bytes;
        cost->record_reads = min(count, batch->runs * (1 + further / limit));
        return;
    }
    const double near = floor((records->first_read + MAX_GAP) / records->bytes);
    const double alone = dense < 1 ? pow(1 - dense, near) : 0;
    if (alone >= 1)
        return;
    /* The average distance to the next record, given that it is near. */
    const double distance = 1 / dense - near * alone / (1 - alone);
    const double merged = count * (1 - alone);
    cost->record_reads = min(count, count * alone + merged * distance * records->bytes / limit);
}

void theory_cost(const struct theory_index *index, const struct theory_records *records,
                 const struct theory_batch *batch, struct theory_cost *ret_cost)
{
    struct levels levels = {.index = index, .batch = batch, .cost = ret_cost};

    memset(ret_cost, 0, sizeof *ret_cost);
    ret_cost->keys = batch->runs * batch->run_length;
    if (index->pairs == 0)
        return;
    set_levels(&levels);
    for (uint32_t level = 0; level < ret_cost->levels; level++) {
        ret_cost->probes += ret_cost->level[level];
        ret_cost->probes_deviation += sqrt(max(0, levels.variance[level]));
    }
    const double runs = theory_distinct((double)index->pairs, batch->runs * batch->present);
    ret_cost->records = min((double)index->pairs, runs * batch->run_length);
    ret_cost->distinct = ret_cost->records + ret_cost->keys * (1 - batch->present);
    set_index_reads(index, batch, levels.repeated, ret_cost);
    set_record_reads(index, records, batch, ret_cost);
}

/* ---------------------------------------------------------------- memory, time */

void theory_memory(const struct theory_index *index, uint32_t words, uint64_t index_memory,
                   struct theory_memory *ret_memory)
{
    const uint64_t pages = page_count(index);
    const uint64_t checksum = has_leaves(index) ? 0 : CHECKSUM_BYTES;
    const uint64_t fence = (uint64_t)words * 8;
    const uint64_t lines = (pages + LINE_FENCES - 1) / LINE_FENCES;
    uint64_t left = index_memory;

    *ret_memory =
        (struct theory_memory){.full_bytes = pages * (fence + checksum),
                               .rounded_bytes = has_leaves(index) ? lines * LINE_BYTES : 0};
    if (pages == 0)
        return;
    ret_memory->checksums_on_disk = pages * checksum > left / 2;
    if (!ret_memory->checksums_on_disk)
        left -= pages * checksum;
    if (left < fence)
        return;
    ret_memory->step = (pages - 1) / (left / fence) + 1;
    ret_memory->is_rounded =
        has_leaves(index) && ret_memory->step > 1 && ret_memory->rounded_bytes <= left;
    if (ret_memory->is_rounded)
        ret_memory->step = 1;
    ret_memory->fences = (pages - 1) / ret_memory->step + 1;
    left -= ret_memory->is_rounded ? ret_memory->rounded_bytes : ret_memory->fences * fence;
    if (!ret_memory->checksums_on_disk)
        ret_memory->cached_pages = (uint64_t)min(
            (double)pages, floor((double)left / (page_size(index) + CACHE_WAY_BYTES)));
}

double theory_iops(const struct theory_device *device, double in_flight)
{
    return min(device->iops, in_flight / device->latency);
}

/* Seconds for `reads` independent reads, `depth` of them in flight; at least the latency of one. */
static double seconds_for(const struct theory_device *device, double reads, double depth)
{
    if (reads <= 0)
        return 0;
    return max(device->latency * min(1, reads),
               reads / theory_iops(device, max(1, min(reads, depth))));
}

struct theory_time theory_time(const struct theory_cost *cost, const struct theory_device *device,
                               double depth)
{
    const double per_probe = cost->probes > 0 ? cost->index_reads / cost->probes : 0;
    struct theory_time time = {0};
    double steps = min(1, cost->record_reads);

    time.by_level = seconds_for(device, cost->record_reads, depth);
    for (uint32_t level = 0; level < cost->levels; level++) {
        const double reads = cost->level[level] * per_probe;
        time.by_level += seconds_for(device, reads, depth);
        steps += min(1, reads);
    }
    const double reads = cost->index_reads + cost->record_reads;
    time.overlapped = max(steps * device->latency, seconds_for(device, reads, depth));
    return time;
}
