/* Lookups that do not wait. */
#include "core/query/query.h"
#include "pool/attachment.h"

static int check(const ikv_submit_options *options, ikv_submit_options *known, ikv_error *err)
{
    int code = ikv_options_copy(known, sizeof *known, options, err);

    if (code < 0)
        return code;
    if (known->on_done && known->completions)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE,
                        "submit options: on_done and completions exclude each other");
    if (known->flags & ~(uint32_t)IKV_SUBMIT_NONBLOCK)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "submit options: unknown flags");
    return 0;
}

/* Cut the batch and queue it. */
static int submit(struct ikv_result *result, const ikv_submit_options *options)
{
    struct ikv_attachment *attachment = ikv_attachment_current(result->batch.store->attachment);
    const unsigned workers = attachment ? ikv_attachment_workers(attachment) : 0;

    if (workers == 0)
        return attachment ? -EAGAIN : -ENOMEM;
    int code = ikv_query_cut(result, workers);
    if (code < 0)
        return code;
    struct ikv_job *job = ikv_query_job(result);
    job->done = options->on_done;
    job->user = options->user;
    job->completions = options->completions;
    return ikv_attachment_submit(attachment, job, !(options->flags & IKV_SUBMIT_NONBLOCK));
}

int ikv_submit(ikv_store *store, const void *keys, size_t count, const ikv_get_options *options,
               const ikv_submit_options *submit_options, ikv_result *result, ikv_error *err)
{
    ikv_submit_options known = {0};

    int code = check(submit_options, &known, err);
    if (code == 0)
        code = ikv_query_begin(store, keys, count, options, result, err);
    if (code < 0)
        return code;
    result->must_wait = !known.on_done && !known.completions;
    code = submit(result, &known);
    if (code < 0) {
        result->must_wait = false;
        ikv_query_end(result, code);
        if (err)
            *err = result->error;
    }
    return code;
}

int ikv_wait(ikv_result *result, ikv_error *err)
{
    if (!result || !result->must_wait)
        return ikv_fail(err, IKV_E_STATE, IKV_NOWHERE, "ikv_wait: no batch to wait for");
    ikv_job_wait(&result->job);
    result->must_wait = false;
    if (result->code < 0 && err)
        *err = result->error;
    return result->code;
}

void ikv_cancel(ikv_result *result)
{
    if (result)
        ikv_job_cancel(&result->job);
}
