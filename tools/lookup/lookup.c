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

/* Values can be larger than expected, or large ones clustered: adapt to the last batch. */
void lookup_adapt_batch_size(struct lookup *lookup, struct lookup_slot *slot)
{
    if (lookup->options.batch != 0)
        return;
    uint64_t bytes = table_batch_value_bytes(&slot->batch);
    uint64_t share = VALUES_TARGET / lookup->max_in_flight;
    /* An earlier batch of the same size has changed the batch size already. */
    bool adapted = slot->limit != lookup->batch_size;
    if (bytes > share) {
        /* Otherwise the result would keep the memory of the largest batch. */
        table_batch_clear(&slot->batch);
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

void lookup_start_batch(struct lookup *lookup, struct lookup_slot *slot)
{
    if (lookup->calls++ == 0)
        lookup->started = seconds_now();
    table_batch_start(&slot->batch, slot->keys.keys.data, slot->keys.count, &lookup->options.get,
                      LOOKUP_INLINE_MAX);
}

/* Ask other tables for keys that are missing, and write the answers. */
static int write_answers(struct lookup *lookup, const struct lookup_slot *slot,
                         const ikv_error *problem)
{
    struct answer_batch batch = {.items = table_batch_items(&slot->batch),
                                 .count = slot->batch.count,
                                 .origins = table_batch_origins(&slot->batch),
                                 .problem = problem};
    int status = STATUS_DONE;
    if (lookup->fallback.count > 0) {
        status = fallback_look_up(&lookup->fallback, &slot->keys, &slot->batch,
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
    ikv_error error;
    const int code = table_batch_wait(&slot->batch, &error);
    ikv_stats stats = {.keys = 0};
    table_batch_add_stats(&slot->batch, &stats, lookup->latency);
    const bool disk = stats.index_reads + stats.record_reads + stats.major_faults > 0;
    start = add_wait(disk ? &lookup->waits.disk : &lookup->waits.lookups, start);
    lookup->ended = start;

    const ikv_error *problem = code != 0 ? &error : table_batch_problem(&slot->batch);
    int status = problem != NULL ? library_error(problem) : STATUS_DONE;
    if (table_batch_failed(&slot->batch)) {
        lookup->stopped = true;
        return status;
    }
    ikv_stats_add(&lookup->stats, &stats);
    status = exit_status_worse(status, write_answers(lookup, slot, problem));
    lookup->unavailable += slot->batch.unavailable;
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
        table_batch_cancel(&lookup->slots[i].batch);
    for (; lookup->in_flight > 0; lookup->in_flight--) {
        ikv_error error;
        (void)table_batch_wait(&lookup->slots[lookup->oldest].batch, &error);
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
                const struct table *tables, size_t count, struct output *output)
{
    const ikv_info *info = &tables[0].info;
    *lookup = (struct lookup){.options = *options, .info = *info};
    lookup->answers = (struct answers){.table = &tables[0],
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
        if (table_batch_init(&lookup->slots[i].batch, &tables[0]) != STATUS_DONE)
            return STATUS_IO;
    if (options->get.flags & IKV_GET_LATENCY) {
        lookup->latency = calloc(IKV_LEVELS_MAX + 1, sizeof *lookup->latency);
        if (lookup->latency == NULL)
            return out_of_memory();
    }
    return fallback_init(&lookup->fallback, tables + 1, count - 1, info->key_width);
}

void lookup_free(struct lookup *lookup)
{
    for (unsigned i = 0; i < LOOKUP_SLOTS; i++) {
        table_batch_free(&lookup->slots[i].batch);
        key_batch_free(&lookup->slots[i].keys);
    }
    fallback_free(&lookup->fallback);
    free(lookup->latency);
    lookup->latency = NULL;
}
