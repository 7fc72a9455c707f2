#include "lookup/lookup.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Bytes of values that the answers take, of all batches under way: usually, as far as that can be
 * foretold, and at most (unless a single value is larger). Plain stores do not record the size of
 * their largest value; there only what the last batches held tells.
 */
#define VALUES_USUAL (UINT64_C(128) << 20)
#define VALUES_MOST  (UINT64_C(1) << 30)

/* ---------------------------------------------------------------- how much at a time */

/* Keys whose values take no more than `bytes` if each takes `size`. */
static size_t keys_within(uint64_t bytes, uint64_t size)
{
    if (size == 0 || bytes / size >= LOOKUP_BATCH_DEFAULT)
        return LOOKUP_BATCH_DEFAULT;
    return bytes < size ? 1 : (size_t)(bytes / size);
}

/* Batches of single keys can still be too much together. */
static unsigned batches_within(uint64_t bytes, uint64_t size)
{
    if (size == 0 || bytes / size >= LOOKUP_SLOTS)
        return LOOKUP_SLOTS;
    return bytes < size ? 1 : (unsigned)(bytes / size);
}

static void choose_batch_size(struct lookup *lookup)
{
    const ikv_info *info = &lookup->info;
    lookup->width = LOOKUP_SLOTS;
    if (lookup->options.batch != 0) {
        lookup->batch_size = lookup->batch_limit = (size_t)lookup->options.batch;
        return;
    }
    lookup->batch_limit = LOOKUP_BATCH_DEFAULT;
    /* A value that several keys of a batch ask for is in memory once for all of them, so that all
     * values together are a bound. */
    if (info->value_bytes > VALUES_MOST / LOOKUP_SLOTS) {
        lookup->width = batches_within(VALUES_MOST, info->value_size_max);
        lookup->batch_limit = keys_within(VALUES_MOST / lookup->width, info->value_size_max);
    }
    uint64_t typical = info->pair_count > 0 ? info->records_end / info->pair_count : 0;
    if (typical < info->value_size_p99)
        typical = info->value_size_p99;
    lookup->batch_size = keys_within(VALUES_USUAL / lookup->width, typical);
    if (lookup->batch_size > lookup->batch_limit)
        lookup->batch_size = lookup->batch_limit;
}

/*
 * Bytes of values that a result holds, or some more: what was read of records is more by the gaps
 * between records that were read together, what the answers take by values that several share.
 */
static uint64_t value_bytes(const ikv_result *result)
{
    const ikv_item *items = ikv_result_items(result);
    uint64_t read = ikv_result_stats(result)->record_bytes, answered = 0;
    for (size_t i = 0; i < ikv_result_count(result); i++)
        answered += items[i].size;
    return read < answered ? read : answered;
}

/* Values can be larger than was foretold, or come in clusters: go by what the last batch held. */
static void adapt_batch_size(struct lookup *lookup, struct lookup_slot *slot)
{
    if (lookup->options.batch != 0)
        return;
    uint64_t bytes = value_bytes(slot->result);
    uint64_t share = VALUES_USUAL / lookup->width;
    bool judged = slot->limit != lookup->batch_size; /* by a batch before, as large as this one */
    if (bytes > share) {
        /* The result would otherwise keep the memory of the largest batch. */
        ikv_result_clear(slot->result);
        if (judged)
            return;
        if (lookup->batch_size > 1)
            lookup->batch_size /= 2;
        else if (lookup->width > 1)
            lookup->width--;
    } else if (!judged && bytes < share / 4 && lookup->batch_size <= lookup->batch_limit / 2) {
        lookup->batch_size *= 2;
    }
}

/* ---------------------------------------------------------------- one batch */

static void note_status(struct lookup *lookup, int status)
{
    lookup->status = exit_status_worse(lookup->status, status);
}

/* Start to look up the keys that were read into a slot; its end, even as a failure, waits for its
 * turn. */
static void begin(struct lookup *lookup, struct lookup_slot *slot)
{
    const void *keys = slot->keys.keys.data;
    size_t count = slot->keys.count;
    const ikv_get_options *options = &lookup->options.get;
    if (lookup->calls++ == 0)
        lookup->started = seconds_now();
    int code = -EAGAIN; /* of ikv_submit: no thread could be started that would take it */
    if (count > LOOKUP_FEW)
        code = ikv_submit(lookup->store, keys, count, options, NULL, slot->result, &slot->error);
    slot->submitted = code == 0;
    if (code == -EAGAIN)
        code = ikv_get_many(lookup->store, keys, count, options, slot->result, &slot->error);
    slot->code = code;
    lookup->under_way++;
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

/* Wait for the oldest batch and write its answers. */
static void finish_oldest(struct lookup *lookup)
{
    struct lookup_slot *slot = &lookup->slots[lookup->oldest];
    if (slot->submitted)
        slot->code = ikv_wait(slot->result, &slot->error);
    lookup->ended = seconds_now();
    lookup->oldest = (lookup->oldest + 1) % LOOKUP_SLOTS;
    lookup->under_way--;

    const ikv_error *problem = slot->code != 0 ? &slot->error : ikv_result_problem(slot->result);
    if (problem != NULL)
        note_status(lookup, library_error(problem));
    if (slot->code != 0 && ikv_result_count(slot->result) != slot->keys.count) {
        lookup->stopped = true;
        return;
    }
    add_stats(lookup, slot->result);
    note_status(lookup, answers_write(&lookup->answers, &slot->keys, slot->result, problem));
    adapt_batch_size(lookup, slot);
    lookup->keys_done += slot->keys.count;

    const struct key_reader *reader = lookup->reader;
    bool file = reader->arguments == NULL;
    progress_update(lookup->progress,
                    &(struct progress_point){"get", lookup->keys_done, "keys",
                                             file ? slot->offset : lookup->keys_done,
                                             file ? reader->input.size : reader->argument_count});
}

/* ---------------------------------------------------------------- all batches */

static bool goes_on(const struct lookup *lookup)
{
    return !lookup->stopped && lookup->answers.writer.output->error == 0;
}

static void finish_all(struct lookup *lookup)
{
    while (lookup->under_way > 0 && goes_on(lookup))
        finish_oldest(lookup);
}

/* Whoever writes the keys may wait for the answers before writing more; and what is wrong with a
 * key is told after what is wrong with those before it. */
static bool settle(void *user)
{
    struct lookup *lookup = user;
    finish_all(lookup);
    if (goes_on(lookup))
        output_flush(lookup->answers.writer.output);
    return goes_on(lookup);
}

/* Read the next batch into a free slot. false: there is none. */
static bool read_batch(struct lookup *lookup)
{
    /* Stays the first free one when settle frees others. */
    unsigned next = (lookup->oldest + lookup->under_way) % LOOKUP_SLOTS;
    struct lookup_slot *slot = &lookup->slots[next];
    slot->limit = lookup->batch_size;
    int result = key_reader_next(lookup->reader, slot->limit, &slot->keys);
    if (result == INPUT_FAILED)
        note_status(lookup, lookup->reader->status);
    slot->offset = lookup->reader->input.offset;
    if (result != INPUT_MORE || !goes_on(lookup))
        return false;
    begin(lookup, slot);
    return true;
}

/* Nobody wants what is under way. */
static void cancel_all(struct lookup *lookup)
{
    for (unsigned i = 0; i < LOOKUP_SLOTS; i++)
        ikv_cancel(lookup->slots[i].result);
    for (; lookup->under_way > 0; lookup->under_way--) {
        struct lookup_slot *slot = &lookup->slots[lookup->oldest];
        if (slot->submitted)
            slot->code = ikv_wait(slot->result, NULL);
        lookup->oldest = (lookup->oldest + 1) % LOOKUP_SLOTS;
    }
}

int lookup_run(struct lookup *lookup, struct key_reader *reader, struct progress *progress)
{
    lookup->reader = reader;
    lookup->progress = progress;
    reader->input.settle = settle;
    reader->input.settle_user = lookup;
    while (goes_on(lookup) && read_batch(lookup))
        while (lookup->under_way >= lookup->width && goes_on(lookup))
            finish_oldest(lookup);
    finish_all(lookup);
    cancel_all(lookup);
    return lookup->status;
}

/* ---------------------------------------------------------------- begin and end */

int lookup_init(struct lookup *lookup, const struct lookup_options *options, ikv_store *store,
                const ikv_info *info, const char *path, struct output *output)
{
    *lookup = (struct lookup){.options = *options, .store = store, .info = *info};
    lookup->answers = (struct answers){.path = path,
                                       .key_syntax = options->key_syntax,
                                       .missing = options->missing,
                                       .name_missing = options->name_missing};
    lookup->answers.writer = (struct item_writer){.output = output,
                                                  .format = options->output_format,
                                                  .key_type = info->key_type,
                                                  .key_width = info->key_width,
                                                  .with_key = true,
                                                  .with_matched = options->get.match != IKV_EXACT};
    choose_batch_size(lookup);
    for (unsigned i = 0; i < LOOKUP_SLOTS; i++)
        if (ikv_result_new(&lookup->slots[i].result) != 0)
            return out_of_memory();
    if (options->get.flags & IKV_GET_LATENCY) {
        lookup->latency = calloc(IKV_LEVELS_MAX + 1, sizeof *lookup->latency);
        if (lookup->latency == NULL)
            return out_of_memory();
    }
    return STATUS_DONE;
}

void lookup_free(struct lookup *lookup)
{
    for (unsigned i = 0; i < LOOKUP_SLOTS; i++) {
        ikv_result_free(lookup->slots[i].result);
        lookup->slots[i].result = NULL;
        key_batch_free(&lookup->slots[i].keys);
    }
    free(lookup->latency);
    lookup->latency = NULL;
}
