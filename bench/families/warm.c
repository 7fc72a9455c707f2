/*
 * Warm: the whole file is in the page cache, so that processor time is measured.
 *
 *   warm/get_many/pread, /uring   batches
 *   warm/bare/pread, /uring       the same reads, without any other work
 *   warm/ratio/pread, /uring      both, alternating
 *
 * All fences are in memory, but no pages of the index, so that a batch makes the same reads
 * whenever it is repeated. The batches of a cycle use more memory than the processor's caches.
 */
#include "families/families.h"
#include "subjects/lookups.h"
#include "subjects/replay.h"

#define CYCLE_KEYS 64000

static struct lookups_options warm(const struct options *options, ikv_backend backend, size_t batch)
{
    return (struct lookups_options){.data = {.directory = options->data,
                                             .pairs = options->pairs,
                                             .value_size = MAIN_VALUE_SIZE},
                                    .backend = backend,
                                    .index = INDEX_FENCES,
                                    .threads = 1,
                                    .batch = batch,
                                    .cycle = CYCLE_KEYS / batch};
}

static void register_backend(const struct options *options, const char *const names[3],
                             ikv_backend backend)
{
    static const size_t sizes[] = {1, 16, 1000, 10000};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const struct bench_arg args[BENCH_ARGS_MAX] = {{"batch", (int64_t)sizes[i]}};
        const struct lookups_options lookups = warm(options, backend, sizes[i]);
        subject_register(names[0], args, lookups_new(&lookups));
        subject_register(names[1], args, replay_new(&lookups));
        subject_register_pair(names[2], args, lookups_new(&lookups), replay_new(&lookups));
    }
}

void warm_register(const struct options *options)
{
    static const char *const pread[3] = {"warm/get_many/pread", "warm/bare/pread",
                                         "warm/ratio/pread"};
    static const char *const uring[3] = {"warm/get_many/uring", "warm/bare/uring",
                                         "warm/ratio/uring"};

    register_backend(options, pread, IKV_BACKEND_PREAD);
    register_backend(options, uring, IKV_BACKEND_URING);
}
