/*
 * submit/...: one thread keeps several small batches in flight with ikv_submit, and takes them from
 * a completion queue. With one in flight, this is like a blocking call; with many, small batches
 * fill a ring like a large one.
 */
#include "families/families.h"
#include "families/small_batches.h"
#include "harness/harness.h"
#include "subjects/engines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define IN_FLIGHT_MAX 64

struct submitter {
    struct small_batches batches; /* must be first: set_up and tear_down get its address */
    unsigned max_in_flight;
};

/* A batch in flight. */
struct place {
    ikv_result *result;
    uint64_t batch;
};

struct submit_run {
    const struct submitter *submitter;
    ikv_completions *completions;
    struct place places[IN_FLIGHT_MAX];
    uint64_t next;      /* number of the next batch */
    uint64_t bytes;     /* read */
    ikv_stats last;     /* of the last completed batch */
    unsigned in_flight; /* batches */
};

static int submit(struct submit_run *run, struct place *place, struct bench_error *error)
{
    const struct small_batches *batches = &run->submitter->batches;
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;
    ikv_error err;

    place->batch = run->next++;
    options.completions = run->completions;
    const int code = ikv_submit(batches->store, small_batches_keys(batches, place->batch),
                                SMALL_BATCH_KEYS, NULL, &options, place->result, &err);
    if (code < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    run->in_flight++;
    return BENCH_OK;
}

static struct place *wait_for_one(struct submit_run *run)
{
    struct pollfd ready = {.fd = ikv_completions_fd(run->completions), .events = POLLIN};
    ikv_result *result = NULL;

    while ((result = ikv_completions_next(run->completions)) == NULL) {
        if (poll(&ready, 1, -1) < 0 && errno != EINTR)
            return NULL;
    }
    run->in_flight--;
    for (unsigned i = 0; i < run->submitter->max_in_flight; i++) {
        if (run->places[i].result == result)
            return &run->places[i];
    }
    return NULL;
}

/* Waits for a batch, and submits another one in its place. */
static int wait_and_resubmit(struct submit_run *run, struct bench_error *error)
{
    struct place *place = wait_for_one(run);

    if (!place)
        return bench_error_set(error, BENCH_FAILED, "completion of an unknown batch");
    int code = ikv_result_code(place->result);
    if (code < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", ikv_strerror(code));
    run->last = *ikv_result_stats(place->result);
    run->bytes += run->last.index_bytes + run->last.record_bytes;
    code = small_batches_check(&run->submitter->batches, place->batch, place->result, error);
    return code == BENCH_OK ? submit(run, place, error) : code;
}

static int begin(struct submit_run *run, struct bench_error *error)
{
    ikv_error err;
    int code = BENCH_OK;

    if (ikv_completions_new(&run->completions, &err) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    for (unsigned i = 0; i < run->submitter->max_in_flight && code == BENCH_OK; i++) {
        if (ikv_result_new(&run->places[i].result) < 0)
            return bench_error_set(error, BENCH_FAILED, "out of memory");
        code = submit(run, &run->places[i], error);
    }
    return code;
}

/* A result must not be freed before its batch has completed. */
static void end(struct submit_run *run)
{
    for (unsigned i = 0; i < run->submitter->max_in_flight; i++)
        ikv_cancel(run->places[i].result);
    while (run->in_flight > 0 && wait_for_one(run))
        ;
    for (unsigned i = 0; i < run->submitter->max_in_flight; i++)
        ikv_result_free(run->places[i].result);
    ikv_completions_free(run->completions);
}

static void run_submit(struct bench_state *state)
{
    struct submit_run run = {.submitter = bench_user(state)};
    struct process_io io;
    struct bench_error error;
    uint64_t batches = 0;

    process_io_now(&io);
    int code = begin(&run, &error);

    while (code == BENCH_OK && bench_keep_running(state)) {
        code = wait_and_resubmit(&run, &error);
        batches++;
    }
    if (code == BENCH_OK) {
        bench_items(state, batches * SMALL_BATCH_KEYS);
        small_batches_label(&run.submitter->batches, state, &io, run.bytes, &run.last);
    } else {
        bench_stop(state, code, &error);
    }
    end(&run);
}

void submit_register(const struct options *options)
{
    static const unsigned in_flight[] = {1, 8, IN_FLIGHT_MAX};
    static const struct {
        const char *name;
        bool cold;
    } ways[] = {{"submit/warm", false}, {"submit/cold", true}};

    for (int way = 0; way < 2; way++) {
        for (int i = 0; i < 3; i++) {
            struct submitter *submitter = bench_alloc(sizeof *submitter);
            small_batches_init(&submitter->batches, options, ways[way].cold);
            submitter->max_in_flight = in_flight[i];
            bench_register(
                &(struct bench){.name = ways[way].name,
                                .args = {{"batch", SMALL_BATCH_KEYS}, {"in_flight", in_flight[i]}},
                                .run = run_submit,
                                .set_up = small_batches_open,
                                .tear_down = small_batches_close,
                                .user = submitter});
        }
    }
}
