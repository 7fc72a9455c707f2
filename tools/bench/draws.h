/*
 * Keys for measuring lookups in somebody's store: drawn from all of its keys, whatever their type
 * and however many there are.
 *
 * A draw is a rank, a number of the key in the order of keys; the key is read from the file, where
 * the index has it (FORMAT.md): one read of a few bytes, and every key is as likely as another
 * however unevenly they lie. That takes time and memory for the draws alone. An absent key is one
 * between two that follow each other in the index.
 *
 * What is read here is not verified. It does not matter: the lookups are, and a key that was taken
 * for present and is not found ends the measurement.
 */
#ifndef DRAWS_H
#define DRAWS_H

#include <indexkv.h>
#include <stddef.h>
#include <stdint.h>

enum distribution {
    DISTRIBUTION_UNIFORM,
    DISTRIBUTION_ZIPF, /* the i-th most frequent key in proportion to i^-theta; which it is, is
                          chance: the frequent ones lie all over the store */
    DISTRIBUTION_SEQUENTIAL, /* in order, from a random one on */
    DISTRIBUTION_CLUSTERED   /* runs of neighbours, in order, from random ones on */
};
/* For option_choice. */
#define DISTRIBUTION_CHOICES "uniform|zipf|sequential|clustered"

struct draws_options {
    enum distribution distribution;
    double theta;
    uint64_t run_length; /* of clustered draws */
    double present;      /* share of keys that the store has */
    uint64_t seed;
    uint64_t count;
    double seconds; /* give up after so long, with at least `enough` of them */
    uint64_t enough;
};

/* Keys in host byte order, in the order in which they are to be asked for. */
struct draws {
    unsigned char *keys;    /* of `width` bytes each */
    unsigned char *present; /* 1: the store has it */
    size_t width;
    uint64_t count; /* fewer than asked for if the time was up */
};

/* Draw from the store at `path`, which `info` describes. Returns an exit status, mistakes being
 * reported; draws_free is allowed in any case. */
int draws_make(struct draws *draws, const char *path, const ikv_info *info,
               const struct draws_options *options);
void draws_free(struct draws *draws);

/* ---------------------------------------------------------------- random numbers */

/* splitmix64: a seed gives the same numbers everywhere. */
struct random {
    uint64_t state;
};
uint64_t random_next(struct random *random);
/* 0 to below - 1 with equal chances, below > 0. */
uint64_t random_below(struct random *random, uint64_t below);
/* 0 <= share < 1 */
double random_share(struct random *random);

/* Zipf's distribution over 1..count. */
struct zipf {
    double theta, count;
    double least, most, shortcut;
};
void zipf_init(struct zipf *zipf, uint64_t count, double theta);
uint64_t zipf_draw(const struct zipf *zipf, struct random *random);

/* A permutation of 0..count-1 that depends on the seed: where `number` goes. */
uint64_t scatter(uint64_t number, uint64_t count, uint64_t seed);

#endif
