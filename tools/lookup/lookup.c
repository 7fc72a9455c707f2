#include "lookup/lookup.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"

#include <stdlib.h>

/*
 * Target and limit for the total size of the values in all batches in use. The limit is exceeded
 * only if a single value is larger. Plain stores do not record the size of their largest value: for
 * them, batch sizes are adapted to the values of previous batches.
 */
#define VALUES_TARGET (UINT64_C(128) << 20)
#define VALUES_MAX    (UINT64_C(1) << 30)

/* ---------------------------------------------------------------- batch size */

/* The number of keys, up to `most`, whose values fit into `bytes`, if each value takes `size`. */
static size_t keys_within(uint64_t bytes, uint64_t size, size_t most)
{
    if (size == 0 || bytes / size >= most)
        return most;
    return bytes < size ? 1 : (size_t)(bytes / size);
}

/* The number of single-key batches whose values fit into `bytes`, up to `most`. */
static unsigned batches_within(uint64_t bytes, uint64_t size, unsigned most)
{
    if (size == 0 || bytes / size >= most)
        return most;
    return bytes < size ? 1 : (unsigned)(bytes / size);
}

static void choose_batch_size(struct lookup *lookup)
{
    const ikv_info *info = &lookup->info;
    lookup->max_in_use = lookup->slot_count;
    if (lookup->options.batch != 0) {
        lookup->batch_size = lookup->batch_limit = (size_t)lookup->options.batch;
        return;
    }
    const bool sorted =
        lookup->options.get.match != IKV_EXACT && info->file_size >= LOOKUP_LARGE_STORE;
    const size_t most = sorted ? LOOKUP_BATCH_SORTED : LOOKUP_BATCH_DEFAULT;
    lookup->batch_limit = most;
    /* Equal keys of a batch share one copy of their value, so a batch never takes more than all
     * values of the store together. */
    if (info->value_bytes > VALUES_MAX / lookup->max_in_use) {
        lookup->max_in_use = batches_within(VALUES_MAX, info->value_size_max, lookup->slot_count);
        lookup->batch_limit =
            keys_within(VALUES_MAX / lookup->max_in_use, info->value_size_max, most);
    }
    uint64_t typical = info->pair_count > 0 ? info->records_end / info->pair_count : 0;
    if (typical < info->value_size_p99)
        typical = info->value_size_p99;
    lookup->batch_size = keys_within(VALUES_TARGET / lookup->max_in_use, typical, most);
    if (lookup->batch_size > lookup->batch_limit)
        lookup->batch_size = lookup->batch_limit;
    if (lookup->batch_size > LOOKUP_BATCH_MEMORY)
        lookup->batch_size = LOOKUP_BATCH_MEMORY;
}

/* Values can be larger than expected, or large ones clustered: adapt to the last batch. */
void lookup_adapt(struct lookup *lookup, struct slot *slot)
{
    lookup->in_memory = slot->in_memory;
    if (lookup->options.batch != 0)
        return;
    size_t limit = lookup->batch_limit;
    if (lookup->in_memory && limit > LOOKUP_BATCH_MEMORY)
        limit = LOOKUP_BATCH_MEMORY;
    const uint64_t share = VALUES_TARGET / lookup->max_in_use;
    /* An earlier batch of the same size has changed the batch size already. */
    const bool adapted = slot->limit != lookup->batch_size;
    if (slot->value_bytes > share) {
        /* Otherwise the result would keep the memory of the largest batch. */
        table_batch_clear(&slot->batch);
        if (adapted)
            return;
        if (lookup->batch_size > 1)
            lookup->batch_size /= 2;
        else if (lookup->max_in_use > 1)
            lookup->max_in_use--;
    } else if (lookup->batch_size > limit) {
        lookup->batch_size = limit;
    } else if (!adapted && slot->value_bytes < share / 4 && lookup->batch_size <= limit / 2) {
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

static void add_stats(struct lookup *lookup, const struct slot *slot)
{
    ikv_stats_add(&lookup->stats, &slot->stats);
    ikv_stats counted = {.keys = 0};
    if (lookup->latency != NULL)
        table_batch_add_stats(&slot->batch, &counted, lookup->latency);
}

static void show_progress(struct lookup *lookup, const struct slot *slot)
{
    const struct key_reader *reader = lookup->reader;
    const bool file = reader->arguments == NULL;
    lookup->waits.reading += slot->waits.reading;
    lookup->waits.disk += slot->waits.disk;
    lookup->waits.lookups += slot->waits.lookups;
    lookup->waits.output += slot->waits.output;
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

static int write_answers(struct lookup *lookup, struct slot *slot)
{
    struct item_writer *writer = &lookup->answers.writer;
    if (slot->written > 0) {
        output_block(writer->output, slot->output.buffer, slot->output.used);
        item_writer_add(writer, &slot->answers.writer);
    }
    return slot_write_rest(slot, &lookup->answers);
}

/* Report problems with the lookup of a batch. Returns the exit status; the pipeline is stopped if
 * there are no answers. */
static int report_problems(struct lookup *lookup, const struct slot *slot)
{
    if (slot->no_memory) {
        lookup->stopped = true;
        return out_of_memory();
    }
    const ikv_error *problem = slot_problem(slot);
    const int status = problem != NULL ? library_error(problem) : STATUS_DONE;
    lookup->stopped = table_batch_failed(&slot->batch);
    return exit_status_worse(status, fallback_report(&slot->fallback));
}

int lookup_finish(struct lookup *lookup, struct slot *slot)
{
    const double start = seconds_now();
    int status = report_problems(lookup, slot);
    if (lookup->stopped)
        return status;
    if (lookup->calls++ == 0)
        lookup->started = slot->started;
    if (lookup->ended < slot->ended)
        lookup->ended = slot->ended;
    add_stats(lookup, slot);
    const int ending = key_reader_settle(lookup->reader, &slot->keys);
    status = exit_status_worse(status, write_answers(lookup, slot));
    if (ending != STATUS_DONE && lookup_can_continue(lookup)) {
        key_reader_report(lookup->reader);
        lookup->stopped = true;
    }
    lookup->unavailable += slot->batch.unavailable + fallback_unavailable(&slot->fallback);
    lookup->keys_done += slot->keys.count;
    slot->waits.output += seconds_now() - start;
    show_progress(lookup, slot);
    return exit_status_worse(status, ending);
}

/* ---------------------------------------------------------------- all batches */

/* For input.h: the writer of the keys may wait for the answers before it writes more. */
static bool drain(void *user)
{
    struct lookup *lookup = user;
    output_flush(lookup->answers.writer.output);
    return lookup_can_continue(lookup);
}

static void run_on_this_thread(struct lookup *lookup)
{
    struct input *input = &lookup->reader->input;
    struct slot *slot = &lookup->slots[0];
    input->drain = drain;
    input->drain_user = lookup;
    lookup->max_in_use = 1;
    while (lookup_can_continue(lookup)) {
        slot->limit = lookup->batch_size;
        const int result = slot_read(slot, lookup->reader);
        if (result == INPUT_FAILED)
            lookup_add_status(lookup, lookup->reader->status);
        if (result != INPUT_MORE)
            break;
        slot_look_up(slot, &lookup->reader->format);
        lookup_add_status(lookup, lookup_finish(lookup, slot));
        if (!lookup->stopped)
            lookup_adapt(lookup, slot);
    }
}

int lookup_run(struct lookup *lookup, struct key_reader *reader, struct progress *progress)
{
    const bool few = reader->arguments != NULL || reader->input.terminal ||
                     lookup->batch_size <= SLOT_INLINE_MAX;
    lookup->reader = reader;
    lookup->progress = progress;
    for (unsigned i = 0; i < lookup->slot_count; i++)
        slot_set_answers(&lookup->slots[i], &lookup->answers);
    if (few || !lookup_run_threaded(lookup))
        run_on_this_thread(lookup);
    return lookup->status;
}

/* ---------------------------------------------------------------- setup */

static void init_answers(struct lookup *lookup, const struct table *table, struct output *output)
{
    const struct lookup_options *options = &lookup->options;
    lookup->answers = (struct answers){.name = table->whole.path,
                                       .table = table,
                                       .key_syntax = options->key_syntax,
                                       .missing = options->missing,
                                       .report_missing = options->report_missing};
    lookup->answers.writer = (struct item_writer){.output = output,
                                                  .format = options->output_format,
                                                  .escape = options->escape,
                                                  .nul = options->nul,
                                                  .key_type = table->info.key_type,
                                                  .key_width = table->info.key_width,
                                                  .with_key = true,
                                                  .with_matched = options->get.match != IKV_EXACT,
                                                  .with_last = options->get.match == IKV_RANGE};
}

int lookup_init(struct lookup *lookup, const struct lookup_options *options,
                const struct table *tables, size_t count, struct output *output)
{
    *lookup = (struct lookup){.options = *options, .info = tables[0].info};
    if (lookup->options.threads == 0)
        lookup->options.threads = 1;
    if (lookup->options.threads > LOOKUP_THREADS_MAX)
        lookup->options.threads = LOOKUP_THREADS_MAX;
    init_answers(lookup, &tables[0], output);
    while (lookup->slot_count < lookup->options.threads + 3) {
        struct slot *slot = &lookup->slots[lookup->slot_count++];
        int status = slot_init(slot, &lookup->options.get, tables, count);
        if (status != STATUS_DONE)
            return status;
    }
    choose_batch_size(lookup);
    if (options->get.flags & IKV_GET_LATENCY) {
        lookup->latency = calloc(IKV_LEVELS_MAX + 1, sizeof *lookup->latency);
        if (lookup->latency == NULL)
            return out_of_memory();
    }
    return STATUS_DONE;
}

void lookup_free(struct lookup *lookup)
{
    for (unsigned i = 0; i < lookup->slot_count; i++)
        slot_free(&lookup->slots[i]);
    free(lookup->latency);
    lookup->latency = NULL;
}
