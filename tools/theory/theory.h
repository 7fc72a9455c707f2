/*
 * A cost model of lookups: the expected number of probes and reads, memory, and time, computed from
 * the parameters of a store, a batch and a device. docs/performance.md derives the formulas. Pure
 * arithmetic: no store, no file, no allocation.
 */
#ifndef THEORY_H
#define THEORY_H

#include <stdbool.h>
#include <stdint.h>

#define THEORY_LEVELS    64
#define THEORY_PAGE_SIZE 4096

/* The index of a store, and the parts of it that are in memory. The pages of a clustered store are
 * its leaves, which contain the records. */
struct theory_index {
    uint64_t pairs;
    uint64_t leaves; /* clustered; otherwise 0 */
    double outside;  /* clustered: share of the records that are too long for a leaf */
    uint32_t stride;
    uint32_t leaf_size;
    uint64_t fences;        /* in memory, of evenly spaced pages */
    uint64_t cached_pages;  /* random pages */
    uint32_t max_read;      /* maximum bytes per read; 0: a page */
    bool rounded;           /* fences of all leaves are (theory_memory) */
    bool entry_probes;      /* a probe reads a single entry; nothing in memory is used */
    bool checksums_on_disk; /* each page read also reads the page's checksum */
};

/* The records that are read: if probes read leaves, only those outside the leaves are. */
struct theory_records {
    double bytes;      /* average record size, including the size field and the checksum */
    double first_read; /* bytes of the first read of a record */
    bool in_key_order;
    bool direct; /* reads of long records are split at max_read, like reads of pages */
};

/*
 * A batch: `runs` sequences of `run_length` adjacent keys, each starting at a random position of
 * the store. Random keys are runs of length 1; a sequential batch is a single run.
 */
struct theory_batch {
    double runs;
    double run_length;
    double present; /* share of keys in the store; the others are at random gaps between its keys */
    double shards;  /* parts that the sorted batch is split into; 0: one */
    bool ceiling;   /* absent keys are answered by the next key */
};

/* Expected values for one batch. */
struct theory_cost {
    double keys;
    double distinct;
    uint32_t levels;
    double level[THEORY_LEVELS]; /* probes by level */
    double probes;
    double probes_deviation; /* an upper bound on the standard deviation of `probes` */
    double cached;           /* probes of cached pages */
    double index_reads;
    double index_bytes; /* of the pages that are read */
    double records;
    double record_reads;
};

uint64_t theory_pages(uint64_t pairs, uint32_t stride);
/* Leaves of a clustered store whose values all have the same size. */
uint64_t theory_leaves(uint64_t pairs, uint32_t key_width, uint32_t value_size, uint32_t leaf_size);
/* The largest value that fits into a leaf. */
uint32_t theory_leaf_value_max(uint32_t key_width, uint32_t leaf_size);

/* Bytes of records and index, up to the trailer; the v2 index of a clustered store included. Values
 * all have the same size; in leaves (leaf_size; 0: arrival order) they must fit. */
uint64_t theory_data_bytes(uint64_t pairs, uint32_t key_width, uint32_t stride, uint32_t value_size,
                           uint32_t leaf_size);
/* Bytes of the trailer that grow with the pages of the index or the leaves: fences and checksums.
 */
uint64_t theory_trailer_bytes(uint64_t pages, uint32_t key_width, uint32_t leaf_size);

void theory_cost(const struct theory_index *index, const struct theory_records *records,
                 const struct theory_batch *batch, struct theory_cost *ret_cost);

/* The maximum number of probes for a single key. */
uint32_t theory_max_levels(const struct theory_index *index);

/* The expected number of distinct keys among `draws` random ones of `keys`: with a uniform
 * distribution, and with a Zipf distribution, where key i has a probability proportional to
 * i^-theta. */
double theory_distinct(double keys, double draws);
double theory_distinct_zipf(uint64_t keys, double theta, double draws);

/* What fits into `index_memory` bytes, for a store with a trailer whose keys have `words` words.
 * Leaves contain their own checksums. */
struct theory_memory {
    uint64_t fences;
    uint64_t step;          /* every step-th page has a fence in memory; 0: none */
    bool checksums_on_disk; /* there is no room for the checksums of pages */
    uint64_t cached_pages;  /* pages that fit besides the fences and checksums */
    uint64_t full_bytes;    /* memory for all fences and checksums */
    uint64_t rounded_bytes; /* leaves: memory for all fences, rounded */
    bool is_rounded;        /* they are, because all full ones do not fit */
};
void theory_memory(const struct theory_index *index, uint32_t words, uint64_t index_memory,
                   struct theory_memory *ret_memory);

struct theory_device {
    double iops;    /* maximum reads per second, at a sufficient depth */
    double latency; /* seconds per read at depth 1 */
};

/* Reads per second at a given number of reads in flight. */
double theory_iops(const struct theory_device *device, double in_flight);

/* Seconds for the reads of a batch at a given depth. */
struct theory_time {
    double overlapped; /* lower bound: all independent reads overlap */
    double by_level;   /* upper bound: each level waits for the one above */
};
struct theory_time theory_time(const struct theory_cost *cost, const struct theory_device *device,
                               double depth);

#endif
