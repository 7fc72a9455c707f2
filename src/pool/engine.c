/* Engines: starting, attaching stores, closing. */
#include "pool/engine.h"

#include "backends.h"
#include "core/base/platform.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#define THREADS_MAX 1024
#define DEPTH_USUAL 256
#define DEPTH_MAX   4096
#define QUEUE_USUAL 1024

/* ---------------------------------------------------------------- making */

static int check_options(ikv_engine_options *options, ikv_error *err)
{
    const char *wrong = NULL;

    if (options->threads > THREADS_MAX)
        wrong = "threads: at most 1024";
    else if (options->depth > DEPTH_MAX)
        wrong = "depth: at most 4096";
    else if (options->reserved)
        wrong = "reserved must be 0";
    if (wrong)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "engine options: %s", wrong);
    if (options->threads == 0)
        options->threads = ikv_platform_cores();
    if (options->depth == 0)
        options->depth = DEPTH_USUAL;
    if (options->max_batches == 0)
        options->max_batches = QUEUE_USUAL;
    return 0;
}

static int init_locks(struct ikv_engine *engine)
{
    if (pthread_mutex_init(&engine->lock, NULL) != 0)
        return -ENOMEM;
    if (pthread_cond_init(&engine->work, NULL) != 0)
        goto no_work;
    if (pthread_cond_init(&engine->room, NULL) != 0)
        goto no_room;
    if (pthread_cond_init(&engine->quiet, NULL) != 0)
        goto no_quiet;
    return 0;

no_quiet:
    (void)pthread_cond_destroy(&engine->room);
no_room:
    (void)pthread_cond_destroy(&engine->work);
no_work:
    (void)pthread_mutex_destroy(&engine->lock);
    return -ENOMEM;
}

static int make(const ikv_engine_options *options, struct ikv_engine **ret)
{
    struct ikv_engine *engine = calloc(1, sizeof *engine);

    if (!engine)
        return -ENOMEM;
    engine->options = *options;
    atomic_init(&engine->references, 1);
    engine->workers = calloc(options->threads, sizeof *engine->workers);
    int code = engine->workers ? init_locks(engine) : -ENOMEM;
    if (code < 0) {
        free(engine->workers);
        free(engine);
        return code;
    }
    ikv_process_mark(&engine->process);
    for (uint32_t i = 0; i < options->threads; i++)
        engine->workers[i].engine = engine;
    *ret = engine;
    return 0;
}

static void destroy(struct ikv_engine *engine)
{
    ikv_engine_close(atomic_load(&engine->heir));
    if (!ikv_process_is_forked(&engine->process)) {
        (void)pthread_cond_destroy(&engine->work);
        (void)pthread_cond_destroy(&engine->room);
        (void)pthread_cond_destroy(&engine->quiet);
        (void)pthread_mutex_destroy(&engine->lock);
    }
    ikv_process_unmark(&engine->process);
    free(engine->workers);
    free(engine);
}

static void release(struct ikv_engine *engine)
{
    if (atomic_fetch_sub(&engine->references, 1) == 1)
        destroy(engine);
}

/* Signals are for the program's own threads: workers, which inherit the mask, block all but those
 * that a thread brings upon itself. */
static void create_threads(struct ikv_engine *engine)
{
    static const int own[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    sigset_t all;
    sigset_t before;

    (void)sigfillset(&all);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        (void)sigdelset(&all, own[i]);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (engine->started < engine->options.threads) {
        struct ikv_worker *worker = &engine->workers[engine->started];
        if (pthread_create(&worker->thread, NULL, ikv_worker_main, worker) != 0)
            break;
        engine->started++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

unsigned ikv_engine_start(struct ikv_engine *engine)
{
    if (engine->state != IKV_ENGINE_NEW)
        return engine->started;
    create_threads(engine);
    if (engine->started > 0)
        engine->state = IKV_ENGINE_RUNNING;
    return engine->started;
}

bool ikv_engine_is_worker(struct ikv_engine *engine)
{
    const uint64_t number = ikv_thread_number();

    for (uint32_t i = 0; i < engine->options.threads; i++)
        if (atomic_load_explicit(&engine->workers[i].number, memory_order_relaxed) == number)
            return true;
    return false;
}

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
    code = make(&known, &engine);
    if (code < 0)
        return ikv_fail(err, code, IKV_NOWHERE, "making an engine");
    (void)pthread_mutex_lock(&engine->lock);
    const unsigned started = ikv_engine_start(engine);
    (void)pthread_mutex_unlock(&engine->lock);
    if (started < known.threads) {
        ikv_engine_close(engine);
        return ikv_fail(err, -EAGAIN, IKV_NOWHERE, "starting %u threads for an engine",
                        known.threads);
    }
    *ret_engine = engine;
    return 0;
}

/* ---------------------------------------------------------------- closing */

/* The lock is held when it is called, and when it returns. */
static void stop(struct ikv_engine *engine)
{
    engine->state = IKV_ENGINE_CLOSED;
    ikv_jobs_cancel(engine, NULL);
    (void)pthread_cond_broadcast(&engine->work);
    (void)pthread_cond_broadcast(&engine->room);
    while (engine->waiters > 0)
        (void)pthread_cond_wait(&engine->quiet, &engine->lock);
    (void)pthread_mutex_unlock(&engine->lock);
    for (unsigned i = 0; i < engine->started; i++)
        (void)pthread_join(engine->workers[i].thread, NULL);
    (void)pthread_mutex_lock(&engine->lock);
    engine->started = 0;
}

void ikv_engine_close(ikv_engine *engine)
{
    if (!engine)
        return;
    struct ikv_engine *here = engine;
    while (here && ikv_process_is_forked(&here->process))
        here = atomic_load(&here->heir);
    if (here) {
        (void)pthread_mutex_lock(&here->lock);
        stop(here);
        (void)pthread_mutex_unlock(&here->lock);
    }
    release(engine);
}

void ikv_engine_get_info(ikv_engine *engine, ikv_engine_info *ret_info)
{
    const ikv_engine_options *options = &engine->options;

    *ret_info = (ikv_engine_info){.threads = options->threads,
                                  .depth = options->depth,
                                  .max_batches = options->max_batches,
                                  .max_bytes_in_flight = options->max_bytes_in_flight};
    if (ikv_process_is_forked(&engine->process))
        return; /* what it does is its parent's business */
    (void)pthread_mutex_lock(&engine->lock);
    ret_info->batches = engine->batches;
    (void)pthread_mutex_unlock(&engine->lock);
}

/* ---------------------------------------------------------------- stores */

/* Refer to an engine that is not closed. */
static int refer(struct ikv_engine *engine)
{
    int code = 0;

    (void)pthread_mutex_lock(&engine->lock);
    if (engine->state == IKV_ENGINE_CLOSED)
        code = IKV_E_CANCELED;
    else
        atomic_fetch_add(&engine->references, 1);
    (void)pthread_mutex_unlock(&engine->lock);
    return code;
}

/* The engine that this process may use in place of one that it may have inherited. */
static struct ikv_engine *engine_here(struct ikv_engine *engine)
{
    while (ikv_process_is_forked(&engine->process)) {
        struct ikv_engine *heir = atomic_load(&engine->heir);
        if (!heir) {
            struct ikv_engine *made = NULL;
            if (make(&engine->options, &made) < 0)
                return NULL;
            if (atomic_compare_exchange_strong(&engine->heir, &heir, made))
                heir = made;
            else
                destroy(made); /* another thread was faster */
        }
        engine = heir;
    }
    return engine;
}

static int attach_to(struct ikv_engine *engine, ikv_store *store, struct ikv_attachment **ret)
{
    struct ikv_attachment *attachment = calloc(1, sizeof *attachment);

    if (!attachment)
        return -ENOMEM;
    int code = refer(engine);
    if (code < 0) {
        free(attachment);
        return code;
    }
    attachment->engine = engine;
    attachment->store = store;
    *ret = attachment;
    return 0;
}

int ikv_attach(ikv_engine *engine, ikv_store *store, struct ikv_attachment **ret)
{
    ikv_engine_options usual = IKV_ENGINE_OPTIONS_INIT;
    struct ikv_engine *own = NULL;

    if (engine) {
        engine = engine_here(engine);
        return engine ? attach_to(engine, store, ret) : -ENOMEM;
    }
    int code = check_options(&usual, NULL);
    if (code == 0)
        code = make(&usual, &own);
    if (code < 0)
        return code;
    own->is_own = true;
    code = attach_to(own, store, ret);
    release(own); /* the attachment refers to it now */
    return code;
}

struct ikv_attachment *ikv_attachment_here(struct ikv_attachment *attachment)
{
    while (ikv_process_is_forked(&attachment->engine->process)) {
        struct ikv_attachment *heir = atomic_load(&attachment->heir);
        if (!heir) {
            struct ikv_engine *engine = engine_here(attachment->engine);
            struct ikv_attachment *made = NULL;
            if (!engine || attach_to(engine, attachment->store, &made) < 0)
                return NULL;
            if (atomic_compare_exchange_strong(&attachment->heir, &heir, made))
                heir = made;
            else
                ikv_detach(made);
        }
        attachment = heir;
    }
    return attachment;
}

/* Rings keep files open: have every worker let go of this store's. The lock is held. */
static void forget_files(struct ikv_engine *engine, const struct ikv_attachment *attachment)
{
    if (!atomic_load_explicit(&attachment->used_ring, memory_order_relaxed))
        return;
    while (engine->forget && engine->state == IKV_ENGINE_RUNNING)
        (void)pthread_cond_wait(&engine->quiet, &engine->lock);
    if (engine->state != IKV_ENGINE_RUNNING)
        return; /* the rings are gone, or will be */
    engine->forget = attachment->store;
    engine->forget_left = engine->started;
    atomic_fetch_add(&engine->forget_number, 1);
    (void)pthread_cond_broadcast(&engine->work);
    while (engine->forget_left > 0)
        (void)pthread_cond_wait(&engine->quiet, &engine->lock);
    engine->forget = NULL;
    (void)pthread_cond_broadcast(&engine->quiet);
}

void ikv_detach(struct ikv_attachment *attachment)
{
    if (!attachment)
        return;
    struct ikv_engine *engine = attachment->engine;
    ikv_detach(atomic_load(&attachment->heir));
    if (!ikv_process_is_forked(&engine->process)) {
        (void)pthread_mutex_lock(&engine->lock);
        attachment->is_closing = true; /* callbacks may submit more */
        ikv_jobs_cancel(engine, attachment);
        while (attachment->batches > 0)
            (void)pthread_cond_wait(&engine->quiet, &engine->lock);
        if (engine->is_own)
            stop(engine);
        else
            forget_files(engine, attachment);
        (void)pthread_mutex_unlock(&engine->lock);
    }
    free(attachment);
    release(engine);
}

unsigned ikv_attachment_workers(struct ikv_attachment *attachment)
{
    unsigned workers;

    attachment = ikv_attachment_here(attachment);
    if (!attachment)
        return 0;
    struct ikv_engine *engine = attachment->engine;
    (void)pthread_mutex_lock(&engine->lock);
    workers = ikv_engine_start(engine);
    if (engine->state == IKV_ENGINE_CLOSED)
        workers = 1; /* which will say so */
    (void)pthread_mutex_unlock(&engine->lock);
    return workers;
}

int ikv_attachment_ring_code(struct ikv_attachment *attachment)
{
    struct ikv_attachment *heir = attachment;

    if (!ikv_io_ring())
        return IKV_E_UNSUPPORTED;
    for (; heir && ikv_process_is_forked(&heir->engine->process); heir = atomic_load(&heir->heir))
        ;
    return heir ? atomic_load_explicit(&heir->engine->ring_code, memory_order_relaxed) : 0;
}

ikv_engine *ikv_store_engine(const ikv_store *store)
{
    const struct ikv_attachment *attachment = ikv_attachment_here(store->attachment);

    return attachment ? attachment->engine : NULL;
}
