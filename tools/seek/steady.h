/*
 * Whether a device has reached a steady state: the rule of SNIA's Solid State Storage Performance
 * Test Specification, for one metric in the last five rounds. Their range is at most 20 % of their
 * average, and the line fitted to them (least squares) rises or falls by at most 10 % of it.
 */
#ifndef STEADY_H
#define STEADY_H

#include <stdbool.h>
#include <stddef.h>

enum {
    STEADY_ROUNDS = 5,     /* the measurement window */
    STEADY_ROUNDS_MAX = 25 /* after which the specification gives up */
};

struct steadiness {
    double range; /* greatest minus least, as a share of the average */
    double drift; /* rise of the fitted line from the first round to the last, likewise; >= 0 */
};

/* Whether the last STEADY_ROUNDS of the samples are steady. False if there are fewer, or if their
 * average is not positive; `ret_steadiness` is then zero. It may be NULL. */
bool steady_state(const double *samples, size_t count, struct steadiness *ret_steadiness);

#endif
