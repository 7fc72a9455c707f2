/*
 * The search, by fields of ikv_get_options.
 *
 *   probes/page, probes/entry   probes per key for 1,000 keys without an index in memory, in a data
 *                               set of a tenth of the pairs. The Rust crate uses entry probes.
 *   cold/barrier                cold/get_many/fences, each level waits for the previous one
 *   cold/latency                the same without the barrier: latency of the reads
 *   workers/...                 warm batches with one worker, and with two
 *   workers/ratio/...           the two alternating: the rate with two divided by that with one
 */
#include "families/families.h"
#include "subjects/lookups.h"

static struct dataset main_set(const struct options *options)
{
    return (struct dataset){
        .directory = options->data, .pairs = options->pairs, .value_size = MAIN_VALUE_SIZE};
}

static void register_probes(const struct options *options)
{
    static const struct {
        const char *name;
        ikv_probe probe;
    } ways[] = {{"probes/page", IKV_PROBE_PAGE}, {"probes/entry", IKV_PROBE_ENTRY}};
    const struct dataset data = {
        .directory = options->data, .pairs = options->pairs / 10, .value_size = DATASET_VALUE_MIN};
    const struct bench_arg args[BENCH_ARGS_MAX] = {{"batch", 1000}};

    for (int i = 0; i < 2; i++)
        subject_register(ways[i].name, args,
                         lookups_new(&(struct lookups_options){.data = data,
                                                               .backend = IKV_BACKEND_PREAD,
                                                               .index = INDEX_NONE,
                                                               .threads = 1,
                                                               .batch = 1000,
                                                               .probe = ways[i].probe}));
}

static void register_flags(const struct options *options)
{
    static const struct {
        const char *name;
        uint32_t flags;
    } ways[] = {{"cold/barrier", IKV_GET_BARRIER}, {"cold/latency", IKV_GET_LATENCY}};
    const struct bench_arg args[BENCH_ARGS_MAX] = {{"batch", 1000}};

    for (int i = 0; i < 2; i++)
        subject_register(ways[i].name, args,
                         lookups_new(&(struct lookups_options){.data = main_set(options),
                                                               .backend = IKV_BACKEND_URING,
                                                               .direct = true,
                                                               .index = INDEX_FENCES,
                                                               .threads = 1,
                                                               .batch = 1000,
                                                               .flags = ways[i].flags}));
}

static struct subject *with_workers(const struct options *options, ikv_backend backend,
                                    uint32_t workers)
{
    return lookups_new(&(struct lookups_options){.data = main_set(options),
                                                 .backend = backend,
                                                 .index = INDEX_FENCES,
                                                 .threads = workers,
                                                 .batch = 10000});
}

static void register_workers(const struct options *options)
{
    static const struct {
        ikv_backend backend;
        const char *name;
        const char *ratio;
    } ways[] = {{IKV_BACKEND_PREAD, "workers/pread", "workers/ratio/pread"},
                {IKV_BACKEND_URING, "workers/uring", "workers/ratio/uring"}};

    for (int i = 0; i < 2; i++) {
        for (uint32_t workers = 1; workers <= 2; workers++) {
            const struct bench_arg args[BENCH_ARGS_MAX] = {{"workers", workers}};
            subject_register(ways[i].name, args, with_workers(options, ways[i].backend, workers));
        }
        subject_register_pair(ways[i].ratio, NULL, with_workers(options, ways[i].backend, 2),
                              with_workers(options, ways[i].backend, 1));
    }
}

void probes_register(const struct options *options)
{
    register_probes(options);
    register_flags(options);
    register_workers(options);
}
