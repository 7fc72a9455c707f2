#include "core/lookup/tails.h"

/* Bytes of long values that may be in memory on their way to the caller. */
#define PASSING_MEMORY ((size_t)16 << 20)

static bool fits(const struct ikv_run *run, uint32_t size)
{
    return !ikv_run_passes_on(run) || run->tails_unfinished == 0 ||
           (size <= PASSING_MEMORY && run->arena.allocated <= PASSING_MEMORY - size);
}

static struct ikv_tail *append(struct ikv_run *run, struct ikv_scratch *list, uint32_t *count)
{
    const size_t used = *count * sizeof(struct ikv_tail);
    struct ikv_tail *tails = ikv_scratch_keep(list, used, used + sizeof *tails);

    if (!tails) {
        run->fatal = -ENOMEM;
        return NULL;
    }
    return &tails[(*count)++];
}

void ikv_tails_add(struct ikv_run *run, struct ikv_tail tail, const unsigned char *bytes)
{
    struct ikv_tail *added;

    if (!fits(run, tail.size)) {
        added = append(run, &run->postponed, &run->postponed_count);
        if (added)
            *added = (struct ikv_tail){tail.hit_begin, tail.hit_end, NULL, tail.size, 0};
        return;
    }
    tail.record = ikv_arena_alloc(&run->arena, tail.size);
    if (!tail.record) {
        run->fatal = -ENOMEM;
        return;
    }
    if (bytes)
        memcpy(tail.record, bytes, tail.have);
    added = append(run, &run->tails, &run->tail_count);
    if (!added)
        return;
    *added = tail;
    run->tails_unfinished++;
}

/* Make the next postponed record a tail if there is room now. */
static bool resume(struct ikv_run *run)
{
    const struct ikv_tail *postponed = run->postponed.bytes;

    if (run->postponed_next == run->postponed_count ||
        !fits(run, postponed[run->postponed_next].size))
        return false;
    ikv_tails_add(run, postponed[run->postponed_next++], NULL);
    return !run->fatal;
}

const struct ikv_tail *ikv_tails_next(struct ikv_run *run)
{
    if (run->tail_next == run->tail_count && !resume(run))
        return NULL;
    return (const struct ikv_tail *)run->tails.bytes + run->tail_next++;
}

void ikv_tails_end(struct ikv_run *run)
{
    if (--run->tails_unfinished == 0 && ikv_run_passes_on(run))
        ikv_arena_reset(&run->arena);
}
