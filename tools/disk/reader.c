#include "disk/reader.h"

#include "base/platform.h"
#include "base/signals.h"
#include "disk/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Holds the threads back until all are set up, and counts those that have ended. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned ready, ended;
    bool open;
};

struct thread_group {
    struct disk_run run;
    struct gate gate;
    struct disk_worker *workers;
    pthread_t *threads;
    unsigned count; /* threads started */
};

struct thread_argument {
    struct thread_group *group;
    struct disk_worker *worker;
};

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---------------------------------------------------------------- counting */

bool disk_worker_done(struct disk_worker *worker, uint64_t now)
{
    struct disk_run *run = worker->run;
    if (worker->cpu_from == 0 && now >= run->from)
        worker->cpu_from = cpu_now();
    if (signals_caught() && !worker->result.interrupted) {
        worker->result.interrupted = true;
        worker->ended = now;
    }
    return worker->result.interrupted || (run->to != 0 && now >= run->to) ||
           worker->result.reads >= worker->limit ||
           atomic_load_explicit(&run->stop, memory_order_relaxed);
}

void disk_worker_count(struct disk_worker *worker, uint64_t now, uint64_t due, uint64_t begun,
                       bool measured)
{
    struct disk_run *run = worker->run;
    worker->result.all_bytes += run->load->pattern.block;
    if (!measured || now < run->from || (run->to != 0 && now >= run->to) ||
        worker->result.reads >= worker->limit)
        return;
    worker->result.reads++;
    ikv_latency_record(&worker->result.latency, now - due);
    if (run->load->rate > 0)
        ikv_latency_record(&worker->result.service, now - begun);
    if (!worker->result.interrupted)
        worker->ended = now;
    atomic_fetch_add_explicit(&run->live, 1, memory_order_relaxed);
}

uint64_t disk_worker_due(const struct disk_worker *worker)
{
    const struct disk_load *load = worker->run->load;
    const double number = (double)worker->started * load->threads + worker->number;
    return worker->run->begin + (uint64_t)(number / load->rate * 1e9);
}

/* ---------------------------------------------------------------- a thread */

/* Sleep until `due`, but at most 50 ms, to notice a signal or the end of the measurement. Returns
 * the time. */
static uint64_t wait_until(uint64_t due, uint64_t now)
{
    const uint64_t max = 50000000;
    if (due > now) {
        const uint64_t wait = due - now < max ? due - now : max;
        nanosleep(&(struct timespec){.tv_nsec = (long)wait}, NULL);
    }
    return nanoseconds_now();
}

static int pread_loop(struct disk_worker *worker)
{
    const struct disk_load *load = worker->run->load;
    const uint32_t block = load->pattern.block;
    for (uint64_t now = nanoseconds_now(); !disk_worker_done(worker, now);) {
        const uint64_t due = load->rate > 0 ? disk_worker_due(worker) : now;
        if (due > now) {
            now = wait_until(due, now);
            continue;
        }
        bool measured;
        const uint64_t offset = disk_pattern_next(&worker->pattern, &measured);
        const uint64_t begun = now;
        worker->started++;
        const ssize_t got = pread(load->fd, worker->buffer, block, (off_t)offset);
        now = nanoseconds_now();
        if (got != (ssize_t)block && !(got < 0 && errno == EINTR))
            return got < 0 ? -errno : -EIO;
        disk_worker_count(worker, now, due, begun, measured && got >= 0);
    }
    return 0;
}

static int open_worker(struct disk_worker *worker)
{
    const struct disk_load *load = worker->run->load;
    worker->due = calloc(load->depth, sizeof *worker->due);
    worker->begun = calloc(load->depth, sizeof *worker->begun);
    worker->measured = calloc(load->depth, sizeof *worker->measured);
    worker->result.what = "allocating buffers";
    if (worker->due == NULL || worker->begun == NULL || worker->measured == NULL)
        return -ENOMEM;
    if (load->backend == DISK_URING)
        return disk_ring_open(&worker->ring, load->fd, load->depth, load->pattern.block,
                              worker->result.ring, sizeof worker->result.ring,
                              &worker->result.what);
    if (posix_memalign(&worker->buffer, 4096, load->pattern.block) != 0)
        return -ENOMEM;
    memset(worker->buffer, 0, load->pattern.block); /* avoids page faults while measuring */
    return 0;
}

static void close_worker(struct disk_worker *worker)
{
    disk_ring_close(worker->ring);
    free(worker->buffer);
    free(worker->due);
    free(worker->begun);
    free(worker->measured);
}

static void *run_worker(void *user)
{
    struct thread_argument *argument = user;
    struct thread_group *group = argument->group;
    struct disk_worker *worker = argument->worker;
    struct gate *gate = &group->gate;
    free(argument);
    worker->code = open_worker(worker);
    if (worker->code < 0)
        atomic_store(&group->run.stop, true);
    pthread_mutex_lock(&gate->mutex);
    gate->ready++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
    if (worker->code == 0) {
        worker->result.what = "reading";
        worker->code = worker->ring ? disk_ring_loop(worker) : pread_loop(worker);
        if (worker->code < 0)
            atomic_store(&group->run.stop, true);
    }
    worker->result.cpu_seconds = worker->cpu_from > 0 ? cpu_now() - worker->cpu_from : 0;
    if (worker->ring == NULL)
        worker->result.system_calls = worker->result.reads;
    close_worker(worker);
    pthread_mutex_lock(&gate->mutex);
    gate->ended++;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
    return NULL;
}

/* ---------------------------------------------------------------- all threads */

static void init_worker(struct disk_worker *worker, struct disk_run *run, unsigned number)
{
    const struct disk_load *load = run->load;
    *worker = (struct disk_worker){.run = run, .number = number, .pattern = load->pattern};
    worker->limit = UINT64_MAX;
    if (load->count > 0)
        worker->limit = load->count / load->threads + (number < load->count % load->threads);
    disk_pattern_init(&worker->pattern, load->seed, number, load->threads);
}

static int start_thread(struct thread_group *group)
{
    struct thread_argument *argument = malloc(sizeof *argument);
    if (argument == NULL)
        return -ENOMEM;
    *argument = (struct thread_argument){group, &group->workers[group->count]};
    const int code = pthread_create(&group->threads[group->count], NULL, run_worker, argument);
    if (code != 0)
        free(argument);
    else
        group->count++;
    return -code;
}

void disk_watch_show(const struct disk_watch *watch, uint64_t reads, double elapsed)
{
    const double done = watch->done + elapsed < watch->total ? watch->done + elapsed : watch->total;
    if (watch->progress == NULL)
        return;
    progress_update(watch->progress,
                    &(struct progress_point){.phase = watch->phase,
                                             .count = reads,
                                             .unit = "reads",
                                             .done = (uint64_t)(done * 1e3),
                                             .total = (uint64_t)(watch->total * 1e3)});
}

static void show(const struct thread_group *group, const struct disk_watch *watch)
{
    const uint64_t now = nanoseconds_now();
    if (watch != NULL)
        disk_watch_show(watch, atomic_load(&group->run.live),
                        now > group->run.begin ? (double)(now - group->run.begin) * 1e-9 : 0);
}

/* Release the threads and wait until all have ended. */
static void run_threads(struct thread_group *group, const struct disk_watch *watch)
{
    const struct disk_load *load = group->run.load;
    struct gate *gate = &group->gate;
    pthread_mutex_lock(&gate->mutex);
    while (gate->ready < group->count)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    group->run.begin = nanoseconds_now();
    group->run.from = group->run.begin + (uint64_t)(load->warm_up * 1e9);
    group->run.to = load->seconds > 0 ? group->run.from + (uint64_t)(load->seconds * 1e9) : 0;
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    while (gate->ended < group->count) {
        platform_cond_wait_briefly(&gate->changed, &gate->mutex);
        show(group, watch);
    }
    pthread_mutex_unlock(&gate->mutex);
    for (unsigned i = 0; i < group->count; i++)
        pthread_join(group->threads[i], NULL);
}

/* Add up the threads' results. */
static int collect(const struct thread_group *group, struct disk_result *result)
{
    const struct disk_load *load = group->run.load;
    uint64_t ended = group->run.from;
    int code = 0;
    for (unsigned i = 0; i < group->count; i++) {
        const struct disk_worker *worker = &group->workers[i];
        const struct disk_result *one = &worker->result;
        if (worker->code < 0 && code == 0) {
            code = worker->code;
            result->what = one->what;
        }
        result->reads += one->reads;
        result->all_bytes += one->all_bytes;
        result->system_calls += one->system_calls;
        result->interrupted |= one->interrupted;
        ikv_latency_add(&result->latency, &one->latency);
        ikv_latency_add(&result->service, &one->service);
        const uint64_t end = one->reads < worker->limit && !one->interrupted && group->run.to
                                 ? group->run.to
                                 : worker->ended;
        ended = end > ended ? end : ended;
        if (one->cpu_seconds > result->cpu_seconds)
            result->cpu_seconds = one->cpu_seconds;
    }
    if (group->count > 0)
        memcpy(result->ring, group->workers[0].result.ring, sizeof result->ring);
    result->bytes = result->reads * load->pattern.block;
    result->seconds = (double)(ended - group->run.from) * 1e-9;
    return code;
}

static int init_gate(struct gate *gate)
{
    int code = pthread_mutex_init(&gate->mutex, NULL);
    if (code != 0)
        return -code;
    code = platform_cond_init(&gate->changed);
    if (code != 0)
        pthread_mutex_destroy(&gate->mutex);
    return -code;
}

int disk_measure(const struct disk_load *load, const struct disk_watch *watch,
                 struct disk_result *ret_result)
{
    struct thread_group group = {.run.load = load};
    struct disk_result result = {.what = "starting threads"};
    group.workers = calloc(load->threads, sizeof *group.workers);
    group.threads = calloc(load->threads, sizeof *group.threads);
    int code = group.workers && group.threads ? init_gate(&group.gate) : -ENOMEM;
    if (code == 0) {
        for (unsigned i = 0; i < load->threads && code == 0; i++) {
            init_worker(&group.workers[i], &group.run, i);
            code = start_thread(&group);
        }
        if (code < 0)
            atomic_store(&group.run.stop, true);
        run_threads(&group, watch);
        const int result_code = collect(&group, &result);
        code = code < 0 ? code : result_code;
        pthread_cond_destroy(&group.gate.changed);
        pthread_mutex_destroy(&group.gate.mutex);
    }
    free(group.workers);
    free(group.threads);
    *ret_result = result;
    return code;
}

int disk_try_uring(int fd, const char **ret_what)
{
    char features[8];
    void *ring = NULL;
    const int code = disk_ring_open(&ring, fd, 1, 4096, features, sizeof features, ret_what);
    disk_ring_close(ring);
    return code;
}

const char *disk_backend_name(enum disk_backend backend)
{
    return backend == DISK_URING ? "uring" : "pread";
}
