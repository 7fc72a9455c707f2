/*
 * Keys to look up, drawn at random from the keys of any store.
 *
 * A draw is a rank, the position of a key in key order. The key is read from the file
 * (stored_keys.h), which costs one small read per draw, however large the store. Absent keys are
 * chosen from the gap between two consecutive keys.
 *
 * What is read is not verified. The lookups verify it: a drawn key that is not found ends the
 * measurement.
 */
#ifndef DRAWS_H
#define DRAWS_H

#include <indexkv.h>
#include <stddef.h>
#include <stdint.h>

enum distribution {
    DISTRIBUTION_UNIFORM,
    DISTRIBUTION_ZIPF,       /* the i-th most frequent key in proportion to i^-theta; frequent keys
                                are spread over the whole store */
    DISTRIBUTION_SEQUENTIAL, /* in key order, starting at a random key */
    DISTRIBUTION_CLUSTERED   /* runs of consecutive keys, each starting at a random key */
};
/* For option_choice. */
#define DISTRIBUTION_CHOICES "uniform|zipf|sequential|clustered"

struct draws_options {
    enum distribution distribution;
    double theta;
    uint64_t run_length; /* of clustered draws */
    double present;      /* share of keys that are in the store */
    uint64_t seed;
    uint64_t count;
    double seconds; /* stop after this time, if there are min_count draws */
    uint64_t min_count;
};

/* Keys in host byte order, in the order to look them up. */
struct draws {
    unsigned char *keys;    /* of `width` bytes each */
    unsigned char *present; /* 1: the key is in the store */
    size_t width;
    uint64_t count; /* fewer than requested if the time limit was reached */
};

/* Draw from the store at `path`, which `info` describes. Returns an exit status, after reporting
 * errors; draws_free must be called in any case. */
int draws_make(struct draws *draws, const char *path, const ikv_info *info,
               const struct draws_options *options);
void draws_free(struct draws *draws);

/* ---------------------------------------------------------------- random numbers */

/* splitmix64: the same numbers on every system. */
struct random {
    uint64_t state;
};
uint64_t random_next(struct random *random);
/* Uniform in 0..below-1; below > 0. */
uint64_t random_below(struct random *random, uint64_t below);
/* 0 <= share < 1 */
double random_share(struct random *random);

/* Zipf's distribution over 1..count. */
struct zipf {
    double theta, count;
    double area_min, area_max, shortcut;
};
void zipf_init(struct zipf *zipf, uint64_t count, double theta);
uint64_t zipf_draw(const struct zipf *zipf, struct random *random);

/* The image of `number` under a pseudo-random permutation of 0..count-1. */
uint64_t scatter(uint64_t number, uint64_t count, uint64_t seed);

#endif
