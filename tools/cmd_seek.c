/* indexkv seek: measure reads of a file, a block device, or the disk that a directory is on. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/signals.h"
#include "command.h"
#include "disk/context.h"
#include "options/url_options.h"
#include "remote/remote.h"
#include "report/report_files.h"
#include "seek/seek.h"
#include "seek/steady.h"
#include "seek/test_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPTION_TEST = OPTION_OWN,
    OPTION_DEPTH,
    OPTION_BLOCK,
    OPTION_THREADS,
    OPTION_BACKEND,
    OPTION_RATE,
    OPTION_TIME,
    OPTION_COUNT,
    OPTION_REPEAT,
    OPTION_WARM_UP,
    OPTION_SEED,
    OPTION_OFFSET,
    OPTION_WORKING_SET,
    OPTION_FILE_SIZE,
    OPTION_KEEP,
    OPTION_CACHED,
    OPTION_COLD,
    OPTION_DROP_CACHES,
    OPTION_BATCH,
    OPTION_STEADY
};

static const struct option_spec specs[] = {
    {OPTION_TEST, 't', "test", "LIST",
     "tests to run: depth (random reads by depth),\n"
     "distance (latency by distance), order (sequential\n"
     "and random reads), probes (ways to search an\n"
     "index), burst (time until all reads sent at once\n"
     "have come back), rate (see --rate); default: the\n"
     "first four"},
    {OPTION_DEPTH, 'd', "depth", "LIST",
     "reads in flight per thread, and per burst, 1 to\n"
     "4096: numbers, or FROM..TO, which doubles, such as\n"
     "1..1024"},
    {OPTION_BLOCK, 'b', "block", "LIST",
     "bytes per read. With --depth, --block, --threads\n"
     "or --backend, the depth test measures all\n"
     "combinations"},
    {OPTION_THREADS, 0, "threads", "LIST", "reading threads, 1 to 1024"},
    {OPTION_BACKEND, 0, "backend", "LIST",
     "uring (io_uring), pread (one read at a time per\n"
     "thread)"},
    {OPTION_RATE, 'r', "rate", "LIST",
     "start this many reads per second, whether earlier\n"
     "ones have completed or not; latency includes\n"
     "queueing. Without --test, runs only this test"},
    {OPTION_TIME, 0, "time", "SECONDS",
     "measuring time per row (default: 0.3; 2 with\n"
     "--rate; no limit with --count)"},
    {OPTION_COUNT, 'n', "count", "N", "maximum number of reads per row"},
    {OPTION_REPEAT, 0, "repeat", "N",
     "repetitions per row, alternating with other rows,\n"
     "1 to 1000 (default: 5, the minimum to judge\n"
     "whether a row is steady)"},
    {OPTION_STEADY, 0, "steady", NULL,
     "repeat each row until its last 5 repetitions are\n"
     "steady, up to 25 times; only those 5 count"},
    {OPTION_WARM_UP, 0, "warm-up", "SECONDS",
     "reading time before each repetition that is not\n"
     "measured (default: 0.03)"},
    {OPTION_SEED, 0, "seed", "N", "seed of the random offsets (default: 1)"},
    {OPTION_OFFSET, 0, "offset", "SIZE", "where to start reading (default: 0)"},
    {OPTION_WORKING_SET, 'w', "working-set", "SIZE",
     "bytes to read from, starting at the offset\n"
     "(default: all)"},
    {OPTION_FILE_SIZE, 's', "file-size", "SIZE",
     "size of the test file created in DIRECTORY\n"
     "(default: 1G)"},
    {OPTION_KEEP, 0, "keep", NULL,
     "keep the test file as\n"
     "DIRECTORY/indexkv-seek.data"},
    {OPTION_CACHED, 0, "cached", NULL,
     "read through the page cache (default: bypass it\n"
     "with O_DIRECT)"},
    {OPTION_COLD, 0, "cold", NULL,
     "with --cached: drop the file's cached pages before\n"
     "each repetition, and check that the device was\n"
     "read"},
    {OPTION_DROP_CACHES, 0, "drop-caches", NULL,
     "with --cold: drop the whole page cache (root only)"},
    {OPTION_BATCH, 0, "batch", "N",
     "keys per batch in the probes test, 2 to 1048576\n"
     "(default: 1000)"},
    OPTION_SPECS_REPORT,
    {OPTION_QUIET, 'q', "quiet", NULL, "show no progress"},
    {OPTION_PROGRESS, 0, "progress", "WHEN",
     "show progress on standard error: always, never, or\n"
     "auto (default: if it is a terminal)"},
    OPTION_SPECS_URL,
    OPTION_SPEC_HELP,
    {0}};

static const struct command_syntax syntax = {
    "seek", "FILE|DEVICE|DIRECTORY|URL [OPTION...]",
    "Measure reads of a file or block device, which is opened read-only. In a\n"
    "directory, a test file is created, and removed at the end. Takes about a minute.\n"
    "Of a store at a URL: single lookups by the number of requests in flight.",
    specs,
    "SIZE is in bytes; suffixes K, M, G, T. On SIGINT, the results so far are\n"
    "written.\n\n"
    "Exit status: 0 success, 2 usage or file too small, 5 I/O error."};

struct command_options {
    struct seek_options seek;
    struct report_files files;
    int progress;
    bool quiet;
    struct url_options url;
};

/* ---------------------------------------------------------------- options */

/* Parses a list of words separated by commas into the set of their indexes in `choices`. */
static int option_set(const char *option, const char *argument, const char *choices,
                      unsigned *ret_set)
{
    char word[32];
    *ret_set = 0;
    for (;;) {
        size_t length = strcspn(argument, ",");
        int choice = 0;
        snprintf(word, sizeof word, "%.*s", length < sizeof word ? (int)length : 0, argument);
        int status = option_choice(&syntax, option, word, choices, &choice);
        if (status != OPTIONS_CONTINUE)
            return status;
        *ret_set |= 1U << choice;
        if (argument[length] == '\0')
            return OPTIONS_CONTINUE;
        argument += length + 1;
    }
}

static int accept_list(struct seek_options *options, int id, const char *argument)
{
    static const uint64_t depths[] = {1, DISK_DEPTH_MAX}, threads[] = {1, DISK_THREADS_MAX},
                          blocks[] = {1, 64 << 20}, rates[] = {1, 1000000000};
    switch (id) {
    case OPTION_DEPTH:
        return option_number_list(&syntax, "depth", argument, depths, false, &options->depths);
    case OPTION_BLOCK:
        return option_number_list(&syntax, "block", argument, blocks, true, &options->blocks);
    case OPTION_THREADS:
        return option_number_list(&syntax, "threads", argument, threads, false, &options->threads);
    case OPTION_RATE:
        return option_number_list(&syntax, "rate", argument, rates, false, &options->rates);
    case OPTION_BACKEND:
        return option_set("backend", argument, "pread|uring", &options->backends);
    default:
        return option_set("test", argument, "depth|distance|order|probes|rate|burst",
                          &options->tests);
    }
}

static int accept_bound(struct seek_options *options, int id, const char *argument)
{
    switch (id) {
    case OPTION_TIME:
        options->time_given = true;
        return option_seconds(&syntax, "time", argument, 0.001, &options->seconds);
    case OPTION_WARM_UP:
        return option_seconds(&syntax, "warm-up", argument, 0, &options->warm_up);
    case OPTION_COUNT:
        return option_number(&syntax, "count", argument, 1, UINT32_MAX, &options->count);
    case OPTION_REPEAT:
        return option_number(&syntax, "repeat", argument, 1, 1000, &options->repeat);
    case OPTION_SEED:
        return option_number(&syntax, "seed", argument, 0, UINT64_MAX, &options->seed);
    case OPTION_BATCH:
        return option_number(&syntax, "batch", argument, 2, 1 << 20, &options->batch);
    case OPTION_OFFSET:
        return option_size(&syntax, "offset", argument, 0, &options->offset);
    case OPTION_WORKING_SET:
        return option_size(&syntax, "working-set", argument, 1, &options->working_set);
    default:
        return option_size(&syntax, "file-size", argument, 1 << 20, &options->file_size);
    }
}

static int accept_option(void *user, int id, const char *argument)
{
    struct command_options *options = user;
    if (url_options_has(id))
        return url_options_accept(&options->url, &syntax, id, argument);
    switch (id) {
    case OPTION_TEST:
    case OPTION_DEPTH:
    case OPTION_BLOCK:
    case OPTION_THREADS:
    case OPTION_BACKEND:
    case OPTION_RATE:
        return accept_list(&options->seek, id, argument);
    case OPTION_REPORT_JSON:
    case OPTION_REPORT_CSV:
    case OPTION_REPORT_PLOT:
        return report_files_accept(&options->files, &syntax, id, argument);
    case OPTION_KEEP:
        options->seek.keep = true;
        return OPTIONS_CONTINUE;
    case OPTION_CACHED:
        options->seek.cached = true;
        return OPTIONS_CONTINUE;
    case OPTION_COLD:
        options->seek.cold = true;
        return OPTIONS_CONTINUE;
    case OPTION_DROP_CACHES:
        options->seek.drop_all = true;
        return OPTIONS_CONTINUE;
    case OPTION_STEADY:
        options->seek.steady = true;
        return OPTIONS_CONTINUE;
    case OPTION_QUIET:
        options->quiet = true;
        return OPTIONS_CONTINUE;
    case OPTION_PROGRESS:
        return option_choice(&syntax, "progress", argument, "auto|always|never",
                             &options->progress);
    default:
        return accept_bound(&options->seek, id, argument);
    }
}

static int complete_options(struct seek_options *options)
{
    if (options->cold && !options->cached)
        return usage_error(syntax.name, "--cold requires --cached");
    if (options->drop_all && !options->cold)
        return usage_error(syntax.name, "--drop-caches requires --cold");
    if (options->steady && (options->repeat < STEADY_ROUNDS || options->repeat > STEADY_ROUNDS_MAX))
        return usage_error(syntax.name, "--steady requires --repeat %d to %d", STEADY_ROUNDS,
                           STEADY_ROUNDS_MAX);
    if (options->tests == 0)
        options->tests = options->rates.count ? SEEK_RATE : SEEK_DEFAULT;
    if ((options->tests & SEEK_RATE) != 0 && options->rates.count == 0)
        return usage_error(syntax.name, "--test rate requires --rate");
    if (!options->time_given)
        options->seconds = options->count > 0 ? 0 : options->rates.count ? 2 : 0.3;
    return OPTIONS_CONTINUE;
}

/* ---------------------------------------------------------------- the target */

/* Enough for an index of a few pages and for distant reads. */
enum { MIN_SIZE = 256 * 1024 };

static int open_target(struct seek *seek, const char *path)
{
    const struct seek_options *options = seek->options;
    const uint64_t min_size = options->offset + MIN_SIZE;
    struct stat st;
    int fd;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        if (options->keep)
            return usage_error(syntax.name, "--keep requires a directory");
        return disk_target_open(&seek->target, path, !options->cached, min_size);
    }
    struct test_file file = {.directory = path,
                             .size = options->file_size,
                             .seed = options->seed,
                             .keep = options->keep};
    int status = test_file_make(&file, !options->cached, seek->progress, &fd);
    if (status == STATUS_DONE)
        status = disk_target_adopt(&seek->target, fd, path, !options->cached, min_size);
    return status;
}

static int find_area(struct seek *seek)
{
    const struct seek_options *options = seek->options;
    const uint64_t rest = seek->target.size - options->offset;
    uint64_t length = options->working_set ? options->working_set : rest;
    if (options->offset % 4096 != 0)
        return usage_error(syntax.name, "--offset: expected a multiple of 4096");
    if (length > rest || length < MIN_SIZE)
        return usage_error(
            syntax.name, "--working-set: expected 262144 to %llu bytes (the rest of %s), got %llu",
            (unsigned long long)rest, seek->target.path, (unsigned long long)length);
    seek->area = (struct disk_area){options->offset, length / 4096 * 4096};
    return STATUS_DONE;
}

/* Fails if --backend uring is not available. Otherwise, the report says why it is not. */
static int find_backends(struct seek *seek)
{
    const char *what;
    const int code = disk_try_uring(seek->target.fd, &what);
    seek->uring = code == 0;
    if (code == 0)
        return STATUS_DONE;
    const char *why = code <= -1000 ? "built without io_uring" : strerror(-code);
    if ((seek->options->backends & 1U << DISK_URING) != 0) {
        message("--backend uring: %s%s%s", code <= -1000 ? "" : what, code <= -1000 ? "" : ": ",
                why);
        return STATUS_IO;
    }
    char text[160];
    snprintf(text, sizeof text, "none (%s): only pread was measured", why);
    report_fact(seek->report, "ring", text);
    return STATUS_DONE;
}

/* ---------------------------------------------------------------- running */

static const struct {
    unsigned test;
    int (*run)(struct seek *seek);
    size_t (*rows)(const struct seek *seek);
} tests[] = {
    {SEEK_DEPTH, seek_depth, seek_depth_rows}, {SEEK_DISTANCE, seek_distance, seek_distance_rows},
    {SEEK_ORDER, seek_order, seek_order_rows}, {SEEK_PROBES, seek_probes, seek_probes_rows},
    {SEEK_RATE, seek_rate, seek_rate_rows},    {SEEK_BURST, seek_burst, seek_burst_rows},
};

static void add_facts(struct seek *seek, const char *path)
{
    const struct seek_options *options = seek->options;
    context_find(path, report_fact_callback, seek->report);
    report_fact_number(seek->report, "size", (double)seek->target.size);
    report_fact_number(seek->report, "offset", (double)seek->area.start);
    report_fact_number(seek->report, "working_set", (double)seek->area.length);
    report_fact(seek->report, "reads", seek->target.direct ? "direct (O_DIRECT)" : "cached");
    report_fact_number(seek->report, "sector", seek->target.sector);
    report_fact_number(seek->report, "seed", (double)options->seed);
    report_fact_number(seek->report, "repetitions", (double)options->repeat);
    report_fact_number(seek->report, "seconds", options->seconds);
}

/* The report calls only that cold which was proved. */
static void add_cold(struct seek *seek)
{
    const struct seek_options *options = seek->options;
    char text[256];
    if (seek->target.direct) {
        cold_end(&seek->cold, seek->bytes, text, sizeof text);
    } else if (!options->cold) {
        snprintf(text, sizeof text, "no: reads may be served from the page cache");
    } else if (seek->not_proved == 0 && seek->proved > 0) {
        snprintf(text, sizeof text,
                 "proved: pages dropped before each of %u repetitions, and all bytes came from "
                 "the device",
                 seek->proved);
    } else {
        snprintf(text, sizeof text, "%u of %u repetitions %s", seek->not_proved,
                 seek->proved + seek->not_proved, seek->not_proved_text);
        message("cold: %s", text);
    }
    report_fact(seek->report, "cold", text);
}

/* Says whether the device had reached a steady state. */
static void add_steady(struct seek *seek)
{
    const size_t not_steady = seek->judged_rows - seek->steady_rows;
    char text[256];
    int length = 0;
    if (seek->judged_rows == 0)
        length =
            snprintf(text, sizeof text, "unknown: takes %d repetitions of a row", STEADY_ROUNDS);
    else if (not_steady == 0)
        length = snprintf(text, sizeof text,
                          "yes: the last %d repetitions of all %zu rows are within 20 %% of their "
                          "average, with a slope within 10 %%",
                          STEADY_ROUNDS, seek->steady_rows);
    else
        length = snprintf(text, sizeof text,
                          "no: %zu of %zu rows (range up to %.0f %%, slope up to %.0f %% of the "
                          "average)",
                          not_steady, seek->judged_rows, 100 * seek->worst_range,
                          100 * seek->worst_drift);
    if (seek->judged_rows > 0 && seek->unknown_rows > 0)
        (void)snprintf(text + length, sizeof text - (size_t)length,
                       "; unknown for %zu rows with fewer than %d repetitions", seek->unknown_rows,
                       STEADY_ROUNDS);
    report_fact(seek->report, "steady", text);
    if (seek->options->steady && !seek->report->interrupted && not_steady > 0)
        message("%s: %zu of %zu rows are not steady after %d repetitions", seek->target.path,
                not_steady, seek->judged_rows, STEADY_ROUNDS_MAX);
}

static int run_tests(struct seek *seek)
{
    const size_t count = sizeof tests / sizeof tests[0];
    int status = STATUS_DONE;
    for (size_t i = 0; i < count; i++)
        if (seek->options->tests & tests[i].test)
            seek->watch.total += seek_expected(seek, tests[i].rows(seek));
    cold_begin(&seek->cold, seek->target.fd, seek->target.size, seek->target.direct);
    for (size_t i = 0; i < count && status == STATUS_DONE; i++)
        if (seek->options->tests & tests[i].test)
            status = tests[i].run(seek);
    add_cold(seek);
    return status;
}

/* Measures the open target and writes the report. */
static int measure(struct seek *seek, const char *path, struct report_files *files)
{
    int status = find_area(seek);
    if (status == STATUS_DONE)
        status = find_backends(seek);
    if (status != STATUS_DONE)
        return status;
    add_facts(seek, path);
    status = run_tests(seek);
    seek->report->interrupted = status == STATUS_INTERRUPTED;
    add_steady(seek);
    progress_finish(seek->progress);
    if (status != STATUS_INTERRUPTED && status != STATUS_DONE && status != STATUS_IO)
        return status;
    return exit_status_worse(status, report_files_write(files, seek->report, seek->plots));
}

static int measure_url(const struct seek *seek, const char *url, struct command_options *options)
{
    static const uint64_t depths[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
    const struct seek_options *seeking = &options->seek;
    ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
    open.http = &options->url.http;
    const struct remote_options remote = {
        .open = &open,
        .depths = seeking->depths.count ? seeking->depths.numbers : depths,
        .depth_count = seeking->depths.count ? seeking->depths.count : REPORT_COUNT(depths),
        .seconds = seeking->seconds > 0 ? seeking->seconds : 0.3,
        .repeat = seeking->repeat,
        .seed = seeking->seed,
    };
    const int status = remote_measure(url, &remote, seek->report, seek->plots, seek->progress);
    seek->report->interrupted = status == STATUS_INTERRUPTED;
    progress_finish(seek->progress);
    if (status != STATUS_INTERRUPTED && status != STATUS_DONE)
        return status;
    return exit_status_worse(status,
                             report_files_write(&options->files, seek->report, seek->plots));
}

int cmd_seek(int argc, char **argv)
{
    struct command_options options = {.seek = {.repeat = STEADY_ROUNDS,
                                               .warm_up = 0.03,
                                               .seed = 1,
                                               .batch = 1000,
                                               .file_size = UINT64_C(1) << 30},
                                      .files = REPORT_FILES_INIT};
    struct report report;
    struct plots plots = {0};
    struct progress progress;
    struct seek seek = {
        .options = &options.seek, .report = &report, .plots = &plots, .progress = &progress};
    struct operands operands;
    seek.watch.progress = &progress;
    seek.target.fd = -1;
    url_options_init(&options.url);
    report_init(&report, "seek");
    context_now(report_fact_callback, &report, "seek", argc, argv);
    int status = options_parse(&syntax, argc, argv, accept_option, &options, &operands);
    if (status == OPTIONS_CONTINUE && operands.count != 1)
        status = usage_error(syntax.name, "expected one FILE, DEVICE or DIRECTORY");
    if (status == OPTIONS_CONTINUE)
        status = complete_options(&options.seek);
    if (status != OPTIONS_CONTINUE) { /* STATUS_DONE after --help */
        report_free(&report);
        return status;
    }
    status = report_files_open(&options.files, &operands);
    if (status == STATUS_DONE) {
        signals_catch();
        progress_start(&progress, (enum progress_mode)options.progress, options.quiet, false);
        if (is_url(operands.items[0])) {
            status = measure_url(&seek, operands.items[0], &options);
        } else {
            status = open_target(&seek, operands.items[0]);
            if (status == STATUS_DONE)
                status = measure(&seek, operands.items[0], &options.files);
        }
        progress_finish(&progress);
        disk_target_close(&seek.target);
    }
    report_files_close(&options.files);
    plots_free(&plots);
    report_free(&report);
    return status;
}
