#include "subjects/lookups.h"
#include "subjects/engines.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Per index page: a u64 fence and a u32 checksum. */
#define INDEX_BYTES_PER_PAGE 12

#define PRELOAD_BATCH      4096
#define PRELOAD_PASSES_MAX 4 /* at least two are made, since pages may be cached on second use */

struct lookups {
    struct subject subject;
    struct lookups_options options;
    char path[PATH_MAX];
    ikv_engine *engine;
    ikv_store *store;
    ikv_info info;
    ikv_result *result;
    uint64_t next; /* number of the next key, counted from the first step */
    uint64_t *keys;
    uint64_t *numbers; /* of their pairs */
    ikv_stats total;   /* since the last report */
};

/* ---------------------------------------------------------------- opening */

bool lookups_is_unavailable(int code)
{
    return code == IKV_E_UNSUPPORTED || code == -ENOSYS || code == -EPERM || code == -EINVAL ||
           code == -EOPNOTSUPP || code == -ENOMEM;
}

static int open_store(struct lookups *lookups, uint64_t index_memory, struct bench_error *error)
{
    const struct lookups_options *options = &lookups->options;
    ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
    ikv_error err = {.message = "?"};

    open.key_type = IKV_KEY_U64;
    open.backend = options->backend;
    open.flags = options->direct ? IKV_OPEN_DIRECT : 0;
    open.index_memory = index_memory;
    open.engine = lookups->engine;
    const int code = ikv_open(lookups->path, &open, &lookups->store, &err);
    if (code < 0)
        return bench_error_set(error, lookups_is_unavailable(code) ? BENCH_SKIPPED : BENCH_FAILED,
                               "%s", err.message);
    ikv_store_info(lookups->store, &lookups->info);
    return BENCH_OK;
}

static uint64_t index_memory(const struct lookups *lookups)
{
    switch (lookups->options.index) {
    case INDEX_NONE:
        return 1;
    case INDEX_FENCES:
        return lookups->info.index_pages * INDEX_BYTES_PER_PAGE;
    case INDEX_ALL: /* twice the page size covers the overhead of a cached page */
        return lookups->info.index_pages * (INDEX_BYTES_PER_PAGE + 2 * lookups->info.page_size);
    default:
        return 0;
    }
}

static int open_with_budget(struct lookups *lookups, struct bench_error *error)
{
    int code = open_store(lookups, 1, error);

    if (code == BENCH_OK) { /* reopen, now that the number of pages is known */
        ikv_close(lookups->store);
        lookups->store = NULL;
        code = open_store(lookups, index_memory(lookups), error);
    }
    if (code == BENCH_OK && lookups->options.index == INDEX_FENCES &&
        lookups->info.fences != lookups->info.index_pages)
        code = bench_error_set(error, BENCH_FAILED, "%" PRIu64 " fences of %" PRIu64 " in memory",
                               lookups->info.fences, lookups->info.index_pages);
    return code;
}

/* Reads the first key of an index page from the file. */
static int first_key(int fd, const ikv_info *info, uint64_t page, uint64_t *ret_key)
{
    const uint64_t entry = (page * info->page_size + info->stride - 1) / info->stride;
    unsigned char bytes[8];

    if (pread(fd, bytes, sizeof bytes, (off_t)(info->index_start + entry * info->stride)) !=
        (ssize_t)sizeof bytes)
        return -1;
    *ret_key = 0;
    for (int i = 7; i >= 0; i--)
        *ret_key = *ret_key << 8 | bytes[i];
    return 0;
}

/* Looks up a key of every page. */
static int preload_pass(struct lookups *lookups, int fd, struct bench_error *error)
{
    uint64_t keys[PRELOAD_BATCH];
    ikv_error err;

    for (uint64_t page = 0; page < lookups->info.index_pages;) {
        size_t n = 0;
        while (n < PRELOAD_BATCH && page < lookups->info.index_pages) {
            if (first_key(fd, &lookups->info, page++, &keys[n++]) != 0)
                return bench_error_set(error, BENCH_FAILED, "%s: %s", lookups->path,
                                       strerror(errno));
        }
        if (ikv_get_many(lookups->store, keys, n, NULL, lookups->result, &err) < 0)
            return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    }
    return BENCH_OK;
}

static int preload(struct lookups *lookups, struct bench_error *error)
{
    const int fd = open(lookups->path, O_RDONLY | O_CLOEXEC);
    uint64_t before = 0;
    int code = BENCH_OK;

    if (fd < 0)
        return bench_error_set(error, BENCH_FAILED, "%s: %s", lookups->path, strerror(errno));
    for (int pass = 0; pass < PRELOAD_PASSES_MAX && code == BENCH_OK; pass++) {
        code = preload_pass(lookups, fd, error);
        ikv_store_info(lookups->store, &lookups->info);
        if (pass > 0 && lookups->info.cached_pages == before)
            break;
        before = lookups->info.cached_pages;
    }
    (void)close(fd);
    return code;
}

static int lookups_open(struct subject *subject, struct bench_error *error)
{
    struct lookups *lookups = (struct lookups *)subject;
    const struct lookups_options *options = &lookups->options;
    ikv_error err = {.message = "out of memory"};

    int code = dataset_ensure(&options->data, lookups->path, sizeof lookups->path, error);
    if (code != BENCH_OK)
        return code;
    lookups->keys = malloc(options->batch * sizeof *lookups->keys);
    lookups->numbers = malloc(options->batch * sizeof *lookups->numbers);
    if (!lookups->keys || !lookups->numbers || ikv_result_new(&lookups->result) < 0 ||
        engines_open(options->threads, options->depth, &lookups->engine, &err) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    code = open_with_budget(lookups, error);
    if (code == BENCH_OK && options->index == INDEX_ALL)
        code = preload(lookups, error);
    if (code == BENCH_OK && !options->direct)
        code = dataset_warm(lookups->path, error);
    return code;
}

static void lookups_close(struct subject *subject)
{
    struct lookups *lookups = (struct lookups *)subject;

    ikv_result_free(lookups->result);
    ikv_close(lookups->store);
    engines_close(lookups->engine);
    free(lookups->keys);
    free(lookups->numbers);
    free(lookups);
}

/* ---------------------------------------------------------------- a step */

static void choose_keys(struct lookups *lookups)
{
    const struct lookups_options *options = &lookups->options;

    if (options->cycle && lookups->next == options->cycle * options->batch)
        lookups->next = 0;
    for (size_t i = 0; i < options->batch; i++) {
        lookups->numbers[i] = dataset_key(~lookups->next++) % options->data.pairs;
        if (options->absent)
            lookups->numbers[i] += options->data.pairs;
        lookups->keys[i] = dataset_key(lookups->numbers[i]) + (options->match == IKV_FLOOR) -
                           (options->match == IKV_CEILING);
    }
}

static int look_up(struct lookups *lookups, ikv_error *err)
{
    const struct lookups_options *options = &lookups->options;
    ikv_get_options get = IKV_GET_OPTIONS_INIT;

    get.probe = options->probe;
    get.match = options->match;
    get.flags = options->flags;
    if (options->batch == 1)
        return ikv_get(lookups->store, lookups->keys, &get, lookups->result, err);
    return ikv_get_many(lookups->store, lookups->keys, options->batch, &get, lookups->result, err);
}

static bool is_answer(const struct lookups *lookups, size_t i)
{
    const ikv_item *item = &ikv_result_items(lookups->result)[i];

    return lookups->options.absent
               ? item->status == IKV_MISSING
               : dataset_is_answer(&lookups->options.data, lookups->numbers[i], item);
}

static int lookups_step(struct subject *subject, struct step *ret_step, struct bench_error *error)
{
    struct lookups *lookups = (struct lookups *)subject;
    ikv_error err;

    choose_keys(lookups);
    const struct stopwatch start = stopwatch_start();
    const int code = look_up(lookups, &err);
    ret_step->spent = stopwatch_stop(&start);
    if (code < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    for (size_t i = 0; i < lookups->options.batch; i++) {
        if (!is_answer(lookups, i))
            return bench_error_set(error, BENCH_FAILED, "wrong answer for key %" PRIu64,
                                   lookups->keys[i]);
    }
    const ikv_stats *stats = ikv_result_stats(lookups->result);
    ikv_stats_add(&lookups->total, stats);
    ret_step->items = lookups->options.batch;
    ret_step->reads = stats->index_reads + stats->record_reads;
    ret_step->bytes = stats->index_bytes + stats->record_bytes;
    ret_step->calls = stats->system_calls;
    return BENCH_OK;
}

/* ---------------------------------------------------------------- reporting */

static void report_index(const struct lookups *lookups, struct bench_state *state)
{
    ikv_info info;

    ikv_store_info(lookups->store, &info);
    /* Those of the store as it was opened, without what lookups have added. */
    bench_counter(state, "index_bytes_per_pair",
                  (double)lookups->info.index_memory / (double)lookups->info.pair_count,
                  BENCH_VALUE);
    bench_counter(state, "filter_bits_per_pair",
                  8 * (double)lookups->info.filter_memory / (double)lookups->info.pair_count,
                  BENCH_VALUE);
    bench_counter(state, "index_memory", (double)info.index_memory, BENCH_VALUE);
    bench_counter(state, "resident_pages",
                  (double)info.cached_pages / (double)(info.index_pages ? info.index_pages : 1),
                  BENCH_VALUE);
}

static void lookups_report(struct subject *subject, struct bench_state *state)
{
    struct lookups *lookups = (struct lookups *)subject;
    const ikv_stats *total = &lookups->total;

    if (state) {
        bench_counter(state, "index_reads_per_item", (double)total->index_reads, BENCH_PER_ITEM);
        bench_counter(state, "record_reads_per_item", (double)total->record_reads, BENCH_PER_ITEM);
        bench_counter(state, "probes_per_item", (double)total->probes, BENCH_PER_ITEM);
        bench_counter(state, "cached_per_item", (double)total->cached, BENCH_PER_ITEM);
        bench_counter(state, "levels", (double)total->levels, BENCH_VALUE);
        report_index(lookups, state);
        engines_report_latency(lookups->result, state);
    }
    lookups->total = (ikv_stats){0};
}

static const char *lookups_describe(const struct subject *subject, char *text, size_t size)
{
    return engines_describe(lookups_last(subject), text, size);
}

const ikv_stats *lookups_last(const struct subject *subject)
{
    return ikv_result_stats(((const struct lookups *)subject)->result);
}

const char *lookups_path(const struct subject *subject)
{
    return ((const struct lookups *)subject)->path;
}

struct subject *lookups_new(const struct lookups_options *options)
{
    static const struct subject_kind kind = {.open = lookups_open,
                                             .step = lookups_step,
                                             .report = lookups_report,
                                             .describe = lookups_describe,
                                             .close = lookups_close};
    struct lookups *lookups =
        subject_new(sizeof *lookups, &kind, options->direct ? SOURCE_DEVICE : SOURCE_PAGE_CACHE);

    lookups->options = *options;
    return &lookups->subject;
}
