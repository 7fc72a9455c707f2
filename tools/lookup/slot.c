#include "lookup/slot.h"

#include "base/exit_status.h"
#include "base/numbers.h"

int slot_init(struct slot *slot, const ikv_get_options *get, const struct table *tables,
              size_t count)
{
    *slot = (struct slot){.get = get};
    atomic_init(&slot->waiting, false);
    int status = table_batch_init(&slot->batch, &tables[0]);
    if (status == STATUS_DONE)
        status = fallback_init(&slot->fallback, tables + 1, count - 1, tables[0].info.key_width);
    return status;
}

void slot_free(struct slot *slot)
{
    table_batch_free(&slot->batch);
    key_batch_free(&slot->keys);
    fallback_free(&slot->fallback);
    output_free(&slot->output);
}

void slot_set_answers(struct slot *slot, const struct answers *answers)
{
    slot->answers = *answers;
    slot->answers.writer.output = &slot->output;
}

/* Returns the time. */
static double add_time(double *sum, double start)
{
    const double now = seconds_now();
    *sum += now - start;
    return now;
}

int slot_read(struct slot *slot, struct key_reader *reader)
{
    const double start = seconds_now();
    slot->waits = (struct progress_waits){0};
    const int result = key_reader_lines(reader, slot->limit, &slot->keys);
    slot->offset = input_position(&reader->input);
    add_time(&slot->waits.reading, start);
    return result;
}

/* ---------------------------------------------------------------- lookup */

static int look_up(struct slot *slot)
{
    const size_t count = slot->keys.count;
    table_batch_start(&slot->batch, slot->keys.keys.data, count, slot->get,
                      slot->by_engine ? SLOT_INLINE_MAX : count);
    atomic_store_explicit(&slot->waiting, true, memory_order_release);
    const int code = table_batch_wait(&slot->batch, &slot->error);
    atomic_store_explicit(&slot->waiting, false, memory_order_release);
    return code;
}

void slot_cancel(struct slot *slot)
{
    if (atomic_load_explicit(&slot->waiting, memory_order_acquire))
        table_batch_cancel(&slot->batch);
}

static void collect_stats(struct slot *slot)
{
    ikv_stats *stats = &slot->stats;
    *stats = (ikv_stats){.keys = 0};
    table_batch_add_stats(&slot->batch, stats, NULL);
    const uint64_t touched = stats->probes + stats->records;
    slot->in_memory = stats->mapped >= touched - touched / 8;
    slot->value_bytes = stats->record_bytes > 0 ? table_batch_value_bytes(&slot->batch) : 0;
}

void slot_look_up(struct slot *slot, const struct key_format *format)
{
    double start = seconds_now();
    slot->written = 0;
    slot->output.used = 0;
    slot->output.full = false;
    slot->no_memory = !key_batch_parse(&slot->keys, format);
    start = add_time(&slot->waits.reading, start);
    if (slot->no_memory)
        return;
    slot->started = start;
    slot->code = look_up(slot);
    slot->ended = seconds_now();
    collect_stats(slot);
    const ikv_stats *stats = &slot->stats;
    const bool disk = stats->index_reads + stats->record_reads + stats->major_faults > 0;
    if (slot->fallback.count > 0 && !table_batch_failed(&slot->batch))
        slot->no_memory =
            !fallback_look_up(&slot->fallback, &slot->keys, &slot->batch, slot->get, &slot->stats);
    add_time(disk ? &slot->waits.disk : &slot->waits.lookups, start);
}

const ikv_error *slot_problem(const struct slot *slot)
{
    return slot->code != 0 ? &slot->error : table_batch_problem(&slot->batch);
}

/* ---------------------------------------------------------------- answers */

/* The answers from number `next` on. */
static struct answer_batch answers_from(const struct slot *slot, size_t next)
{
    struct answer_batch batch = {.items = table_batch_items(&slot->batch),
                                 .count = slot->keys.count,
                                 .next = next,
                                 .origins = table_batch_origins(&slot->batch),
                                 .problem = slot_problem(slot)};
    if (slot->fallback.count > 0) {
        batch.items = fallback_items(&slot->fallback);
        batch.origins = fallback_origins(&slot->fallback);
    }
    return batch;
}

void slot_format(struct slot *slot)
{
    const double start = seconds_now();
    if (slot->no_memory || slot->keys.bad_count > 0 || slot->answers.report_missing ||
        slot_problem(slot) != NULL || slot->batch.unavailable > 0 ||
        fallback_has_failed(&slot->fallback))
        return;
    if (slot->output.buffer == NULL && output_open_memory(&slot->output) != STATUS_DONE)
        return; /* slot_write_rest needs none */
    struct item_writer *writer = &slot->answers.writer;
    writer->lines = writer->ambiguous = 0;
    struct answer_batch batch = answers_from(slot, 0);
    (void)answers_write(&slot->answers, &slot->keys, &batch); /* not even a missing key counts */
    slot->written = batch.next;
    add_time(&slot->waits.output, start);
}

int slot_write_rest(struct slot *slot, struct answers *answers)
{
    struct answer_batch batch = answers_from(slot, slot->written);
    return answers_write(answers, &slot->keys, &batch);
}
