#include "disk/reader.h"

#include "base/signals.h"
#include "disk/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Threads meet here: all are set up before the first one reads, and the caller learns of the last
 * one's end. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned ready, ended;
    bool open;
};

struct crew {
    struct disk_run run;
    struct gate gate;
    struct disk_worker *workers;
    pthread_t *threads;
    unsigned count; /* of threads that were started */
};

struct member { /* what a thread is given */
    struct crew *crew;
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
                       bool counts)
{
    struct disk_run *run = worker->run;
    worker->result.all_bytes += run->load->pattern.block;
    if (!counts || now < run->from || (run->to != 0 && now >= run->to) ||
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

/* Sleep until then, but not long: a caught signal, or the end of the window, must be seen. Returns
 * the time. */
static uint64_t wait_until(uint64_t due, uint64_t now)
{
    const uint64_t most = 50000000;
    if (due > now) {
        const uint64_t wait = due - now < most ? due - now : most;
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
        bool counts;
        const uint64_t offset = disk_pattern_next(&worker->pattern, &counts);
        const uint64_t begun = now;
        worker->started++;
        const ssize_t got = pread(load->fd, worker->buffer, block, (off_t)offset);
        now = nanoseconds_now();
        if (got != (ssize_t)block && !(got < 0 && errno == EINTR))
            return got < 0 ? -errno : -EIO;
        disk_worker_count(worker, now, due, begun, counts && got >= 0);
    }
    return 0;
}

static int open_worker(struct disk_worker *worker)
{
    const struct disk_load *load = worker->run->load;
    worker->due = calloc(load->depth, sizeof *worker->due);
    worker->begun = calloc(load->depth, sizeof *worker->begun);
    worker->counts = calloc(load->depth, sizeof *worker->counts);
    worker->result.what = "memory for reads";
    if (worker->due == NULL || worker->begun == NULL || worker->counts == NULL)
        return -ENOMEM;
    if (load->backend == DISK_URING)
        return disk_ring_open(&worker->ring, load->fd, load->depth, load->pattern.block,
                              worker->result.ring, sizeof worker->result.ring,
                              &worker->result.what);
    if (posix_memalign(&worker->buffer, 4096, load->pattern.block) != 0)
        return -ENOMEM;
    memset(worker->buffer, 0, load->pattern.block); /* no page faults while it is measured */
    return 0;
}

static void close_worker(struct disk_worker *worker)
{
    disk_ring_close(worker->ring);
    free(worker->buffer);
    free(worker->due);
    free(worker->begun);
    free(worker->counts);
}

static void *run_worker(void *user)
{
    struct member *member = user;
    struct crew *crew = member->crew;
    struct disk_worker *worker = member->worker;
    struct gate *gate = &crew->gate;
    free(member);
    worker->code = open_worker(worker);
    if (worker->code < 0)
        atomic_store(&crew->run.stop, true);
    pthread_mutex_lock(&gate->mutex);
    gate->ready++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
    if (worker->code == 0) {
        worker->result.what = "a read";
        worker->code = worker->ring ? disk_ring_loop(worker) : pread_loop(worker);
        if (worker->code < 0)
            atomic_store(&crew->run.stop, true);
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

static int start_thread(struct crew *crew)
{
    struct member *member = malloc(sizeof *member);
    if (member == NULL)
        return -ENOMEM;
    *member = (struct member){crew, &crew->workers[crew->count]};
    const int code = pthread_create(&crew->threads[crew->count], NULL, run_worker, member);
    if (code != 0)
        free(member);
    else
        crew->count++;
    return -code;
}

static void show(const struct crew *crew, const struct disk_watch *watch)
{
    if (watch == NULL || watch->progress == NULL)
        return;
    const uint64_t now = nanoseconds_now();
    const double gone = now > crew->run.begin ? (double)(now - crew->run.begin) * 1e-9 : 0;
    const double done = watch->done + gone < watch->total ? watch->done + gone : watch->total;
    progress_update(watch->progress,
                    &(struct progress_point){.phase = watch->phase,
                                             .count = atomic_load(&crew->run.live),
                                             .unit = "reads",
                                             .done = (uint64_t)(done * 1e3),
                                             .total = (uint64_t)(watch->total * 1e3)});
}

/* Let the threads go, and wait until they have ended. */
static void run_crew(struct crew *crew, const struct disk_watch *watch)
{
    const struct disk_load *load = crew->run.load;
    struct gate *gate = &crew->gate;
    pthread_mutex_lock(&gate->mutex);
    while (gate->ready < crew->count)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    crew->run.begin = nanoseconds_now();
    crew->run.from = crew->run.begin + (uint64_t)(load->warm_up * 1e9);
    crew->run.to = load->seconds > 0 ? crew->run.from + (uint64_t)(load->seconds * 1e9) : 0;
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    while (gate->ended < crew->count) {
        struct timespec limit;
        clock_gettime(CLOCK_MONOTONIC, &limit);
        limit.tv_nsec += 100000000;
        if (limit.tv_nsec >= 1000000000) {
            limit.tv_nsec -= 1000000000;
            limit.tv_sec++;
        }
        pthread_cond_timedwait(&gate->changed, &gate->mutex, &limit);
        show(crew, watch);
    }
    pthread_mutex_unlock(&gate->mutex);
    for (unsigned i = 0; i < crew->count; i++)
        pthread_join(crew->threads[i], NULL);
}

/* Put together what the threads found. */
static int sum_up(const struct crew *crew, struct disk_result *result)
{
    const struct disk_load *load = crew->run.load;
    uint64_t ended = crew->run.from;
    int code = 0;
    for (unsigned i = 0; i < crew->count; i++) {
        const struct disk_worker *worker = &crew->workers[i];
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
        const uint64_t end = one->reads < worker->limit && !one->interrupted && crew->run.to
                                 ? crew->run.to
                                 : worker->ended;
        ended = end > ended ? end : ended;
        if (one->cpu_seconds > result->cpu_seconds)
            result->cpu_seconds = one->cpu_seconds;
    }
    if (crew->count > 0)
        memcpy(result->ring, crew->workers[0].result.ring, sizeof result->ring);
    result->bytes = result->reads * load->pattern.block;
    result->seconds = (double)(ended - crew->run.from) * 1e-9;
    return code;
}

static int init_gate(struct gate *gate)
{
    pthread_condattr_t attributes;
    int code = pthread_mutex_init(&gate->mutex, NULL);
    if (code != 0)
        return -code;
    code = pthread_condattr_init(&attributes);
    if (code == 0) {
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        code = pthread_cond_init(&gate->changed, &attributes);
        pthread_condattr_destroy(&attributes);
    }
    if (code != 0)
        pthread_mutex_destroy(&gate->mutex);
    return -code;
}

int disk_measure(const struct disk_load *load, const struct disk_watch *watch,
                 struct disk_result *ret_result)
{
    struct crew crew = {.run.load = load};
    struct disk_result result = {.what = "starting threads"};
    crew.workers = calloc(load->threads, sizeof *crew.workers);
    crew.threads = calloc(load->threads, sizeof *crew.threads);
    int code = crew.workers && crew.threads ? init_gate(&crew.gate) : -ENOMEM;
    if (code == 0) {
        for (unsigned i = 0; i < load->threads && code == 0; i++) {
            init_worker(&crew.workers[i], &crew.run, i);
            code = start_thread(&crew);
        }
        if (code < 0)
            atomic_store(&crew.run.stop, true);
        run_crew(&crew, watch);
        const int found = sum_up(&crew, &result);
        code = code < 0 ? code : found;
        pthread_cond_destroy(&crew.gate.changed);
        pthread_mutex_destroy(&crew.gate.mutex);
    }
    free(crew.workers);
    free(crew.threads);
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
