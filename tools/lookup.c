#include "lookup.h"

#include "exit_status.h"
#include "keys.h"
#include "message.h"
#include "numbers.h"

#include <string.h>

/*
 * Bytes of values that the answers of one batch take: usually, as far as that can be foretold, and
 * at most (unless a single value is larger). Plain stores do not record the size of their largest
 * value; there only what the last batches held tells.
 */
#define BATCH_VALUES_USUAL (UINT64_C(128) << 20)
#define BATCH_VALUES_MOST  (UINT64_C(1) << 30)

/* Keys whose values take no more than `bytes` if each takes `size`. */
static size_t keys_within(uint64_t bytes, uint64_t size)
{
    if (size == 0 || bytes / size >= LOOKUP_BATCH_DEFAULT)
        return LOOKUP_BATCH_DEFAULT;
    return bytes < size ? 1 : (size_t)(bytes / size);
}

static void choose_batch_size(struct lookup *lookup)
{
    const ikv_info *info = &lookup->info;
    if (lookup->options.batch != 0) {
        lookup->batch_size = lookup->batch_limit = (size_t)lookup->options.batch;
        return;
    }
    lookup->batch_limit = LOOKUP_BATCH_DEFAULT;
    /* A value that several keys ask for is in memory once, so all of them together are a bound. */
    if (info->value_bytes > BATCH_VALUES_MOST)
        lookup->batch_limit = keys_within(BATCH_VALUES_MOST, info->value_size_max);
    uint64_t typical = info->pair_count > 0 ? info->records_end / info->pair_count : 0;
    if (typical < info->value_size_p99)
        typical = info->value_size_p99;
    lookup->batch_size = keys_within(BATCH_VALUES_USUAL, typical);
    if (lookup->batch_size > lookup->batch_limit)
        lookup->batch_size = lookup->batch_limit;
}

/* Values can be larger than was foretold, or come in clusters: go by what the last batch held. */
static void adapt_batch_size(struct lookup *lookup, uint64_t value_bytes)
{
    if (lookup->options.batch != 0)
        return;
    if (value_bytes > BATCH_VALUES_USUAL && lookup->batch_size > 1) {
        lookup->batch_size /= 2;
        /* The answers would otherwise keep the memory of the largest batch. */
        ikv_result_clear(lookup->result);
    } else if (value_bytes < BATCH_VALUES_USUAL / 4 &&
               lookup->batch_size <= lookup->batch_limit / 2) {
        lookup->batch_size *= 2;
    }
}

int lookup_init(struct lookup *lookup, const struct lookup_options *options, ikv_store *store,
                const ikv_info *info, const char *path, struct output *output)
{
    *lookup = (struct lookup){.options = *options, .store = store, .path = path, .info = *info};
    lookup->writer = (struct item_writer){.output = output,
                                          .format = options->output_format,
                                          .key_type = info->key_type,
                                          .key_width = info->key_width,
                                          .with_key = true,
                                          .with_matched = options->match != IKV_EXACT};
    choose_batch_size(lookup);
    return ikv_result_new(&lookup->result) == 0 ? STATUS_DONE : out_of_memory();
}

void lookup_free(struct lookup *lookup)
{
    key_batch_free(&lookup->batch);
    ikv_result_free(lookup->result);
    lookup->result = NULL;
}

/* Key i as it was asked for. */
static struct item_key asked_key(const struct lookup *lookup, size_t i)
{
    struct item_key key = {.key = lookup->batch.keys.data + i * lookup->info.key_width,
                           .syntax = lookup->options.key_syntax};
    key.text = key_batch_text(&lookup->batch, i, &key.text_length);
    return key;
}

/* The text of a key for a message. */
static struct excerpt key_excerpt(const struct lookup *lookup, const struct item_key *key)
{
    if (key->text != NULL)
        return excerpt_of(key->text, key->text_length);
    char text[IKV_KEY_TEXT_MAX];
    int length = ikv_key_format(lookup->info.key_type, key->syntax, key->key, text, sizeof text);
    return excerpt_of(text, length > 0 ? (size_t)length : 0);
}

static void note_status(struct lookup *lookup, int status)
{
    lookup->status = exit_status_worse(lookup->status, status);
}

static void missing(struct lookup *lookup, const struct item_key *key)
{
    if (lookup->options.name_missing) {
        message("%s: no key %s", lookup->path, key_excerpt(lookup, key).text);
        note_status(lookup, STATUS_MISSING);
    }
    const struct item_key none = {0};
    if (lookup->options.missing == MISSING_EMPTY)
        item_write(&lookup->writer, key, &none, NULL, 0);
}

static void found(struct lookup *lookup, const struct item_key *key, const ikv_item *item)
{
    struct item_key matched = {.key = item->key, .syntax = lookup->options.key_syntax};
    /* A matched key is written the way the key was asked for. */
    if (lookup->writer.with_matched && matched.syntax == IKV_SYNTAX_AUTO && key->text != NULL)
        matched.syntax = key_syntax_of(lookup->info.key_type, key->text, key->text_length);
    item_write(&lookup->writer, key, &matched, item->value, item->size);
}

/* The message about the batch's first problem has named its key; name the others. */
static void failed(struct lookup *lookup, const struct item_key *key, const char *what, int status)
{
    const ikv_error *problem = &lookup->problem;
    ikv_key_type type = lookup->info.key_type;
    note_status(lookup, status);
    if (problem->key_type != type || ikv_key_compare(type, problem->key, key->key) != 0)
        message("%s: key %s: %s", lookup->path, key_excerpt(lookup, key).text, what);
}

static void write_answers(struct lookup *lookup)
{
    const ikv_item *items = ikv_result_items(lookup->result);
    size_t count = ikv_result_count(lookup->result);
    for (size_t i = 0; i < count && lookup->writer.output->error == 0; i++) {
        struct item_key key = asked_key(lookup, i);
        switch ((ikv_status)items[i].status) {
        case IKV_FOUND:
            found(lookup, &key, &items[i]);
            break;
        case IKV_MISSING:
            missing(lookup, &key);
            break;
        case IKV_CORRUPT:
            failed(lookup, &key, "the bytes that decide about it are damaged", STATUS_CORRUPT);
            break;
        case IKV_UNREADABLE:
        case IKV_OTHER_SIZE: /* can't be: no size was asked for */
            failed(lookup, &key, "could not be read", STATUS_IO);
            break;
        }
    }
}

/* Look one batch up and write its answers. false: there is no point in going on. */
static bool run_batch(struct lookup *lookup)
{
    ikv_get_options get_options = IKV_GET_OPTIONS_INIT;
    get_options.match = lookup->options.match;
    size_t count = lookup->batch.count;
    ikv_error error;
    double start = seconds_now();
    int code = ikv_get_many(lookup->store, lookup->batch.keys.data, count, &get_options,
                            lookup->result, &error);
    lookup->seconds += seconds_now() - start;
    lookup->calls++;
    const ikv_error *problem = code != 0 ? &error : ikv_result_problem(lookup->result);
    lookup->problem = problem != NULL ? *problem : (ikv_error){0};
    if (problem != NULL)
        note_status(lookup, library_error(problem));
    if (code != 0 && ikv_result_count(lookup->result) != count)
        return false;
    ikv_stats_add(&lookup->stats, ikv_result_stats(lookup->result));
    write_answers(lookup);
    adapt_batch_size(lookup, ikv_result_stats(lookup->result)->record_bytes);
    return true;
}

int lookup_run(struct lookup *lookup, struct key_reader *reader, struct progress *progress)
{
    struct output *output = lookup->writer.output;
    bool file = reader->arguments == NULL;
    uint64_t keys = 0;
    while (output->error == 0) {
        int result = key_reader_next(reader, lookup->batch_size, &lookup->batch);
        if (result == INPUT_FAILED)
            note_status(lookup, reader->status);
        if (result != INPUT_MORE || !run_batch(lookup))
            break;
        keys += lookup->batch.count;
        progress_update(progress, &(struct progress_point){
                                      "get", keys, "keys", file ? reader->input.offset : keys,
                                      file ? reader->input.size : reader->argument_count});
        /* Whoever writes the keys may wait for the answers before writing more. */
        if (file && input_would_wait(&reader->input))
            output_flush(output);
    }
    return lookup->status;
}
