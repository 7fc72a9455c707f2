#include "lookup/lookup.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Target and limit for the total size of the values in all batches in flight. The limit is exceeded
 * only if a single value is larger. Plain stores do not record the size of their largest value: for
 * them, batch sizes are adapted to the values of previous batches.
 */
#define VALUES_TARGET (UINT64_C(128) << 20)
#define VALUES_MAX    (UINT64_C(1) << 30)

/* ---------------------------------------------------------------- batch size */

/* The number of keys whose values fit into `bytes`, if each value takes `size`. */
static size_t keys_within(uint64_t bytes, uint64_t size)
{
    if (size == 0 || bytes / size >= LOOKUP_BATCH_DEFAULT)
        return LOOKUP_BATCH_DEFAULT;
    return bytes < size ? 1 : (size_t)(bytes / size);
}

/* The number of single-key batches whose values fit into `bytes`. */
static unsigned batches_within(uint64_t bytes, uint64_t size)
{
    if (size == 0 || bytes / size >= LOOKUP_IN_FLIGHT)
        return LOOKUP_IN_FLIGHT;
    return bytes < size ? 1 : (unsigned)(bytes / size);
}

static void choose_batch_size(struct lookup *lookup)
{
    const ikv_info *info = &lookup->info;
    lookup->max_in_flight = LOOKUP_IN_FLIGHT;
    if (lookup->options.batch != 0) {
        lookup->batch_size = lookup->batch_limit = (size_t)lookup->options.batch;
        return;
    }
    lookup->batch_limit = LOOKUP_BATCH_DEFAULT;
    /* Equal keys of a batch share one copy of their value, so a batch never takes more than all
     * values of the store together. */
    if (info->value_bytes > VALUES_MAX / LOOKUP_IN_FLIGHT) {
        lookup->max_in_flight = batches_within(VALUES_MAX, info->value_size_max);
        lookup->batch_limit = keys_within(VALUES_MAX / lookup->max_in_flight, info->value_size_max);
    }
    uint64_t typical = info->pair_count > 0 ? info->records_end / info->pair_count : 0;
    if (typical < info->value_size_p99)
        typical = info->value_size_p99;
    lookup->batch_size = keys_within(VALUES_TARGET / lookup->max_in_flight, typical);
    if (lookup->batch_size > lookup->batch_limit)
        lookup->batch_size = lookup->batch_limit;
}

/*
 * An upper bound on the bytes of values in a result, from two others: the bytes read include the
 * gaps between records that were read together, and the sum of value sizes counts shared values
 * several times.
 */
static uint64_t value_bytes(const ikv_result *result)
{
    const ikv_item *items = ikv_result_items(result);
    uint64_t read = ikv_result_stats(result)->record_bytes, answered = 0;
    for (size_t i = 0; i < ikv_result_count(result); i++)
        answered += items[i].size;
    return read < answered ? read : answered;
}

/* Values can be larger than expected, or large ones clustered: adapt to the last batch. */
void lookup_adapt_batch_size(struct lookup *lookup, struct lookup_slot *slot)
{
    if (lookup->options.batch != 0)
        return;
    uint64_t bytes = value_bytes(slot->result);
    uint64_t share = VALUES_TARGET / lookup->max_in_flight;
    /* An earlier batch of the same size has changed the batch size already. */
    bool adapted = slot->limit != lookup->batch_size;
    if (bytes > share) {
        /* Otherwise the result would keep the memory of the largest batch. */
        ikv_result_clear(slot->result);
        if (adapted)
            return;
        if (lookup->batch_size > 1)
            lookup->batch_size /= 2;
        else if (lookup->max_in_flight > 1)
            lookup->max_in_flight--;
    } else if (!adapted && bytes < share / 4 && lookup->batch_size <= lookup->batch_limit / 2) {
        lookup->batch_size *= 2;
    }
}

/* ---------------------------------------------------------------- one batch */

bool lookup_can_continue(const struct lookup *lookup)
{
    return !lookup->stopped && lookup->answers.writer.output->error == 0;
}

void lookup_add_status(struct lookup *lookup, int status)
{
    lookup->status = exit_status_worse(lookup->status, status);
}

struct lookup_slot *lookup_next_slot(struct lookup *lookup)
{
    return &lookup->slots[(lookup->oldest + lookup->in_flight) % LOOKUP_SLOTS];
}

int lookup_read_keys(struct lookup *lookup, struct lookup_slot *slot)
{
    const int result = key_reader_next(lookup->reader, slot->limit, &slot->keys);
    slot->offset = input_position(&lookup->reader->input);
    return result;
}

/* Errors are kept until the answers are written, so that they are reported in the order of the
 * keys. */
void lookup_start_batch(struct lookup *lookup, struct lookup_slot *slot)
{
    const void *keys = slot->keys.keys.data;
    size_t count = slot->keys.count;
    const ikv_get_options *options = &lookup->options.get;
    if (lookup->calls++ == 0)
        lookup->started = seconds_now();
    int code = -EAGAIN; /* ikv_submit returns it if no worker thread could be started */
    if (count > LOOKUP_INLINE_MAX)
        code = ikv_submit(lookup->store, keys, count, options, NULL, slot->result, &slot->error);
    slot->submitted = code == 0;
    if (code == -EAGAIN)
        code = ikv_get_many(lookup->store, keys, count, options, slot->result, &slot->error);
    slot->code = code;
}

static void add_stats(struct lookup *lookup, const ikv_result *result)
{
    ikv_stats_add(&lookup->stats, ikv_result_stats(result));
    if (lookup->latency == NULL)
        return;
    for (uint32_t row = 0; row <= IKV_LEVELS_MAX; row++) {
        const ikv_latency *latency =
            ikv_result_latency(result, row < IKV_LEVELS_MAX ? row : IKV_LATENCY_RECORDS);
        if (latency != NULL)
            ikv_latency_add(&lookup->latency[row], latency);
    }
}

/* Ask other stores for keys that are missing, and write the answers. */
static int write_answers(struct lookup *lookup, const struct lookup_slot *slot,
                         const ikv_error *problem)
{
    struct answer_batch batch = {.items = ikv_result_items(slot->result),
                                 .count = ikv_result_count(slot->result),
                                 .problem = problem};
    int status = STATUS_DONE;
    if (lookup->fallback.count > 0) {
        status = fallback_look_up(&lookup->fallback, &slot->keys, slot->result,
                                  &lookup->options.get, &lookup->stats);
        if (lookup->fallback.items.size < batch.count * sizeof(ikv_item)) {
            lookup->stopped = true; /* out of memory */
            return status;
        }
        batch.items = fallback_items(&lookup->fallback);
        batch.origins = fallback_origins(&lookup->fallback);
    }
    return exit_status_worse(status, answers_write(&lookup->answers, &slot->keys, &batch));
}

static void show_progress(struct lookup *lookup, const struct lookup_slot *slot)
{
    const struct key_reader *reader = lookup->reader;
    const bool file = reader->arguments == NULL;
    progress_update(lookup->progress,
                    &(struct progress_point){
                        .phase = "get",
                        .count = lookup->keys_done,
                        .unit = "keys",
                        .done = file ? slot->offset : lookup->keys_done,
                        .total = file ? reader->input.size : reader->argument_count,
                        .waits = lookup->waits,
                    });
}

/* Add the time since `start` to what this thread waited for. */
static double add_wait(double *wait, double start)
{
    const double now = seconds_now();
    *wait += now - start;
    return now;
}

int lookup_finish_batch(struct lookup *lookup, struct lookup_slot *slot)
{
    double start = seconds_now();
    if (slot->submitted)
        slot->code = ikv_wait(slot->result, &slot->error);
    const ikv_stats *stats = ikv_result_stats(slot->result);
    const bool disk = stats->index_reads + stats->record_reads + stats->major_faults > 0;
    start = add_wait(disk ? &lookup->waits.disk : &lookup->waits.lookups, start);
    lookup->ended = start;

    const ikv_error *problem = slot->code != 0 ? &slot->error : ikv_result_problem(slot->result);
    int status = problem != NULL ? library_error(problem) : STATUS_DONE;
    if (slot->code != 0 && ikv_result_count(slot->result) != slot->keys.count) {
        lookup->stopped = true;
        return status;
    }
    add_stats(lookup, slot->result);
    status = exit_status_worse(status, write_answers(lookup, slot, problem));
    lookup->keys_done += slot->keys.count;
    add_wait(&lookup->waits.output, start);
    show_progress(lookup, slot);
    return status;
}

/* ---------------------------------------------------------------- all batches */

static void finish_oldest(struct lookup *lookup)
{
    struct lookup_slot *slot = &lookup->slots[lookup->oldest];
    lookup->oldest = (lookup->oldest + 1) % LOOKUP_SLOTS;
    lookup->in_flight--;
    lookup_add_status(lookup, lookup_finish_batch(lookup, slot));
    if (!lookup->stopped)
        lookup_adapt_batch_size(lookup, slot);
}

static void finish_all(struct lookup *lookup)
{
    while (lookup->in_flight > 0 && lookup_can_continue(lookup))
        finish_oldest(lookup);
}

/* The writer of the keys may wait for the answers before it writes more, and errors must be
 * reported in the order of the keys: finish all batches before waiting for input or reporting a bad
 * key. */
static bool drain(void *user)
{
    struct lookup *lookup = user;
    finish_all(lookup);
    if (lookup_can_continue(lookup))
        output_flush(lookup->answers.writer.output);
    return lookup_can_continue(lookup);
}

/* Read the next batch into a free slot and start it. false: no more batches. */
static bool read_batch(struct lookup *lookup)
{
    struct lookup_slot *slot = lookup_next_slot(lookup); /* `drain` only frees slots before it */
    const double start = seconds_now();
    slot->limit = lookup->batch_size;
    int result = lookup_read_keys(lookup, slot);
    add_wait(&lookup->waits.reading, start);
    if (result == INPUT_FAILED)
        lookup_add_status(lookup, lookup->reader->status);
    if (result != INPUT_MORE || !lookup_can_continue(lookup))
        return false;
    lookup_start_batch(lookup, slot);
    lookup->in_flight++;
    return true;
}

/* Cancel the batches in flight and discard their results. */
static void cancel_all(struct lookup *lookup)
{
    for (unsigned i = 0; i < LOOKUP_SLOTS; i++)
        ikv_cancel(lookup->slots[i].result);
    for (; lookup->in_flight > 0; lookup->in_flight--) {
        struct lookup_slot *slot = &lookup->slots[lookup->oldest];
        if (slot->submitted)
            slot->code = ikv_wait(slot->result, NULL);
        lookup->oldest = (lookup->oldest + 1) % LOOKUP_SLOTS;
    }
}

static void run_on_this_thread(struct lookup *lookup)
{
    struct input *input = &lookup->reader->input;
    input->drain = drain;
    input->drain_user = lookup;
    while (lookup_can_continue(lookup) && read_batch(lookup))
        while (lookup->in_flight >= lookup->max_in_flight && lookup_can_continue(lookup))
            finish_oldest(lookup);
    finish_all(lookup);
}

int lookup_run(struct lookup *lookup, struct key_reader *reader, struct progress *progress)
{
    const bool few = reader->arguments != NULL || reader->input.terminal ||
                     lookup->batch_size <= LOOKUP_INLINE_MAX;
    lookup->reader = reader;
    lookup->progress = progress;
    if (few || lookup->options.one_thread || !lookup_run_threaded(lookup))
        run_on_this_thread(lookup);
    cancel_all(lookup);
    return lookup->status;
}

/* ---------------------------------------------------------------- setup */

int lookup_init(struct lookup *lookup, const struct lookup_options *options,
                const struct lookup_stores *stores, struct output *output)
{
    const ikv_info *info = stores->info;
    *lookup = (struct lookup){.options = *options, .store = stores->stores[0], .info = *info};
    lookup->answers = (struct answers){.store = lookup->store,
                                       .paths = stores->paths,
                                       .clustered = info->layout == IKV_LAYOUT_CLUSTERED,
                                       .key_syntax = options->key_syntax,
                                       .missing = options->missing,
                                       .report_missing = options->report_missing};
    lookup->answers.writer = (struct item_writer){.output = output,
                                                  .format = options->output_format,
                                                  .escape = options->escape,
                                                  .nul = options->nul,
                                                  .key_type = info->key_type,
                                                  .key_width = info->key_width,
                                                  .with_key = true,
                                                  .with_matched = options->get.match != IKV_EXACT,
                                                  .with_last = options->get.match == IKV_RANGE};
    choose_batch_size(lookup);
    for (unsigned i = 0; i < LOOKUP_SLOTS; i++)
        if (ikv_result_new(&lookup->slots[i].result) != 0)
            return out_of_memory();
    if (options->get.flags & IKV_GET_LATENCY) {
        lookup->latency = calloc(IKV_LEVELS_MAX + 1, sizeof *lookup->latency);
        if (lookup->latency == NULL)
            return out_of_memory();
    }
    return fallback_init(&lookup->fallback, stores->stores + 1, stores->count - 1, info->key_width);
}

void lookup_free(struct lookup *lookup)
{
    for (unsigned i = 0; i < LOOKUP_SLOTS; i++) {
        ikv_result_free(lookup->slots[i].result);
        lookup->slots[i].result = NULL;
        key_batch_free(&lookup->slots[i].keys);
    }
    fallback_free(&lookup->fallback);
    free(lookup->latency);
    lookup->latency = NULL;
}
