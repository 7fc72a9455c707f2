#include "pool/job.h"

int ikv_job_init(struct ikv_job *job, ikv_result *result)
{
    *job = (struct ikv_job){.result = result};
    if (pthread_mutex_init(&job->lock, NULL) != 0)
        return -ENOMEM;
    if (pthread_cond_init(&job->finished, NULL) != 0) {
        (void)pthread_mutex_destroy(&job->lock);
        return -ENOMEM;
    }
    return 0;
}

void ikv_job_destroy(struct ikv_job *job)
{
    ikv_job_cancel(job);
    ikv_job_wait(job);
    (void)pthread_cond_destroy(&job->finished);
    (void)pthread_mutex_destroy(&job->lock);
}

void ikv_job_set_runs(struct ikv_job *job, struct ikv_run *const *runs, unsigned count)
{
    job->runs = runs;
    job->run_count = count;
    job->next_run = 0;
    atomic_store_explicit(&job->runs_left, count, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++)
        runs[i]->owner = job;
}

void ikv_job_cancel(struct ikv_job *job)
{
    if (ikv_job_is_busy(job))
        job->ops->cancel(job);
}

void ikv_job_wait(struct ikv_job *job)
{
    (void)pthread_mutex_lock(&job->lock);
    while (ikv_job_is_busy(job))
        (void)pthread_cond_wait(&job->finished, &job->lock);
    (void)pthread_mutex_unlock(&job->lock);
}

void ikv_job_release(struct ikv_job *job)
{
    (void)pthread_mutex_lock(&job->lock);
    atomic_store_explicit(&job->busy, false, memory_order_release);
    (void)pthread_cond_broadcast(&job->finished);
    (void)pthread_mutex_unlock(&job->lock);
}
