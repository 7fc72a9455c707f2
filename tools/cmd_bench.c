/* indexkv bench: measure lookups in a store, and compare them with the device and with theory. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "base/platform.h"
#include "base/progress.h"
#include "base/signals.h"
#include "bench/measure.h"
#include "bench/outcome.h"
#include "command.h"
#include "disk/context.h"
#include "options/store_options.h"
#include "remote/remote.h"
#include "report/report_files.h"
#include "table/table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option_spec specs[] = {
    {BENCH_OPTION_BATCH, 'b', "batch", "LIST",
     "keys per call, 1 to 1048576; 1: single lookups\n"
     "(default: 1,16,256,4096)"},
    {BENCH_OPTION_STATE, 0, "state", "LIST",
     "warm: file in the page cache; cold: cached pages\n"
     "dropped before each measurement; direct: page\n"
     "cache bypassed (default: direct,warm)"},
    {BENCH_OPTION_COLD, 0, "cold", NULL, "the same as --state cold"},
    {BENCH_OPTION_DIRECT, 0, "direct", NULL, "the same as --state direct"},
    {BENCH_OPTION_BACKEND, 0, "backend", "LIST", "auto (default), pread, uring, mmap"},
    {BENCH_OPTION_THREADS, 0, "threads", "LIST",
     "lookup threads, 1 to 1024 (default: the number of\n"
     "processors)"},
    {BENCH_OPTION_DEPTH, 0, "depth", "LIST",
     "reads in flight per thread with uring, 1 to 4096\n"
     "(default: 256)"},
    {BENCH_OPTION_CALLERS, 0, "callers", "LIST",
     "threads that call the library, 1 to 256 (default:\n"
     "1)"},
    {BENCH_OPTION_PROBE, 0, "probe", "LIST",
     "what a probe reads: page (default) or entry; with\n"
     "entry, the index is not cached"},
    {BENCH_OPTION_KEYS, 'k', "keys", "LIST",
     "distribution of the keys: uniform (default), zipf,\n"
     "sequential, clustered (runs of consecutive keys)"},
    {BENCH_OPTION_HIT_RATIO, 0, "hit-ratio", "LIST",
     "share of keys that are in the store, 0 to 1\n"
     "(default: 1)"},
    {BENCH_OPTION_THETA, 0, "theta", "N", "skew of zipf keys, 0.01 to 10 (default: 0.99)"},
    {BENCH_OPTION_RUN_LENGTH, 0, "run-length", "N",
     "length of the runs of clustered keys (default:\n"
     "100)"},
    {BENCH_OPTION_TIME, 0, "time", "SECONDS", "time per combination and repetition (default: 0.5)"},
    {BENCH_OPTION_REPEAT, 'n', "repeat", "N",
     "repetitions per combination, alternating with\n"
     "others (default: 5)"},
    {BENCH_OPTION_SEED, 0, "seed", "N", "seed of all random choices (default: 1)"},
    {BENCH_OPTION_DRAWS, 0, "draws", "N",
     "keys to draw from the store in advance, and look\n"
     "up repeatedly (default: 262144)"},
    {OPTION_INDEX_MEMORY, 0, "index-memory", "LIST",
     "maximum memory for caching the index, at least\n"
     "1 byte; suffixes K, M, G, T (default: 64M)"},
    OPTION_SPECS_REPORT,
    OPTION_SPECS_PLAIN,
    OPTION_SPECS_PROGRESS,
    OPTION_SPECS_URL,
    OPTION_SPEC_HELP,
    {0}};

static const struct command_syntax syntax = {
    "bench", "STORE [OPTION...]",
    "Measure lookups of keys drawn from the store: lookups per second, reads per key,\n"
    "call durations. They are compared with plain reads of the device, measured\n"
    "alternately, and with the reads that theory predicts. The store is not modified.\n"
    "At a URL: by batch size and depth, the number of requests in flight.\n"
    "LIST: values separated by commas. All combinations are measured.",
    specs,
    "Every answer is checked; a wrong one ends the command.\n\n"
    "Exit status: 0 success, 2 usage, 3 not a store or wrong key type, 4 corrupt or\n"
    "wrong answer, 5 I/O error."};

struct bench {
    struct store_options store;
    struct bench_plan plan;
    struct report_files files;
    struct bench_subject subject;
    struct draws *draws;
    struct bench_results results;
    struct progress progress;
    struct random random;
    size_t measured; /* points, over all repetitions */
};

static int accept_option(void *user, int id, const char *argument)
{
    struct bench *bench = user;

    if ((id >= BENCH_OPTION_STATE && id < BENCH_OPTION_END) || id == OPTION_INDEX_MEMORY)
        return bench_plan_accept(&bench->plan, &syntax, id, argument);
    if (id == OPTION_REPORT_JSON || id == OPTION_REPORT_CSV || id == OPTION_REPORT_PLOT)
        return report_files_accept(&bench->files, &syntax, id, argument);
    return store_options_accept(&bench->store, id, argument);
}

/* ---------------------------------------------------------------- states */

/* Memory available without swapping, or else all memory, in bytes; 0: unknown. */
static uint64_t available_memory(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    char line[256];
    uint64_t bytes = 0;

    while (file != NULL && bytes == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "MemAvailable:", 13) == 0)
            bytes = strtoull(line + 13, NULL, 10) * 1024;
    if (file != NULL)
        (void)fclose(file);
    return bytes > 0 ? bytes : platform_memory();
}

static void remove_state(struct bench_list *states, enum bench_state state)
{
    size_t left = 0;

    for (size_t i = 0; i < states->count; i++)
        if (states->items[i] != (uint64_t)state)
            states->items[left++] = states->items[i];
    states->count = left;
}

/* Skips an unavailable state and notes that in the report. If the state was requested, fails. */
static int skip_state(struct bench *bench, struct report *report, enum bench_state state,
                      const char *why)
{
    const char *name = bench_state_name(state);
    char text[200];

    if (bench->plan.states_given) {
        message("%s: --state %s: %s", bench->subject.path, name, why);
        return STATUS_USAGE;
    }
    (void)snprintf(text, sizeof text, "%s: %s", name, why);
    report_fact(report, "skipped", text);
    remove_state(&bench->plan.states, state);
    if (bench->plan.states.count > 0)
        return STATUS_DONE;
    message("%s: no state can be measured: %s", bench->subject.path, text);
    return STATUS_USAGE;
}

/* Without an error message: many file systems lack O_DIRECT. */
static bool supports_direct(const char *path)
{
    const int fd = platform_open_direct(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int choose_states(struct bench *bench, struct report *report)
{
    struct bench_subject *subject = &bench->subject;
    const uint64_t memory = available_memory();
    char why[160];
    int status = STATUS_DONE;

    if (!subject->direct && bench_list_has(&bench->plan.states, BENCH_DIRECT))
        status = skip_state(bench, report, BENCH_DIRECT,
                            PLATFORM_HAS_DIRECT ? "the file system has no O_DIRECT"
                                                : "this system has no O_DIRECT");
    if (status == STATUS_DONE && !PLATFORM_DROPS_CACHE &&
        bench_list_has(&bench->plan.states, BENCH_COLD))
        status = skip_state(bench, report, BENCH_COLD,
                            "this system can't drop a file's pages from the page cache");
    if (status == STATUS_DONE && memory > 0 && memory / 2 < subject->file.size &&
        bench_list_has(&bench->plan.states, BENCH_WARM)) {
        (void)snprintf(why, sizeof why, "the file is larger than half of the available memory (%s)",
                       human_bytes((double)memory).text);
        status = skip_state(bench, report, BENCH_WARM, why);
    }
    return status;
}

/* ---------------------------------------------------------------- preparing */

static int open_subject(struct bench *bench, const char *path)
{
    struct bench_subject *subject = &bench->subject;
    const char *what;
    ikv_store *store;

    *subject = (struct bench_subject){
        .options = &bench->store, .plan = &bench->plan, .path = path, .file.fd = -1, .raw.fd = -1};
    int status = store_open(&bench->store, path, &store, &subject->info);
    if (status != STATUS_DONE)
        return status;
    if (bench_list_has(&bench->plan.probes, IKV_PROBE_ENTRY))
        status = check_probe(&syntax, IKV_PROBE_ENTRY, path, &subject->info);
    if (status == STATUS_USAGE) {
        ikv_close(store);
        return status;
    }
    subject->info.metadata = NULL; /* belongs to the store */
    ikv_close(store);
    status = disk_target_open(&subject->file, path, false, 1);
    if (status != STATUS_DONE)
        return status;
    subject->direct = supports_direct(path);
    if (!subject->direct)
        return STATUS_DONE;
    status = disk_target_open(&subject->raw, path, true, 1);
    if (status == STATUS_DONE)
        subject->best = disk_try_uring(subject->raw.fd, &what) == 0 ? DISK_URING : DISK_PREAD;
    return status;
}

static int draw_keys(struct bench *bench)
{
    const size_t count = bench_stream_count(&bench->plan);

    bench->draws = calloc(count, sizeof *bench->draws);
    if (bench->draws == NULL)
        return out_of_memory();
    bench->subject.draws = bench->draws;
    for (size_t i = 0; i < count; i++) {
        const struct draws_options options = bench_stream_at(&bench->plan, i);
        progress_update(
            &bench->progress,
            &(struct progress_point){
                .phase = "drawing keys", .count = i, .unit = "lists", .done = i, .total = count});
        int status =
            draws_make(&bench->draws[i], bench->subject.path, &bench->subject.info, &options);
        if (status != STATUS_DONE)
            return status;
    }
    return STATUS_DONE;
}

/* ---------------------------------------------------------------- measuring */

/* Put 0..count-1 into random order. */
static void shuffle(struct random *random, size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const size_t j = (size_t)random_below(random, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}

static int measure_point(struct bench *bench, const struct bench_opened *opened, size_t setup,
                         size_t number)
{
    const size_t points = bench_point_count(&bench->plan);
    struct bench_point point;

    bench_point_at(&bench->plan, number, &point);
    progress_update(&bench->progress,
                    &(struct progress_point){.phase = "measuring",
                                             .count = bench->measured,
                                             .unit = "measurements",
                                             .done = bench->measured,
                                             .total = bench->plan.repeat * bench->results.count});
    bench->measured++;
    return bench_measure(&bench->subject, opened, &point, random_next(&bench->random),
                         &bench->results.items[setup * points + number]);
}

/* All points with one setup. Cold: the store is reopened for each. Otherwise its index cache is
 * filled first. */
static int measure_setup(struct bench *bench, size_t number, size_t *order)
{
    const size_t points = bench_point_count(&bench->plan);
    struct bench_opened opened = {0};
    struct bench_setup setup;
    int status = STATUS_DONE;

    bench_setup_at(&bench->plan, number, &setup);
    if (setup.state == BENCH_DIRECT && setup.backend == IKV_BACKEND_MMAP)
        return STATUS_DONE; /* impossible: a mapping uses the page cache */
    shuffle(&bench->random, order, points);
    for (size_t i = 0; i < points && status == STATUS_DONE; i++) {
        if (opened.store == NULL) {
            status = bench_open(&bench->subject, &setup, &opened);
            if (status == STATUS_DONE && setup.state != BENCH_COLD)
                status = bench_warm_up(&bench->subject, &opened);
        }
        if (status == STATUS_DONE)
            status = measure_point(bench, &opened, number, order[i]);
        if (setup.state == BENCH_COLD)
            bench_close(&opened);
    }
    bench_close(&opened);
    return status;
}

static int measure_all(struct bench *bench)
{
    const size_t setups = bench_setup_count(&bench->plan);
    size_t *order = calloc(setups + bench_point_count(&bench->plan), sizeof *order);
    int status = STATUS_DONE;

    if (order == NULL)
        return out_of_memory();
    for (uint64_t i = 0; i < bench->plan.repeat && status == STATUS_DONE; i++) {
        shuffle(&bench->random, order, setups);
        for (size_t s = 0; s < setups && status == STATUS_DONE; s++)
            status = measure_setup(bench, order[s], order + setups);
    }
    free(order);
    return status;
}

/* ---------------------------------------------------------------- all of it */

static int measure(struct bench *bench, const char *path, struct report *report,
                   struct plots *plots)
{
    struct bench_outcome outcome = {
        .subject = &bench->subject, .results = &bench->results, .report = report, .plots = plots};
    int status = open_subject(bench, path);

    if (status == STATUS_DONE)
        status = choose_states(bench, report);
    if (status != STATUS_DONE)
        return status;
    progress_start(&bench->progress, (enum progress_mode)bench->store.progress, bench->store.quiet,
                   false);
    status = draw_keys(bench);
    if (status == STATUS_DONE)
        status = bench_results_new(&bench->results, &bench->plan);
    if (status == STATUS_DONE)
        status = measure_all(bench);
    progress_finish(&bench->progress);
    if (status != STATUS_DONE && status != STATUS_INTERRUPTED)
        return status;
    report->interrupted = status == STATUS_INTERRUPTED;
    if (bench->results.items != NULL) {
        bench_outcome(&outcome);
        status = exit_status_worse(status, report_files_write(&bench->files, report, plots));
    }
    return status;
}

/* Lookups by batch size and requests in flight. */
static int measure_url(struct bench *bench, const char *url, struct report *report,
                       struct plots *plots)
{
    const struct bench_plan *plan = &bench->plan;
    const struct remote_options remote = {
        .open = &bench->store.open,
        .depths = plan->depths.items,
        .depth_count = plan->depths.count,
        .batches = plan->batches.items,
        .batch_count = plan->batches.count,
        .seconds = plan->seconds,
        .repeat = plan->repeat,
        .seed = plan->seed,
    };

    progress_start(&bench->progress, (enum progress_mode)bench->store.progress, bench->store.quiet,
                   false);
    const int status = remote_measure(url, &remote, report, plots, &bench->progress);
    progress_finish(&bench->progress);
    report->interrupted = status == STATUS_INTERRUPTED;
    if (status != STATUS_DONE && status != STATUS_INTERRUPTED)
        return status;
    return exit_status_worse(status, report_files_write(&bench->files, report, plots));
}

static void release(struct bench *bench)
{
    for (size_t i = 0; bench->draws != NULL && i < bench_stream_count(&bench->plan); i++)
        draws_free(&bench->draws[i]);
    free(bench->draws);
    bench_results_free(&bench->results);
    disk_target_close(&bench->subject.file);
    disk_target_close(&bench->subject.raw);
    report_files_close(&bench->files);
}

int cmd_bench(int argc, char **argv)
{
    struct bench bench = {.files = REPORT_FILES_INIT, .subject = {.file.fd = -1, .raw.fd = -1}};
    struct report report;
    struct plots plots = {0};
    struct operands operands;
    const char *path;

    store_options_init(&bench.store, &syntax);
    bench_plan_init(&bench.plan);
    report_init(&report, "bench");
    /* Before options_parse, which moves the operands to the front of argv. */
    context_now(report_fact_callback, &report, "bench", argc, argv);
    int status = options_parse(&syntax, argc, argv, accept_option, &bench, &operands);
    if (status == OPTIONS_CONTINUE)
        status = single_operand(&syntax, &operands, &path);
    if (status == OPTIONS_CONTINUE)
        status = table_refuse_directory(&syntax, path);
    if (status == OPTIONS_CONTINUE)
        status = bench_plan_check(&bench.plan, &syntax);
    if (status != OPTIONS_CONTINUE) {
        report_free(&report);
        return status;
    }
    bench.random.state = bench.plan.seed;
    signals_catch();
    context_find(path, report_fact_callback, &report);
    status = report_files_open(&bench.files, &operands);
    if (status == STATUS_DONE)
        status = is_url(path) ? measure_url(&bench, path, &report, &plots)
                              : measure(&bench, path, &report, &plots);
    release(&bench);
    plots_free(&plots);
    report_free(&report);
    return status;
}
