#include "pool/engine.h"

#include "core/platform/platform.h"

#include <stdlib.h>

#define THREADS_MAX         1024
#define DEPTH_DEFAULT       256
#define DEPTH_MAX           4096
#define MAX_BATCHES_DEFAULT 1024

/* ---------------------------------------------------------------- creating */

static int check_options(const ikv_engine_options *options, ikv_error *err)
{
    const char *wrong = NULL;

    if (options->threads > THREADS_MAX)
        wrong = "threads: at most 1024";
    else if (options->depth > DEPTH_MAX)
        wrong = "depth: at most 4096";
    else if (options->reserved)
        wrong = "reserved must be 0";
    return wrong ? ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "engine options: %s", wrong) : 0;
}

static void set_defaults(ikv_engine_options *options)
{
    if (options->threads == 0)
        options->threads = ikv_platform_cores();
    if (options->depth == 0)
        options->depth = DEPTH_DEFAULT;
    if (options->max_batches == 0)
        options->max_batches = MAX_BATCHES_DEFAULT;
}

int ikv_engine_create(const ikv_engine_options *options, struct ikv_engine **ret)
{
    struct ikv_engine *engine = calloc(1, sizeof *engine);

    if (!engine)
        return -ENOMEM;
    engine->shared.options = *options;
    set_defaults(&engine->shared.options);
    options = &engine->shared.options;
    atomic_init(&engine->references, 1);
    engine->workers = calloc(options->threads, sizeof *engine->workers);
    int code = engine->workers ? ikv_queue_init(&engine->queue, options->max_batches) : -ENOMEM;
    if (code < 0) {
        free(engine->workers);
        free(engine);
        return code;
    }
    ikv_process_mark(&engine->process);
    for (uint32_t i = 0; i < options->threads; i++) {
        engine->workers[i].queue = &engine->queue;
        engine->workers[i].number = i;
        engine->workers[i].windows.shared = &engine->shared;
    }
    *ret = engine;
    return 0;
}

int ikv_engine_create_private(uint32_t threads, struct ikv_engine **ret)
{
    const ikv_engine_options options = {.size = sizeof options, .threads = threads};
    int code = ikv_engine_create(&options, ret);

    if (code == 0)
        (*ret)->is_private = true;
    return code;
}

static void destroy(struct ikv_engine *engine)
{
    ikv_engine_close(atomic_load(&engine->successor));
    if (!ikv_engine_is_inherited(engine))
        ikv_queue_destroy(&engine->queue);
    ikv_process_unmark(&engine->process);
    free(engine->workers);
    free(engine);
}

int ikv_engine_reference(struct ikv_engine *engine)
{
    int code = 0;

    (void)pthread_mutex_lock(&engine->queue.lock);
    if (engine->queue.state == IKV_QUEUE_CLOSED)
        code = IKV_E_CANCELED;
    else
        atomic_fetch_add(&engine->references, 1);
    (void)pthread_mutex_unlock(&engine->queue.lock);
    return code;
}

void ikv_engine_release(struct ikv_engine *engine)
{
    if (atomic_fetch_sub(&engine->references, 1) == 1)
        destroy(engine);
}

/* ---------------------------------------------------------------- threads */

/* The lock is held. */
static void create_threads(struct ikv_engine *engine)
{
    unsigned *started = &engine->queue.workers;

    while (*started < engine->shared.options.threads) {
        struct ikv_worker *worker = &engine->workers[*started];
        if (ikv_thread_create(&worker->thread, ikv_worker_main, worker) != 0)
            break;
        ++*started;
    }
}

unsigned ikv_engine_start(struct ikv_engine *engine)
{
    struct ikv_queue *queue = &engine->queue;

    (void)pthread_mutex_lock(&queue->lock);
    if (queue->state == IKV_QUEUE_NEW) {
        create_threads(engine);
        if (queue->workers > 0)
            queue->state = IKV_QUEUE_RUNNING;
    }
    unsigned workers = queue->workers;
    if (queue->state == IKV_QUEUE_CLOSED)
        workers = 1; /* a job that is queued now will fail with IKV_E_CANCELED */
    (void)pthread_mutex_unlock(&queue->lock);
    return workers;
}

void ikv_engine_stop(struct ikv_engine *engine)
{
    struct ikv_queue *queue = &engine->queue;

    ikv_queue_close(queue);
    for (unsigned i = 0; i < queue->workers; i++)
        (void)pthread_join(engine->workers[i].thread, NULL);
    (void)pthread_mutex_lock(&queue->lock);
    queue->workers = 0;
    (void)pthread_mutex_unlock(&queue->lock);
}

bool ikv_engine_is_worker(struct ikv_engine *engine)
{
    const uint64_t number = ikv_thread_number();

    for (uint32_t i = 0; i < engine->shared.options.threads; i++)
        if (atomic_load_explicit(&engine->workers[i].thread_number, memory_order_relaxed) == number)
            return true;
    return false;
}

/* ---------------------------------------------------------------- calls */

int ikv_engine_new(const ikv_engine_options *options, ikv_engine **ret_engine, ikv_error *err)
{
    ikv_engine_options known = {0};
    struct ikv_engine *engine = NULL;

    if (!ret_engine)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_engine_new: an argument is NULL");
    int code = ikv_options_copy(&known, sizeof known, options, err);
    if (code == 0)
        code = check_options(&known, err);
    if (code < 0)
        return code;
    code = ikv_engine_create(&known, &engine);
    if (code < 0)
        return ikv_fail(err, code, IKV_NOWHERE, "cannot create an engine");
    const unsigned threads = engine->shared.options.threads;
    if (ikv_engine_start(engine) < threads) {
        ikv_engine_close(engine);
        return ikv_fail(err, -EAGAIN, IKV_NOWHERE, "cannot start %u threads for an engine",
                        threads);
    }
    *ret_engine = engine;
    return 0;
}

void ikv_engine_close(ikv_engine *engine)
{
    if (!engine)
        return;
    struct ikv_engine *current = engine;
    while (current && ikv_engine_is_inherited(current))
        current = atomic_load(&current->successor);
    if (current)
        ikv_engine_stop(current);
    ikv_engine_release(engine);
}

void ikv_engine_get_info(ikv_engine *engine, ikv_engine_info *ret_info)
{
    const ikv_engine_options *options = &engine->shared.options;

    *ret_info = (ikv_engine_info){.threads = options->threads,
                                  .depth = options->depth,
                                  .max_batches = options->max_batches,
                                  .max_bytes_in_flight = options->max_bytes_in_flight};
    if (ikv_engine_is_inherited(engine))
        return; /* its jobs are the parent's */
    (void)pthread_mutex_lock(&engine->queue.lock);
    ret_info->batches = engine->queue.job_count;
    (void)pthread_mutex_unlock(&engine->queue.lock);
}

/* ---------------------------------------------------------------- fork */

struct ikv_engine *ikv_engine_current(struct ikv_engine *engine)
{
    while (ikv_engine_is_inherited(engine)) {
        struct ikv_engine *successor = atomic_load(&engine->successor);
        if (!successor) {
            struct ikv_engine *created = NULL;
            if (ikv_engine_create(&engine->shared.options, &created) < 0)
                return NULL;
            if (atomic_compare_exchange_strong(&engine->successor, &successor, created))
                successor = created;
            else
                destroy(created); /* another thread was faster */
        }
        engine = successor;
    }
    return engine;
}
