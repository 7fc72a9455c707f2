#include "families/dropping.h"
#include "peers/peer_indexkv.h"
#include "peers/peer_lookups.h"

#include <sys/resource.h>

void dropping_choose(struct dropping *dropping, const struct dataset *data, uint32_t copy,
                     ikv_backend backend, struct key_pool *pool)
{
    struct dataset own = *data;

    own.copy = copy;
    dropping->peer = peer_use(peer_indexkv_new(&own, backend, 1));
    dropping->batches = peer_batches_new(dropping->peer, pool, DROPPING_BATCH);
}

int dropping_open(struct dropping *dropping, struct bench_error *error)
{
    int code = dropping->batches->kind->open(dropping->batches, error);
    if (code == BENCH_OK)
        code = dataset_get(&dropping->peer->data, dropping->path, sizeof dropping->path, error);
    return code == BENCH_OK ? residency_open(&dropping->residency, dropping->path, error) : code;
}

void dropping_close(struct dropping *dropping)
{
    residency_close(&dropping->residency);
    dropping->batches->kind->close(dropping->batches);
    peer_leave(dropping->peer);
}

static struct faults faults_now(void)
{
    struct rusage caller = {0};
    struct rusage all = {0};

    (void)getrusage(RUSAGE_THREAD, &caller);
    (void)getrusage(RUSAGE_SELF, &all);
    return (struct faults){(uint64_t)caller.ru_majflt, (uint64_t)all.ru_majflt};
}

int dropping_step(struct dropping *dropping, struct step *total, struct faults *faults,
                  struct bench_error *error)
{
    const struct faults before = faults_now();
    struct step step = {0};

    const int code = dropping->batches->kind->step(dropping->batches, &step, error);
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
