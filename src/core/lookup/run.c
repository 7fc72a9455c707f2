#include "core/lookup/run.h"

#include "core/base/stats.h"

void ikv_run_reset(struct ikv_run *run, struct ikv_batch *batch)
{
    ikv_arena_reset(&run->arena);
    ikv_stats_clear(&run->stats);
    ikv_problem_clear(&run->problem);
    run->is_resident = false;
    run->pending = 0;
    run->batch = batch;
    run->fatal = 0;
    run->latency_rows = 0;
}

void ikv_run_free(struct ikv_run *run)
{
    ikv_arena_free(&run->arena);
    ikv_scratch_free(&run->latency);
    ikv_scratch_free(&run->learned_memory);
    ikv_scratch_free(&run->tails);
    ikv_scratch_free(&run->postponed);
    ikv_scratch_free(&run->separate);
}

void ikv_run_set_places(const struct ikv_run *run, uint32_t begin, uint32_t end)
{
    struct ikv_hit *hits = ikv_run_hits(run);

    for (uint32_t i = begin; i < end; i++) {
        const uint32_t *starts = run->starts + hits[i].key;
        hits[i].place =
            starts[1] - starts[0] == 1 ? run->batch->places[starts[0]] : IKV_MANY_PLACES;
    }
}
