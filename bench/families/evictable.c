#include "families/evictable.h"
#include "peers/peer_indexkv.h"
#include "peers/peer_lookups.h"

#include <sys/resource.h>

void evictable_init(struct evictable *evictable, const struct dataset *data, uint32_t copy,
                    ikv_backend backend, struct key_pool *pool)
{
    struct dataset own = *data;

    own.copy = copy;
    evictable->peer = peer_acquire(peer_indexkv_new(&own, backend, 1));
    evictable->batches = peer_batches_new(evictable->peer, pool, EVICTABLE_BATCH);
}

int evictable_open(struct evictable *evictable, struct bench_error *error)
{
    int code = evictable->batches->kind->open(evictable->batches, error);
    if (code == BENCH_OK)
        code =
            dataset_ensure(&evictable->peer->data, evictable->path, sizeof evictable->path, error);
    return code == BENCH_OK ? residency_open(&evictable->residency, evictable->path, error) : code;
}

void evictable_close(struct evictable *evictable)
{
    residency_close(&evictable->residency);
    evictable->batches->kind->close(evictable->batches);
    peer_release(evictable->peer);
}

static struct faults faults_now(void)
{
    struct rusage caller = {0};
    struct rusage all = {0};

    (void)getrusage(RUSAGE_THREAD, &caller);
    (void)getrusage(RUSAGE_SELF, &all);
    return (struct faults){(uint64_t)caller.ru_majflt, (uint64_t)all.ru_majflt};
}

int evictable_step(struct evictable *evictable, struct step *total, struct faults *faults,
                   struct bench_error *error)
{
    const struct faults before = faults_now();
    struct step step = {0};

    const int code = evictable->batches->kind->step(evictable->batches, &step, error);
    if (code != BENCH_OK)
        return code;
    total->items += step.items;
    total->reads += step.reads;
    total->mapped += step.mapped;
    total->spent.wall += step.spent.wall;
    total->spent.cpu += step.spent.cpu;
    if (faults) {
        const struct faults after = faults_now();
        faults->caller += after.caller - before.caller;
        faults->all += after.all - before.all;
    }
    return BENCH_OK;
}
