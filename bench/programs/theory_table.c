/* Prints the tables of docs/performance.md, in Markdown. */
#include "theory/theory.h"

#include <inttypes.h>
#include <stdio.h>

/* u64 keys, values of 100 bytes, and a device similar to that of RESULTS.md. */
#define STRIDE         16
#define WORDS          1
#define VALUE_SIZE     100
#define LEAF_SIZE      4096
#define DEFAULT_MEMORY (UINT64_C(64) << 20)
#define ALL            UINT64_MAX
#define DEPTH          256

static const struct theory_records records = {108, 108, false, true};
static const struct theory_records none_outside = {0, 0, true, true};
static const struct theory_device device = {.iops = 80000, .latency = 65e-6};

static struct theory_index arrival(uint64_t pairs)
{
    return (struct theory_index){.pairs = pairs, .stride = STRIDE, .max_read = 32 << 10};
}

static struct theory_index clustered(uint64_t pairs)
{
    struct theory_index index = arrival(pairs);

    index.leaves = theory_leaves(pairs, 8 * WORDS, VALUE_SIZE, LEAF_SIZE);
    index.leaf_size = LEAF_SIZE;
    return index;
}

/* An index with `memory` for caching it. */
static struct theory_index with_memory(struct theory_index index, uint64_t memory)
{
    struct theory_memory cache;

    theory_memory(&index, WORDS, memory, &cache);
    index.fences = cache.fences;
    index.cached_pages = cache.cached_pages;
    index.checksums_on_disk = cache.checksums_on_disk;
    return index;
}

/* An index of a store in arrival order; with `entries`, searched by entry probes. */
static struct theory_index index_with(uint64_t pairs, uint64_t memory, bool entries)
{
    struct theory_index index = with_memory(arrival(pairs), memory);

    index.entry_probes = entries;
    index.checksums_on_disk = !entries && index.checksums_on_disk;
    return index;
}

static struct theory_cost cost_of(const struct theory_index *index, double keys)
{
    struct theory_cost cost;

    theory_cost(index, index->leaves > 0 ? &none_outside : &records,
                &(struct theory_batch){keys, 1, 1, 1, false}, &cost);
    return cost;
}

static void print_bytes(double bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    int unit = 0;

    for (; bytes >= 1000 && unit < 4; unit++)
        bytes /= 1000;
    printf(" %.3g %s |", bytes, units[unit]);
}

static void print_shape(uint64_t pairs, int power)
{
    const struct theory_index entries = index_with(pairs, 0, true);
    struct theory_index none = index_with(pairs, 0, false);
    struct theory_memory all, standard;

    theory_memory(&none, WORDS, ALL, &all);
    theory_memory(&none, WORDS, DEFAULT_MEMORY, &standard);
    printf("| 10^%d |", power);
    print_bytes((double)pairs * STRIDE);
    printf(" %" PRIu64 " |", theory_pages(pairs, STRIDE));
    print_bytes((double)all.full_bytes);
    printf(" %.3f | %" PRIu64 " | %.0f %% |", (double)all.full_bytes / (double)pairs, standard.step,
           100.0 * (double)standard.cached_pages / (double)theory_pages(pairs, STRIDE));
    printf(" %u | %u |\n", theory_max_levels(&none), theory_max_levels(&entries));
}

/* Index reads per key, for single keys and batches. */
static void print_reads(uint64_t pairs, int power)
{
    const uint64_t memories[] = {0, DEFAULT_MEMORY};
    const double batches[] = {1, 1000, 100000};

    printf("| 10^%d |", power);
    for (int b = 0; b < 3; b++) {
        const struct theory_index entries = index_with(pairs, 0, true);
        printf(" %.2f |", cost_of(&entries, batches[b]).index_reads / batches[b]);
    }
    for (int m = 0; m < 2; m++)
        for (int b = 0; b < 3; b++) {
            struct theory_index index = index_with(pairs, memories[m], false);
            index.checksums_on_disk = index.checksums_on_disk && m == 1;
            printf(" %.2f |", cost_of(&index, batches[b]).index_reads / batches[b]);
        }
    printf("\n");
}

/* Microseconds per key, for single keys and for batches of 1,000 and 100,000. */
static void print_times(uint64_t pairs, int power)
{
    const struct theory_index ways[] = {index_with(pairs, 0, true), index_with(pairs, 0, false),
                                        index_with(pairs, DEFAULT_MEMORY, false)};
    struct theory_index fences = index_with(pairs, ALL, false), resident = fences;
    const double batches[] = {1, 1000, 100000};

    fences.cached_pages = 0;
    resident.cached_pages = theory_pages(pairs, STRIDE);
    printf("| 10^%d |", power);
    for (int way = 0; way < 5; way++) {
        struct theory_index index = way < 3 ? ways[way] : way == 3 ? fences : resident;
        if (way == 1)
            index.checksums_on_disk = false;
        for (int b = 0; b < 3; b++) {
            const struct theory_cost cost = cost_of(&index, batches[b]);
            printf("%s%.0f", b ? " / " : " ",
                   1e6 * theory_time(&cost, &device, DEPTH).overlapped / batches[b]);
        }
        printf(" |");
    }
    printf("\n");
}

/* Clustered stores: leaves, memory for their fences, reads and microseconds per key. */
static void print_clustered(uint64_t pairs, int power)
{
    const double batches[] = {1, 1000, 100000};
    const struct theory_index none = clustered(pairs);
    const struct theory_index standard = with_memory(none, DEFAULT_MEMORY);
    struct theory_index fences = with_memory(none, ALL);
    struct theory_memory all, usual;

    theory_memory(&none, WORDS, ALL, &all);
    theory_memory(&none, WORDS, DEFAULT_MEMORY, &usual);
    fences.cached_pages = 0;
    printf("| 10^%d | %" PRIu64 " |", power, none.leaves);
    print_bytes((double)all.full_bytes);
    print_bytes((double)all.rounded_bytes);
    printf(" %.2f | %" PRIu64 " | %.0f %% |", (double)all.rounded_bytes / (double)pairs, usual.step,
           100.0 * (double)usual.cached_pages / (double)none.leaves);
    for (int m = 0; m < 2; m++) {
        for (int b = 0; b < 3; b++)
            printf("%s%.2f", b ? " / " : " ",
                   cost_of(m ? &fences : &standard, batches[b]).index_reads / batches[b]);
        printf(" |");
    }
    for (int b = 0; b < 3; b++) {
        const struct theory_cost cost = cost_of(&fences, batches[b]);
        printf("%s%.0f", b ? " / " : " ",
               1e6 * theory_time(&cost, &device, DEPTH).overlapped / batches[b]);
    }
    printf(" |\n");
}

int main(void)
{
    static void (*const tables[])(uint64_t, int) = {print_shape, print_reads, print_times,
                                                    print_clustered};

    for (int t = 0; t < 4; t++) {
        uint64_t pairs = 10000;
        for (int power = 4; power <= 10; power++, pairs *= 10)
            tables[t](pairs, power);
        printf("\n");
    }
    return 0;
}
