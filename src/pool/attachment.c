#include "pool/attachment.h"

#include "backends.h"

#include <stdlib.h>

static int attach_to(struct ikv_engine *engine, ikv_store *store, struct ikv_attachment **ret)
{
    struct ikv_attachment *attachment = calloc(1, sizeof *attachment);

    if (!attachment)
        return -ENOMEM;
    int code = ikv_engine_reference(engine);
    if (code < 0) {
        free(attachment);
        return code;
    }
    attachment->engine = engine;
    attachment->client.queue = &engine->queue;
    attachment->client.store = store;
    *ret = attachment;
    return 0;
}

int ikv_attach(ikv_engine *engine, uint32_t threads, ikv_store *store, struct ikv_attachment **ret)
{
    if (engine) {
        engine = ikv_engine_current(engine);
        return engine ? attach_to(engine, store, ret) : -ENOMEM;
    }
    int code = ikv_engine_create_private(threads, &engine);
    if (code < 0)
        return code;
    code = attach_to(engine, store, ret);
    ikv_engine_release(engine); /* the attachment has its own reference */
    return code;
}

void ikv_detach(struct ikv_attachment *attachment)
{
    if (!attachment)
        return;
    struct ikv_engine *engine = attachment->engine;
    ikv_detach(atomic_load(&attachment->successor));
    if (!ikv_engine_is_inherited(engine)) {
        ikv_queue_close_client(&attachment->client);
        if (engine->is_private)
            ikv_engine_stop(engine);
        else
            ikv_queue_release_files(&attachment->client);
    }
    free(attachment);
    ikv_engine_release(engine);
}

struct ikv_attachment *ikv_attachment_current(struct ikv_attachment *attachment)
{
    while (ikv_engine_is_inherited(attachment->engine)) {
        struct ikv_attachment *successor = atomic_load(&attachment->successor);
        if (!successor) {
            struct ikv_engine *engine = ikv_engine_current(attachment->engine);
            struct ikv_attachment *created = NULL;
            if (!engine || attach_to(engine, attachment->client.store, &created) < 0)
                return NULL;
            if (atomic_compare_exchange_strong(&attachment->successor, &successor, created))
                successor = created;
            else
                ikv_detach(created); /* another thread was faster */
        }
        attachment = successor;
    }
    return attachment;
}

unsigned ikv_attachment_workers(struct ikv_attachment *attachment)
{
    attachment = ikv_attachment_current(attachment);
    return attachment ? ikv_engine_start(attachment->engine) : 0;
}

bool ikv_attachment_limits_bytes(const struct ikv_attachment *attachment)
{
    return attachment->engine->shared.options.max_bytes_in_flight > 0;
}

int ikv_attachment_ring_code(struct ikv_attachment *attachment)
{
    if (!ikv_io_ring())
        return IKV_E_UNSUPPORTED;
    while (attachment && ikv_engine_is_inherited(attachment->engine))
        attachment = atomic_load(&attachment->successor);
    return attachment
               ? atomic_load_explicit(&attachment->engine->shared.ring_code, memory_order_relaxed)
               : 0;
}

int ikv_attachment_run(struct ikv_attachment *attachment, struct ikv_job *job)
{
    attachment = ikv_attachment_current(attachment);
    if (!attachment)
        return -ENOMEM;
    if (ikv_engine_is_worker(attachment->engine))
        return IKV_E_STATE;
    job->done = NULL;
    job->completions = NULL;
    int code = ikv_queue_push(&attachment->client, job, true);
    if (code < 0)
        return code;
    ikv_job_wait(job);
    return 0;
}

int ikv_attachment_submit(struct ikv_attachment *attachment, struct ikv_job *job, bool may_wait)
{
    attachment = ikv_attachment_current(attachment);
    if (!attachment)
        return -ENOMEM;
    return ikv_queue_push(&attachment->client, job,
                          may_wait && !ikv_engine_is_worker(attachment->engine));
}

ikv_engine *ikv_store_engine(const ikv_store *store)
{
    const struct ikv_attachment *attachment = ikv_attachment_current(store->attachment);

    return attachment ? attachment->engine : NULL;
}
