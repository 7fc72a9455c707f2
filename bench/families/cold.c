/*
 * Cold: every read comes from the device, since O_DIRECT bypasses the page cache.
 *
 *   cold/get_many/...   batches on one worker with a ring, 256 reads in flight
 *   cold/get/pread      single keys
 *   cold/raw/...        rounds of plain reads of 4 KiB, at various depths and lengths
 *   cold/ratio/...      batches and rounds of plain reads, alternating. short_rounds: as many reads
 *                       as the batch makes, which shows the overhead of the library. ceiling: long
 *                       rounds, which show how well a batch uses the device.
 */
#include "families/families.h"
#include "subjects/lookups.h"
#include "subjects/raw.h"

#define DEPTH 256

/* Reads of a round that is so long that its start and end don't matter. */
#define ROUND_LONG 10240

static struct dataset main_set(const struct options *options)
{
    return (struct dataset){
        .directory = options->data, .pairs = options->pairs, .value_size = MAIN_VALUE_SIZE};
}

static struct subject *batches(const struct options *options, enum index_budget index, size_t batch,
                               uint32_t flags)
{
    return lookups_new(&(struct lookups_options){.data = main_set(options),
                                                 .backend = IKV_BACKEND_URING,
                                                 .direct = true,
                                                 .index = index,
                                                 .threads = 1,
                                                 .depth = DEPTH,
                                                 .batch = batch,
                                                 .flags = flags});
}

static struct subject *single_keys(const struct options *options)
{
    return lookups_new(&(struct lookups_options){.data = main_set(options),
                                                 .backend = IKV_BACKEND_PREAD,
                                                 .direct = true,
                                                 .index = INDEX_FENCES,
                                                 .threads = 1,
                                                 .batch = 1});
}

static struct subject *raw(const struct options *options, unsigned depth, unsigned wait,
                           uint64_t round)
{
    return raw_new(&(struct raw_options){
        .data = main_set(options), .depth = depth, .wait = wait, .round = round});
}

/* `reads`: of a batch, per key. */
static void register_index(const struct options *options, const char *const names[3],
                           enum index_budget index, unsigned reads)
{
    static const size_t sizes[] = {1000, 10000};

    for (int i = 0; i < 2; i++) {
        const struct bench_arg args[BENCH_ARGS_MAX] = {{"batch", (int64_t)sizes[i]}};
        subject_register(names[0], args, batches(options, index, sizes[i], 0));
        subject_register_pair(names[1], args, batches(options, index, sizes[i], 0),
                              raw(options, DEPTH, 1, reads * sizes[i]));
        subject_register_pair(names[2], args, batches(options, index, sizes[i], 0),
                              raw(options, DEPTH, 1, ROUND_LONG));
    }
}

static void register_raw(const struct options *options)
{
    static const struct {
        unsigned depth;
        unsigned wait;
        uint64_t round;
    } loops[] = {{1, 1, 64},
                 {16, 1, 1024},
                 {DEPTH, 1, 2000},
                 {DEPTH, 1, ROUND_LONG},
                 {DEPTH, 16, ROUND_LONG}};

    for (size_t i = 0; i < sizeof loops / sizeof loops[0]; i++) {
        const struct bench_arg args[BENCH_ARGS_MAX] = {
            {"depth", loops[i].depth}, {"wait", loops[i].wait}, {"round", (int64_t)loops[i].round}};
        subject_register("cold/raw/ring", args,
                         raw(options, loops[i].depth, loops[i].wait, loops[i].round));
    }
    subject_register("cold/raw/pread", NULL, raw(options, 0, 0, 64));
}

void cold_register(const struct options *options)
{
    static const char *const fences[3] = {"cold/get_many/fences", "cold/ratio/fences/short_rounds",
                                          "cold/ratio/fences/ceiling"};
    static const char *const resident[3] = {"cold/get_many/resident",
                                            "cold/ratio/resident/short_rounds",
                                            "cold/ratio/resident/ceiling"};

    register_index(options, fences, INDEX_FENCES, 2);
    register_index(options, resident, INDEX_ALL, 1);
    subject_register("cold/get/pread", NULL, single_keys(options));
    subject_register_pair("cold/ratio/get", NULL, single_keys(options), raw(options, 1, 1, 2));
    register_raw(options);
}
