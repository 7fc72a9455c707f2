#include "theory/theory.h"

#include <math.h>
#include <string.h>

/* Bytes of memory for each page: its checksum; its place in the cache beside the page itself (a
 * set of seven ways takes 64 bytes). */
#define SUM_BYTES   4
#define PLACE_BYTES (64.0 / 7)

/* Records that are no further apart are read together. */
#define GAP_MOST 4096.0

static double least(double a, double b)
{
    return a < b ? a : b;
}

static double most(double a, double b)
{
    return a > b ? a : b;
}

uint64_t theory_pages(uint64_t pairs, uint32_t stride)
{
    /* In two parts, so that nothing overflows: whole multiples of a page's entries, and the rest.
     */
    const uint64_t rest = pairs % THEORY_PAGE_SIZE * stride;
    return pairs / THEORY_PAGE_SIZE * stride + (rest + THEORY_PAGE_SIZE - 1) / THEORY_PAGE_SIZE;
}

double theory_distinct(double keys, double draws)
{
    /* keys * (1 - (1 - 1 / keys)^draws) */
    return keys > 0 ? -keys * expm1(draws * log1p(-1 / keys)) : 0;
}

double theory_distinct_zipf(uint64_t keys, double theta, double draws)
{
    enum { EXACT = 10000, PIECES = 1000 };
    double weight = 0, distinct = 0;

    /* One by one where chances are large, then in steps over which they hardly change. */
    for (int pass = 0; pass < 2; pass++)
        for (uint64_t i = 1, step; i <= keys; i += step) {
            step = i < EXACT ? 1 : i / PIECES;
            if (step > keys - i + 1)
                step = keys - i + 1;
            const double chance = pow((double)i + (double)(step - 1) / 2, -theta);
            if (pass == 0)
                weight += (double)step * chance;
            else if (chance < weight)
                distinct -= (double)step * expm1(draws * log1p(-chance / weight));
            else
                distinct += 1; /* the only key */
        }
    return distinct;
}

/* ---------------------------------------------------------------- probes */

/* What does not change while the levels are gone through. */
struct levels {
    const struct theory_index *index;
    const struct theory_batch *batch;
    struct theory_cost *cost;
    double variance[THEORY_LEVELS];
    double slice_entries; /* of a page; 1 if a page is an entry */
    double last_lacks;    /* entries that the last page is short of that */
    double edge;          /* 1: an absent key beside a chunk's outer entries is looked for there */
};

/* The chance that a chunk with so many entries is probed: that some key of the batch is in it. A
 * cut between shards lies in it as likely as it is large; then it is probed once more, by the
 * other. */
static double chance_of(const struct levels *levels, double entries)
{
    const struct theory_batch *batch = levels->batch;
    const double pairs = (double)levels->index->pairs;
    const double reach = entries + batch->run_length - 1;
    const double in_it = batch->present * least(1, reach / pairs) +
                         (1 - batch->present) * least(1, (reach + levels->edge) / (pairs + 1));

    const double probed = in_it >= 1 ? 1 : -expm1(batch->runs * log1p(-in_it));
    return probed * (1 + most(0, batch->shards - 1) * least(1, entries / pairs));
}

static void add_chunks(struct levels *levels, uint32_t level, double count, double chance)
{
    levels->cost->level[level] += count * chance;
    levels->variance[level] += count * most(0, chance * (1 - chance));
    if (count > 0 && levels->cost->levels <= level)
        levels->cost->levels = level + 1;
}

/*
 * `groups` chunks of `pages` pages each, halved until nothing is left of them. The chunks of a
 * level have one of two sizes that follow each other: `small` of them `size` pages, `large` of them
 * one more. The rightmost chunk of the last group ends in the last page of the index, which may be
 * short.
 */
static void add_groups(struct levels *levels, double groups, uint64_t pages, bool last)
{
    double small = groups, large = 0;
    uint64_t size = pages, rightmost = last ? pages : 0;

    for (uint32_t level = 0; level < THEORY_LEVELS && (size > 0 || large > 0); level++) {
        const double entries = levels->slice_entries;
        if (size > 0)
            add_chunks(levels, level, small, chance_of(levels, (double)size * entries));
        add_chunks(levels, level, large, chance_of(levels, (double)(size + 1) * entries));
        if (rightmost > 0) {
            const double whole = (double)rightmost * entries;
            add_chunks(levels, level, -1, chance_of(levels, whole));
            add_chunks(levels, level, 1, chance_of(levels, whole - levels->last_lacks));
            rightmost = (rightmost + 1) / 2 - 1;
        }
        /* n pages leave n / 2 to the left of the one in the middle, and (n - 1) / 2 to the right.
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

static void set_levels(struct levels *levels)
{
    const struct theory_index *index = levels->index;
    const bool single = index->entry_probes;
    const uint64_t pages = single ? index->pairs : theory_pages(index->pairs, index->stride);
    const uint64_t known = index->fences < pages ? index->fences : pages;
    const uint64_t fences = single ? 0 : known;

    levels->slice_entries = single ? 1 : (double)THEORY_PAGE_SIZE / index->stride;
    levels->last_lacks = (double)pages * levels->slice_entries - (double)index->pairs;
    levels->edge = fences == pages ? 0 : 1;
    if (pages == 0)
        return;
    if (fences <= 1) {
        add_groups(levels, 1, pages, true);
        return;
    }
    const uint64_t step = (pages - 1) / fences + 1;
    if ((pages - 1) / step + 1 == fences) { /* every step-th, as a trailer's are thinned */
        add_groups(levels, (double)(fences - 1), step, false);
        add_groups(levels, 1, pages - (fences - 1) * step, true);
    } else { /* as evenly as can be */
        const uint64_t longer = pages % fences;
        add_groups(levels, (double)longer, pages / fences + 1, false);
        add_groups(levels, (double)(fences - longer), pages / fences, true);
    }
}

uint32_t theory_levels_most(const struct theory_index *index)
{
    const struct theory_batch one = {1, 1, 1, 1};
    struct theory_cost cost = {0};
    struct levels levels = {.index = index, .batch = &one, .cost = &cost};

    set_levels(&levels);
    return cost.levels;
}

/* ---------------------------------------------------------------- reads */

/* Pages, all fences known: neighbours that are asked for are read together, up to `limit` pages. A
 * read begins where a page is read and the one before it is not, and after each `limit` pages. */
static double merged_page_reads(const struct theory_index *index, const struct theory_batch *batch,
                                double probes)
{
    const double pages = (double)theory_pages(index->pairs, index->stride);
    const double limit = most(1, floor((double)index->read_most / THEORY_PAGE_SIZE));
    const double missed = 1 - least(1, (double)index->held / pages);
    const double share = least(1, probes / pages) * missed;

    if (missed <= 0)
        return 0;
    if (batch->run_length > 1) {
        const double entries = (double)THEORY_PAGE_SIZE / index->stride;
        const double further = (batch->run_length - 1) / entries;
        return least(probes, batch->runs * (1 + further / limit)) * missed;
    }
    if (share >= 1)
        return ceil(pages / limit);
    return pages * share * (1 - share) / (1 - pow(share, limit));
}

static void set_index_reads(const struct theory_index *index, const struct theory_batch *batch,
                            struct theory_cost *cost)
{
    const uint64_t pages = theory_pages(index->pairs, index->stride);
    const double held = pages > 0 ? least(1, (double)index->held / (double)pages) : 0;

    cost->index_reads = cost->probes;
    if (index->entry_probes)
        return;
    cost->cached = cost->probes * held;
    cost->index_reads = index->fences >= pages && pages > 0
                            ? merged_page_reads(index, batch, cost->probes)
                            : cost->probes - cost->cached;
    if (index->sums_on_disk)
        cost->index_reads *= 2;
}

/* Reads that one record takes by itself. */
static double reads_of_one(const struct theory_index *index, const struct theory_records *records)
{
    const double limit = most(index->read_most, THEORY_PAGE_SIZE);
    const double first = least(records->first_read, limit);

    if (records->bytes <= first)
        return 1;
    return 1 + (records->direct ? ceil((records->bytes - first) / limit) : 1);
}

/*
 * Records lie in random order, or the keys do: a share `dense` of all records is read, anywhere.
 * Two of them that follow each other share a read if less than a gap lies between them: if the next
 * is one of the `near` records behind. A read ends where none of those is read, or it is full.
 */
static void set_record_reads(const struct theory_index *index, const struct theory_records *records,
                             const struct theory_batch *batch, struct theory_cost *cost)
{
    const double limit = most(index->read_most, THEORY_PAGE_SIZE);
    const double single = reads_of_one(index, records);
    const double share = cost->records / most(1, batch->shards);
    const double dense = index->pairs > 0 ? least(1, share / (double)index->pairs) : 0;

    cost->record_reads = cost->records * single;
    if (single > 1 || records->bytes <= 0 || dense <= 0)
        return;
    if (records->in_key_order && batch->run_length > 1) {
        const double further = (batch->run_length - 1) * records->bytes;
        cost->record_reads = least(cost->records, batch->runs * (1 + further / limit));
        return;
    }
    const double near = floor((records->first_read + GAP_MOST) / records->bytes);
    const double alone = dense < 1 ? pow(1 - dense, near) : 0;
    if (alone >= 1)
        return;
    /* How far it is on average to the next one, if that is one of those near. */
    const double distance = 1 / dense - near * alone / (1 - alone);
    const double merged = cost->records * (1 - alone);
    cost->record_reads =
        least(cost->records, cost->records * alone + merged * distance * records->bytes / limit);
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
        ret_cost->probes_deviation += sqrt(most(0, levels.variance[level]));
    }
    const double runs = theory_distinct((double)index->pairs, batch->runs * batch->present);
    ret_cost->records = least((double)index->pairs, runs * batch->run_length);
    ret_cost->distinct = ret_cost->records + ret_cost->keys * (1 - batch->present);
    set_index_reads(index, batch, ret_cost);
    set_record_reads(index, records, batch, ret_cost);
}

/* ---------------------------------------------------------------- memory, time */

void theory_memory(uint64_t pairs, uint32_t stride, uint32_t words, uint64_t index_memory,
                   struct theory_memory *ret_memory)
{
    const uint64_t pages = theory_pages(pairs, stride);
    const uint64_t fence = (uint64_t)words * 8;
    uint64_t left = index_memory;

    *ret_memory = (struct theory_memory){.bytes_all = pages * (fence + SUM_BYTES)};
    if (pages == 0)
        return;
    ret_memory->sums_on_disk = pages * SUM_BYTES > left / 2;
    if (!ret_memory->sums_on_disk)
        left -= pages * SUM_BYTES;
    if (left < fence)
        return;
    ret_memory->step = (pages - 1) / (left / fence) + 1;
    ret_memory->fences = (pages - 1) / ret_memory->step + 1;
    left -= ret_memory->fences * fence;
    if (!ret_memory->sums_on_disk)
        ret_memory->held =
            (uint64_t)least((double)pages, floor((double)left / (THEORY_PAGE_SIZE + PLACE_BYTES)));
}

double theory_iops(const struct theory_device *device, double in_flight)
{
    return least(device->iops, in_flight / device->latency);
}

/* `reads` at once, of which `depth` may be in flight: no less than one takes. */
static double seconds_for(const struct theory_device *device, double reads, double depth)
{
    if (reads <= 0)
        return 0;
    return most(device->latency * least(1, reads),
                reads / theory_iops(device, most(1, least(reads, depth))));
}

struct theory_time theory_time(const struct theory_cost *cost, const struct theory_device *device,
                               double depth)
{
    const double per_probe = cost->probes > 0 ? cost->index_reads / cost->probes : 0;
    struct theory_time time = {0};
    double steps = least(1, cost->record_reads);

    time.by_level = seconds_for(device, cost->record_reads, depth);
    for (uint32_t level = 0; level < cost->levels; level++) {
        const double reads = cost->level[level] * per_probe;
        time.by_level += seconds_for(device, reads, depth);
        steps += least(1, reads);
    }
    const double reads = cost->index_reads + cost->record_reads;
    time.overlapped = most(steps * device->latency, seconds_for(device, reads, depth));
    return time;
}
