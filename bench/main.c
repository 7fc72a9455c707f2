/* The benchmark program: parses options, then registers and runs the families. */
#include "data/dataset.h"
#include "disk/context.h"
#include "families/families.h"
#include "harness/harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_ALL_SKIPPED 77

static void help(void)
{
    printf("indexkv_bench: benchmarks of libindexkv\n\n"
           "  --data=DIR     directory of the data sets, which are created if missing\n"
           "                 (default: bench-data)\n"
           "  --pairs=N      pairs in the main data set (default: 10000000, which takes 2 GB\n"
           "                 of disk, and as much for each peer)\n"
           "  --key-size=N   of the resident and single benchmarks: 8 (u64) or 16 (byte\n"
           "                 strings); default: 8\n"
           "  --value-size=N likewise, at least 8 (default: 100)\n\n"
           "Exit status: 0 success, 1 a benchmark failed, 77 all were skipped.\n\n"
           "google-benchmark's own options:\n\n");
    bench_help();
}

static bool are_in_range(const struct options *options)
{
    return options->pairs >= 10000 && (options->key_size == 8 || options->key_size == 16) &&
           options->value_size >= DATASET_VALUE_MIN && options->value_size <= 1000000;
}

static int parse(int argc, char **argv, struct options *options)
{
    *options = (struct options){
        .data = "bench-data", .pairs = 10000000, .key_size = 8, .value_size = MAIN_VALUE_SIZE};
    for (int i = 1; i < argc; i++) {
        char *end = "";
        if (strncmp(argv[i], "--data=", 7) == 0)
            options->data = argv[i] + 7;
        else if (strncmp(argv[i], "--pairs=", 8) == 0)
            options->pairs = strtoull(argv[i] + 8, &end, 10);
        else if (strncmp(argv[i], "--key-size=", 11) == 0)
            options->key_size = (uint32_t)strtoul(argv[i] + 11, &end, 10);
        else if (strncmp(argv[i], "--value-size=", 13) == 0)
            options->value_size = (uint32_t)strtoul(argv[i] + 13, &end, 10);
        else
            end = argv[i];
        if (*end != '\0' || !are_in_range(options)) {
            (void)fprintf(stderr, "indexkv_bench: %s: unknown option, or value out of range\n",
                          argv[i]);
            return -1;
        }
    }
    return 0;
}

static void add_context(void *user, const char *name, const char *value)
{
    (void)user;
    bench_context(name, value);
}

int main(int argc, char **argv)
{
    struct bench_summary summary;
    struct options options;
    char pairs[32];

    bench_init(&argc, argv, help);
    if (parse(argc, argv, &options) != 0)
        return 2;
    context_find(options.data, add_context, NULL);
    (void)snprintf(pairs, sizeof pairs, "%" PRIu64, options.pairs);
    bench_context("pairs", pairs);
    cold_register(&options);
    warm_register(&options);
    plain_register(&options);
    resident_register(&options);
    resident_scaling_register(&options);
    mixed_register(&options);
    recovery_register(&options);
    start_register(&options);
    build_register(&options);
    scan_register(&options);
    layout_register(&options);
    match_register(&options);
    backends_register(&options);
    probes_register(&options);
    callers_register(&options);
    submit_register(&options);
    bench_run(&summary);
    if (summary.failed > 0 || summary.skipped > 0)
        (void)fprintf(stderr, "indexkv_bench: %u benchmarks, %u failed, %u skipped\n", summary.run,
                      summary.failed, summary.skipped);
    if (summary.failed > 0)
        return 1;
    return summary.run > 0 && summary.run == summary.skipped ? EXIT_ALL_SKIPPED : 0;
}
