/*
 * Layout: clustered stores against stores in the order of arrival, with the same pairs,
 * alternating.
 *
 *   layout/cold/...     batches with O_DIRECT, one worker with a ring, the default index_memory
 *   layout/device/...   the same batches against rounds of as many plain reads of a leaf
 *   layout/get/...      single keys with O_DIRECT
 *   layout/warm/...     batches in memory, one thread; files in large folios
 *   layout/absent/...   batches of absent keys with O_DIRECT, with and without a filter
 *   layout/mapped       batches in memory, for the size of the index in memory
 *
 * items_ratio is lookups per second over those of the other store, item_cpu_ratio processor time
 * per key over that of the other.
 */
#include "data/key_pool.h"
#include "families/families.h"
#include "peers/peer_indexkv.h"
#include "peers/peer_lookups.h"
#include "subjects/lookups.h"
#include "subjects/raw.h"

#include <stdio.h>

#define DEPTH 256
#define BATCH 1000

static struct dataset data_of(const struct options *options, ikv_layout layout)
{
    return (struct dataset){.directory = options->data,
                            .pairs = options->pairs,
                            .value_size = MAIN_VALUE_SIZE,
                            .layout = layout};
}

static struct subject *cold(const struct options *options, ikv_layout layout, size_t batch)
{
    return lookups_new(
        &(struct lookups_options){.data = data_of(options, layout),
                                  .backend = batch == 1 ? IKV_BACKEND_PREAD : IKV_BACKEND_URING,
                                  .direct = true,
                                  .index = INDEX_DEFAULT,
                                  .threads = 1,
                                  .depth = DEPTH,
                                  .batch = batch});
}

static struct subject *raw(const struct options *options, unsigned depth, uint64_t round)
{
    return raw_new(&(struct raw_options){
        .data = data_of(options, IKV_LAYOUT_CLUSTERED), .depth = depth, .wait = 1, .round = round});
}

static struct subject *warm(const struct options *options, ikv_layout layout,
                            enum key_choice choice)
{
    const struct dataset data = data_of(options, layout);

    return peer_batches_new(peer_indexkv_new(&data, IKV_BACKEND_AUTO, 1),
                            key_pool_new(&data, choice, BATCH), BATCH);
}

static void register_cold(const struct options *options)
{
    static const size_t sizes[] = {16, 100, 1000, 10000};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const struct bench_arg args[BENCH_ARGS_MAX] = {{"batch", (int64_t)sizes[i]}};
        subject_register_pair("layout/cold", args, cold(options, IKV_LAYOUT_CLUSTERED, sizes[i]),
                              cold(options, IKV_LAYOUT_ARRIVAL, sizes[i]));
        subject_register_pair("layout/device", args, cold(options, IKV_LAYOUT_CLUSTERED, sizes[i]),
                              raw(options, DEPTH, sizes[i]));
    }
    subject_register_pair("layout/get", NULL, cold(options, IKV_LAYOUT_CLUSTERED, 1),
                          cold(options, IKV_LAYOUT_ARRIVAL, 1));
}

static void register_warm(const struct options *options)
{
    static const struct {
        const char *name;
        enum key_choice choice;
    } choices[] = {{"layout/warm/uniform", KEYS_UNIFORM},
                   {"layout/warm/zipf", KEYS_ZIPF},
                   {"layout/warm/runs", KEYS_CLUSTERED},
                   {"layout/warm/sequential", KEYS_SEQUENTIAL},
                   {"layout/warm/absent", KEYS_HALF_ABSENT}};

    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
        subject_register_pair(choices[i].name, NULL,
                              warm(options, IKV_LAYOUT_CLUSTERED, choices[i].choice),
                              warm(options, IKV_LAYOUT_ARRIVAL, choices[i].choice));
}

static struct lookups_options absent(const struct options *options, uint32_t filter_bits)
{
    struct lookups_options lookups = {.data = data_of(options, IKV_LAYOUT_CLUSTERED),
                                      .backend = IKV_BACKEND_URING,
                                      .direct = true,
                                      .threads = 1,
                                      .depth = DEPTH,
                                      .batch = BATCH,
                                      .absent = true};

    lookups.data.filter_bits = filter_bits;
    return lookups;
}

static void register_memory(const struct options *options)
{
    const struct lookups_options plain = absent(options, 0);
    const struct lookups_options filtered = absent(options, 8);
    const struct lookups_options mapped = {.data = data_of(options, IKV_LAYOUT_CLUSTERED),
                                           .backend = IKV_BACKEND_AUTO,
                                           .threads = 1,
                                           .batch = BATCH};

    subject_register("layout/absent/none", NULL, lookups_new(&plain));
    subject_register("layout/absent/filter8", NULL, lookups_new(&filtered));
    subject_register("layout/mapped", NULL, lookups_new(&mapped));
}

void layout_register(const struct options *options)
{
    register_cold(options);
    register_warm(options);
    register_memory(options);
}
