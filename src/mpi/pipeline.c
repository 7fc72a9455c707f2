#include "mpi/pipeline.h"

#include "mpi/agree.h"

/* ---------------------------------------------------------------- a round begins */

/* Ask the caller for a batch. */
static void next_batch(struct pipeline *pipeline)
{
    struct lookup *lookup = &pipeline->lookup;
    pipeline->taken = pipeline->count = 0;
    pipeline->keys = NULL;
    if (pipeline->ended || lookup->failed)
        return;
    const void *keys = NULL;
    size_t count = 0;
    const double start = MPI_Wtime();
    const int result = pipeline->stream->next(pipeline->stream->user, &keys, &count);
    lookup->times.input += MPI_Wtime() - start;
    if (result < 0 || result > 1 || (result == 1 && count > lookup->table->round_keys)) {
        ikv_lookup_fail(lookup, result < 0 ? result : IKV_E_INVALID, NULL);
    } else if (result == 0) {
        pipeline->ended = true;
    } else {
        pipeline->keys = keys;
        pipeline->count = count;
    }
}

/* What ranks agree on: the maximum of each over all ranks. */
struct plan {
    int64_t overload; /* times as many keys as a rank can receive; 1: no more */
    int64_t rest;     /* keys of the batch that remain after this round */
    int64_t more;     /* 1: there may be another batch */
    int64_t failed;   /* 1: the call ends */
    int64_t limit;    /* negated: the least of the ranks' limits */
};

static int64_t overload_of(const struct pipeline *pipeline, const struct round *round)
{
    const size_t received = round->keys_exchange.received / pipeline->lookup.table->key_width;
    return (int64_t)((received + pipeline->take_limit - 1) / pipeline->take_limit);
}

static struct plan agree(struct pipeline *pipeline, const struct round *round)
{
    struct lookup *lookup = &pipeline->lookup;
    struct plan plan = {
        .overload = overload_of(pipeline, round),
        .rest = (int64_t)(pipeline->count - pipeline->taken - round->count),
        .more = !pipeline->ended,
        .failed = lookup->failed,
        .limit = -(int64_t)pipeline->own_limit,
    };
    (void)MPI_Allreduce(MPI_IN_PLACE, &plan, sizeof plan / sizeof(int64_t), MPI_INT64_T, MPI_MAX,
                        lookup->table->comm);
    lookup->other_counts.collectives++;
    return plan;
}

/*
 * Choose how many keys each rank sends, so that no rank receives more than it can take: if keys are
 * skewed, fewer. The next round tries twice as many. Returns false to end the call.
 */
static bool plan_round(struct pipeline *pipeline, struct round *round, struct plan *ret_plan)
{
    struct lookup *lookup = &pipeline->lookup;
    const size_t rest = pipeline->count - pipeline->taken;
    size_t limit = pipeline->limit;
    round->keys = NULL;
    if (rest > 0)
        round->keys = pipeline->keys + pipeline->taken * lookup->table->key_width;
    round->first = pipeline->taken;
    ikv_round_route(round, lookup, rest < limit ? rest : limit);
    for (;;) {
        ikv_round_count(round, lookup, rest < limit ? rest : limit);
        ikv_exchange_sizes(&round->keys_exchange, &lookup->other_counts);
        /* More than this rank can take is not sent: the plan says so. */
        if ((overload_of(pipeline, round) <= 1 || limit == 1) &&
            ikv_round_reserve(round, lookup->table) != 0)
            ikv_lookup_fail(lookup, -ENOMEM, NULL);
        *ret_plan = agree(pipeline, round);
        pipeline->failed = ret_plan->failed != 0;
        if (pipeline->failed)
            return false;
        if (ret_plan->overload <= 1 || limit == 1)
            break;
        limit = limit > (size_t)ret_plan->overload ? limit / (size_t)ret_plan->overload : 1;
    }
    const size_t least = (size_t)-ret_plan->limit;
    pipeline->limit = limit < least / 2 ? limit * 2 : least;
    return true;
}

/* Returns false if there are no more keys on any rank, or the call ends. */
static bool start_round(struct pipeline *pipeline)
{
    struct lookup *lookup = &pipeline->lookup;
    struct round *round = &pipeline->rounds[pipeline->started % ROUNDS];
    if (pipeline->batch_ended)
        next_batch(pipeline);
    const bool new_batch = pipeline->batch_ended;
    struct plan plan;
    const double start = MPI_Wtime();
    if (!plan_round(pipeline, round, &plan))
        return false;
    /* All ranks ended: there is neither a batch nor the rest of one. */
    if (new_batch && !plan.more)
        return false;
    ikv_round_pack(round, lookup);
    ikv_exchange_start(&round->keys_exchange, round->out.data, round->in.data, &lookup->key_counts);
    ikv_exchange_wait(&round->keys_exchange);
    lookup->times.exchange += MPI_Wtime() - start;
    pipeline->taken += round->count;
    pipeline->batch_ended = round->last = plan.rest == 0;
    ikv_round_submit(round, lookup);
    pipeline->started++;
    lookup->stats.rounds++;
    return true;
}

/* ---------------------------------------------------------------- a round ends */

/* Half of the limit if a round took more bytes than its share, twice as much, up to `most`, if it
 * took less than a quarter. */
static size_t adapted(size_t limit, size_t most, uint64_t bytes, uint64_t share)
{
    if (bytes > share)
        return (limit + 1) / 2;
    if (bytes >= share / 4)
        return limit;
    return limit < most / 2 ? limit * 2 : most;
}

/* If values are larger than expected, take fewer keys, until they are smaller again. */
static void adapt(struct pipeline *pipeline, const struct round *round)
{
    const ikv_mpi *table = pipeline->lookup.table;
    const uint64_t share = table->memory / ROUNDS;
    pipeline->take_limit =
        adapted(pipeline->take_limit, ikv_mpi_take_limit(table), round->answers.size, share);
    pipeline->own_limit = adapted(pipeline->own_limit, table->round_keys, round->got.size, share);
}

static void look_up_round(struct pipeline *pipeline)
{
    struct round *round = &pipeline->rounds[pipeline->looked_up++ % ROUNDS];
    ikv_round_answer(round, &pipeline->lookup);
    ikv_round_send_answers(round, &pipeline->lookup);
    adapt(pipeline, round);
}

static void answer_round(struct pipeline *pipeline)
{
    struct lookup *lookup = &pipeline->lookup;
    struct round *round = &pipeline->rounds[pipeline->answered++ % ROUNDS];
    ikv_round_decode(round, lookup);
    const double start = MPI_Wtime();
    const int code = pipeline->stream->answers(pipeline->stream->user, round->first, round->items,
                                               round->count, round->last);
    lookup->times.output += MPI_Wtime() - start;
    if (code != 0)
        ikv_lookup_fail(lookup, code < 0 ? code : IKV_E_INVALID, NULL);
}

static void run(struct pipeline *pipeline)
{
    while (start_round(pipeline)) {
        if (pipeline->started - pipeline->looked_up > 1)
            look_up_round(pipeline);
        if (pipeline->started - pipeline->answered > 2)
            answer_round(pipeline);
    }
}

/* Finish the rounds in progress, or give them up after an error. */
static void drain(struct pipeline *pipeline)
{
    while (!pipeline->failed && pipeline->answered < pipeline->started) {
        if (pipeline->looked_up < pipeline->started)
            look_up_round(pipeline);
        answer_round(pipeline);
    }
    for (int i = 0; i < ROUNDS; i++) {
        ikv_round_cancel(&pipeline->rounds[i], &pipeline->lookup);
        ikv_exchange_wait(&pipeline->rounds[i].answers_exchange);
    }
}

/* The result of the call: an error that ended it on any rank, else a read error. */
static int agree_result(struct lookup *lookup, ikv_error *err)
{
    const ikv_mpi *table = lookup->table;
    *err = lookup->error;
    const int ended = ikv_mpi_agree(table->comm, lookup->failed ? lookup->code : 0, err);
    lookup->stats.complete = ended == 0;
    return ended != 0 ? ended : ikv_mpi_agree(table->comm, lookup->code, err);
}

int ikv_pipeline_run(struct pipeline *pipeline, ikv_error *err)
{
    struct lookup *lookup = &pipeline->lookup;
    const ikv_mpi *table = lookup->table;
    int code = 0;
    for (int i = 0; i < ROUNDS && code == 0; i++)
        code = ikv_round_init(&pipeline->rounds[i], table);
    code = ikv_mpi_agree(table->comm, code != 0 ? ikv_mpi_no_memory(err) : 0, err);
    if (code == 0) {
        pipeline->batch_ended = true;
        pipeline->limit = pipeline->own_limit = table->round_keys;
        pipeline->take_limit = ikv_mpi_take_limit(table);
        run(pipeline);
        drain(pipeline);
        code = agree_result(lookup, err);
    }
    for (int i = 0; i < ROUNDS; i++)
        ikv_round_free(&pipeline->rounds[i], table);
    return code;
}
