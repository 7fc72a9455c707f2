/* The families of benchmarks; README.md describes them. */
#ifndef BENCH_FAMILIES_H
#define BENCH_FAMILIES_H

#include "families/options.h"

/* The value size of the main data set. */
#define MAIN_VALUE_SIZE 100

void cold_register(const struct options *options);
void warm_register(const struct options *options);
void plain_register(const struct options *options);
void resident_register(const struct options *options);
void resident_scaling_register(const struct options *options);
void mixed_register(const struct options *options);
void recovery_register(const struct options *options);
void start_register(const struct options *options);
void build_register(const struct options *options);
void layout_register(const struct options *options);
void match_register(const struct options *options);
void scan_register(const struct options *options);
void backends_register(const struct options *options);
void probes_register(const struct options *options);
void callers_register(const struct options *options);
void submit_register(const struct options *options);

#endif
