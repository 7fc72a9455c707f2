/*
 * What lookups must cost: expected numbers of probes and reads, memory, and time, computed from the
 * shape of a store, of a batch, and of a device. docs/performance.md derives what is computed here.
 * Pure arithmetic: no store, no file, no allocation.
 */
#ifndef THEORY_H
#define THEORY_H

#include <stdbool.h>
#include <stdint.h>

#define THEORY_LEVELS    64
#define THEORY_PAGE_SIZE 4096

/* The index of a store, and what is kept of it in memory. */
struct theory_index {
    uint64_t pairs;
    uint32_t stride;
    bool entry_probes;  /* a probe reads one entry, and nothing kept in memory is used */
    uint64_t fences;    /* pages whose first key is known, evenly spread */
    uint64_t held;      /* pages in memory, any of them as likely as any other */
    bool sums_on_disk;  /* pages have checksums, which are read beside them */
    uint32_t read_most; /* most bytes of one read; 0: a page */
};

struct theory_records {
    double bytes;      /* that a record takes on average, size field and checksum included */
    double first_read; /* bytes that are read of it at first */
    bool in_key_order;
    bool direct; /* reads of long records are cut as reads of pages are */
};

/*
 * A batch: `runs` runs of `run_length` neighbours each, that begin anywhere in the store. Random
 * keys are runs of one, a sequential batch is one run.
 */
struct theory_batch {
    double runs;
    double run_length;
    double present; /* share of keys that the store has; the others lie anywhere between its keys */
    double shards;  /* pieces that the sorted batch is cut into; 0: one */
};

/* For one batch. */
struct theory_cost {
    double keys;
    double distinct;
    uint32_t levels;
    double level[THEORY_LEVELS]; /* expected probes */
    double probes;
    double probes_deviation; /* at least the standard deviation of `probes` */
    double cached;           /* probes answered from memory */
    double index_reads;
    double records;
    double record_reads;
};

uint64_t theory_pages(uint64_t pairs, uint32_t stride);

void theory_cost(const struct theory_index *index, const struct theory_records *records,
                 const struct theory_batch *batch, struct theory_cost *ret_cost);

/* The most probes that a single key can take. */
uint32_t theory_levels_most(const struct theory_index *index);

/* Different keys among `draws` of `keys` that are drawn with equal chances; and with Zipf's: the
 * i-th with a chance in proportion to i^-theta. */
double theory_distinct(double keys, double draws);
double theory_distinct_zipf(uint64_t keys, double theta, double draws);

/* What `index_memory` bytes hold of an index of ours whose keys take `words` words. */
struct theory_memory {
    uint64_t fences;
    uint64_t step;      /* every step-th page's first key is one of them; 0: none are */
    bool sums_on_disk;  /* there was no room for the checksums of pages */
    uint64_t held;      /* pages that there is room for besides */
    uint64_t bytes_all; /* that all fences and checksums take */
};
void theory_memory(uint64_t pairs, uint32_t stride, uint32_t words, uint64_t index_memory,
                   struct theory_memory *ret_memory);

struct theory_device {
    double iops;    /* reads a second with enough of them in flight */
    double latency; /* seconds for one that is alone */
};

/* Reads a second with so many in flight. */
double theory_iops(const struct theory_device *device, double in_flight);

/* Seconds that the device needs for a batch with `depth` reads in flight: at least, if all reads
 * overlap that may; and at most, if each level waits for the one above. */
struct theory_time {
    double overlapped;
    double by_level;
};
struct theory_time theory_time(const struct theory_cost *cost, const struct theory_device *device,
                               double depth);

#endif
