#include "pool/completions.h"

#include "core/platform/platform.h"

#include <stdlib.h>

struct ikv_completions {
    struct ikv_notifier notifier;
    pthread_mutex_t lock;
    struct ikv_job *first;
    struct ikv_job *last;
};

int ikv_completions_new(ikv_completions **ret_completions, ikv_error *err)
{
    if (!ret_completions)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE,
                        "ikv_completions_new: an argument is NULL");
    struct ikv_completions *completions = calloc(1, sizeof *completions);
    int code = completions ? ikv_notifier_open(&completions->notifier) : -ENOMEM;
    if (code == 0 && pthread_mutex_init(&completions->lock, NULL) != 0) {
        ikv_notifier_close(&completions->notifier);
        code = -ENOMEM;
    }
    if (code < 0) {
        free(completions);
        return ikv_fail(err, code, IKV_NOWHERE, "cannot create a completion queue");
    }
    *ret_completions = completions;
    return 0;
}

int ikv_completions_fd(const ikv_completions *completions)
{
    return completions->notifier.fds[0];
}

void ikv_completions_push(ikv_completions *completions, struct ikv_job *job)
{
    (void)pthread_mutex_lock(&completions->lock);
    job->next_completed = NULL;
    if (completions->last)
        completions->last->next_completed = job;
    else
        completions->first = job;
    completions->last = job;
    if (completions->first == job)
        ikv_notifier_raise(&completions->notifier);
    (void)pthread_mutex_unlock(&completions->lock);
}

ikv_result *ikv_completions_next(ikv_completions *completions)
{
    (void)pthread_mutex_lock(&completions->lock);
    const struct ikv_job *job = completions->first;
    if (job) {
        completions->first = job->next_completed;
        if (!completions->first) {
            completions->last = NULL;
            ikv_notifier_clear(&completions->notifier);
        }
    }
    (void)pthread_mutex_unlock(&completions->lock);
    return job ? job->result : NULL;
}

void ikv_completions_free(ikv_completions *completions)
{
    if (!completions)
        return;
    ikv_notifier_close(&completions->notifier);
    (void)pthread_mutex_destroy(&completions->lock);
    free(completions);
}
