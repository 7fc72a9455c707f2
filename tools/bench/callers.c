#include "bench/callers.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/signals.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct shared {
    const struct callers_options *options;
    atomic_bool stop;  /* a caller failed */
    atomic_uint ready; /* number of callers that are ready */
};

struct caller {
    struct shared *shared;
    pthread_t thread;
    ikv_result *result;
    uint64_t at; /* position in the draws */
    uint64_t keys, nanoseconds;
    struct callers_counts counts;
    ikv_latency calls;
    const char *backend;
    int fallback;
    int status; /* errors were reported */
};

static uint64_t clock_now(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static double cpu_now(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/* ---------------------------------------------------------------- one caller */

static void fail(struct caller *caller, int status)
{
    caller->status = status;
    atomic_store(&caller->shared->stop, true);
}

/* True for the first caller that fails, which reports its error. */
static bool may_report(struct caller *caller)
{
    return !atomic_exchange(&caller->shared->stop, true);
}

static void report_wrong_answer(struct caller *caller, uint64_t at, int status)
{
    const struct callers_options *options = caller->shared->options;
    const struct draws *draws = options->draws;
    const ikv_error *problem = ikv_result_problem(caller->result);
    char key[IKV_KEY_TEXT_MAX] = "?";

    fail(caller, STATUS_CORRUPT);
    if (problem != NULL) {
        (void)library_error(problem);
        return;
    }
    (void)ikv_key_format(options->key_type, IKV_SYNTAX_AUTO, draws->keys + at * draws->width, key,
                         sizeof key);
    message("%s: key %s is %s, but was %s", options->path, key,
            draws->present[at] ? "in the index" : "not in the index",
            status == IKV_FOUND     ? "found"
            : status == IKV_MISSING ? "not found"
                                    : "reported as damaged");
}

/* Keys that are present must be found, absent ones must not. */
static void check_answers(struct caller *caller)
{
    const struct callers_options *options = caller->shared->options;
    const unsigned char *present = options->draws->present + caller->at;
    const ikv_item *items = ikv_result_items(caller->result);
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < options->batch; i++)
        wrong += items[i].status != (present[i] ? IKV_FOUND : IKV_MISSING);
    if (wrong == 0)
        return;
    for (uint64_t i = 0; i < options->batch; i++)
        if (items[i].status != (present[i] ? IKV_FOUND : IKV_MISSING)) {
            if (may_report(caller))
                report_wrong_answer(caller, caller->at + i, items[i].status);
            return;
        }
}

static void call(struct caller *caller)
{
    const struct callers_options *options = caller->shared->options;
    const struct draws *draws = options->draws;
    const unsigned char *keys = draws->keys + caller->at * draws->width;
    ikv_get_options get = IKV_GET_OPTIONS_INIT;
    ikv_error error;
    int code;

    get.probe = options->probe;
    if (options->batch == 1)
        code = ikv_get(options->store, keys, &get, caller->result, &error);
    else
        code = ikv_get_many(options->store, keys, (size_t)options->batch, &get, caller->result,
                            &error);
    if (code == IKV_E_NOT_FOUND)
        code = 0;
    if (code != 0 && may_report(caller))
        fail(caller, library_error(&error));
}

static void add_stats(struct callers_counts *counts, const ikv_stats *stats)
{
    counts->probes += stats->probes;
    counts->cached += stats->cached;
    counts->index_reads += stats->index_reads;
    counts->records += stats->records;
    counts->record_reads += stats->record_reads;
    counts->bytes += stats->index_bytes + stats->record_bytes;
    counts->system_calls += stats->system_calls;
    counts->shards += stats->shards;
    counts->mapped += stats->mapped;
    counts->major_faults += stats->major_faults;
    if (counts->levels < stats->levels)
        counts->levels = stats->levels;
}

void callers_counts_add(struct callers_counts *total, const struct callers_counts *one)
{
    total->probes += one->probes;
    total->cached += one->cached;
    total->index_reads += one->index_reads;
    total->records += one->records;
    total->record_reads += one->record_reads;
    total->bytes += one->bytes;
    total->system_calls += one->system_calls;
    total->shards += one->shards;
    total->mapped += one->mapped;
    total->major_faults += one->major_faults;
    if (total->levels < one->levels)
        total->levels = one->levels;
}

/* Whether a limit was reached, a signal arrived, or a caller failed. */
static bool is_over(const struct caller *caller, uint64_t now, uint64_t deadline)
{
    const struct callers_options *options = caller->shared->options;
    ikv_info info;

    if (now >= deadline || signals_caught() != 0 || atomic_load(&caller->shared->stop))
        return true;
    if (options->max_keys != 0 && caller->keys >= options->max_keys / options->callers)
        return true;
    if (options->target_pages == 0)
        return false;
    ikv_store_info(options->store, &info);
    return info.cached_pages >= options->target_pages;
}

/* The end of a call is taken as the start of the next one, so that the clock is read once per call.
 */
static void call_until_over(struct caller *caller)
{
    const struct callers_options *options = caller->shared->options;
    const uint64_t begin = clock_now();
    const uint64_t deadline = begin + (uint64_t)(options->seconds * 1e9);
    uint64_t before = begin;

    do {
        if (caller->at + options->batch > options->draws->count)
            caller->at = 0;
        call(caller);
        if (atomic_load(&caller->shared->stop))
            return;
        const uint64_t now = clock_now();
        ikv_latency_record(&caller->calls, now - before);
        add_stats(&caller->counts, ikv_result_stats(caller->result));
        check_answers(caller);
        caller->at += options->batch;
        caller->keys += options->batch;
        before = now;
    } while (!is_over(caller, before, deadline));
    caller->nanoseconds = before - begin;
    caller->backend = ikv_result_stats(caller->result)->backend;
    caller->fallback = ikv_result_stats(caller->result)->fallback;
}

static void *run_caller(void *user)
{
    struct caller *caller = user;
    struct shared *shared = caller->shared;

    /* All callers start together. */
    atomic_fetch_add(&shared->ready, 1);
    while (atomic_load(&shared->ready) < shared->options->callers && !atomic_load(&shared->stop))
        (void)sched_yield();
    call_until_over(caller);
    return NULL;
}

/* ---------------------------------------------------------------- all of them */

/* The first caller runs on this thread. */
static int run_all(struct shared *shared, struct caller *callers)
{
    const uint32_t count = shared->options->callers;
    uint32_t started = 1;
    int code = 0;

    while (started < count && code == 0) {
        code = pthread_create(&callers[started].thread, NULL, run_caller, &callers[started]);
        if (code == 0)
            started++;
    }
    if (code == 0)
        (void)run_caller(&callers[0]);
    else
        atomic_store(&shared->stop, true);
    for (uint32_t i = 1; i < started; i++)
        pthread_join(callers[i].thread, NULL);
    if (code == 0)
        return STATUS_DONE;
    message("starting %u callers: %s", count, strerror(code));
    return STATUS_IO;
}

static void add_up(const struct caller *caller, struct callers_result *result)
{
    result->keys += caller->keys;
    if (caller->nanoseconds > 0)
        result->rate += (double)caller->keys / ((double)caller->nanoseconds * 1e-9);
    callers_counts_add(&result->counts, &caller->counts);
    result->backend = caller->backend;
    result->fallback = caller->fallback;
    ikv_latency_add(&result->calls, &caller->calls);
}

static int prepare(struct shared *shared, struct caller *callers)
{
    const struct callers_options *options = shared->options;
    struct random random = {options->seed};

    for (uint32_t i = 0; i < options->callers; i++) {
        callers[i].shared = shared;
        callers[i].at = random_below(&random, options->draws->count - options->batch + 1);
        if (ikv_result_new(&callers[i].result) != 0)
            return out_of_memory();
    }
    return STATUS_DONE;
}

int callers_run(const struct callers_options *options, struct callers_result *ret_result)
{
    struct shared shared = {.options = options};
    struct caller *callers = calloc(options->callers, sizeof *callers);

    if (callers == NULL)
        return out_of_memory();
    memset(ret_result, 0, sizeof *ret_result);
    int status = prepare(&shared, callers);
    const double cpu = cpu_now();
    if (status == STATUS_DONE)
        status = run_all(&shared, callers);
    ret_result->cpu_seconds = cpu_now() - cpu;
    for (uint32_t i = 0; i < options->callers; i++) {
        add_up(&callers[i], ret_result);
        status = exit_status_worse(status, callers[i].status);
        ikv_result_free(callers[i].result);
    }
    free(callers);
    return status;
}
