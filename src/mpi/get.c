/* ikv_mpi_get_stream, ikv_mpi_get_many. */
#include "mpi/agree.h"
#include "mpi/pipeline.h"

static int check_options(const ikv_mpi *table, const ikv_get_options *options, ikv_match *ret_match,
                         ikv_error *err)
{
    ikv_get_options copy = IKV_GET_OPTIONS_INIT;
    if (options != NULL)
        memcpy(&copy, options, options->size < sizeof copy ? options->size : sizeof copy);
    if (copy.probe != IKV_PROBE_PAGE || copy.flags != 0 || copy.values != NULL ||
        copy.on_value != NULL)
        return ikv_mpi_fail(err, IKV_E_INVALID, NULL,
                            "options: only the match can be set for a sharded table");
    if ((unsigned)copy.match > IKV_RANGE)
        return ikv_mpi_fail(err, IKV_E_INVALID, NULL, "match: no such value");
    if (copy.match == IKV_RANGE && !table->manifest->has_ranges)
        return ikv_mpi_fail(err, IKV_E_UNSUPPORTED, table->manifest->dir,
                            "IKV_RANGE requires a table of ranges");
    *ret_match = copy.match;
    return 0;
}

static void add_stats(const struct lookup *lookup, ikv_mpi_stats *ret)
{
    *ret = lookup->stats;
    ret->collectives = lookup->key_counts.collectives + lookup->answer_counts.collectives +
                       lookup->other_counts.collectives;
    ret->messages = lookup->key_counts.messages + lookup->answer_counts.messages;
    ret->key_bytes = lookup->key_counts.bytes;
    ret->answer_bytes = lookup->answer_counts.bytes;
    ret->exchange_seconds = lookup->times.exchange;
    ret->lookup_seconds = lookup->times.lookup;
    ret->output_seconds = lookup->times.output;
    ret->input_seconds = lookup->times.input;
}

int ikv_mpi_get_stream(ikv_mpi *table, const ikv_mpi_stream *stream, const ikv_get_options *options,
                       ikv_mpi_stats *ret_stats, ikv_error *err)
{
    ikv_error error = {0};
    struct pipeline *pipeline = calloc(1, sizeof *pipeline);
    ikv_match match = IKV_EXACT;
    int code = pipeline == NULL ? ikv_mpi_no_memory(&error)
                                : check_options(table, options, &match, &error);
    table->has_problem = false;
    code = ikv_mpi_agree(table->comm, code, &error);
    if (code == 0) {
        pipeline->lookup.table = table;
        pipeline->lookup.match = match;
        pipeline->stream = stream;
        code = ikv_pipeline_run(pipeline, &error);
        if (ret_stats != NULL)
            add_stats(&pipeline->lookup, ret_stats);
    }
    free(pipeline);
    return ikv_mpi_return(code, &error, err);
}

/* ---------------------------------------------------------------- all keys in memory */

struct many {
    ikv_mpi *table;
    const unsigned char *keys;
    size_t count, next, answered;
};

static int next_keys(void *user, const void **ret_keys, size_t *ret_count)
{
    struct many *many = user;
    const size_t rest = many->count - many->next, most = many->table->round_keys;
    if (rest == 0)
        return 0;
    *ret_keys = many->keys + many->next * many->table->key_width;
    *ret_count = rest < most ? rest : most;
    many->next += *ret_count;
    return 1;
}

/* A buffer for the values of a round. */
static struct bytes *next_values(ikv_mpi *table)
{
    if (table->values_count == table->values_capacity) {
        const size_t capacity = table->values_capacity == 0 ? 8 : table->values_capacity * 2;
        struct bytes *values = realloc(table->values, capacity * sizeof *values);
        if (values == NULL)
            return NULL;
        for (size_t i = table->values_capacity; i < capacity; i++)
            values[i] = (struct bytes){0};
        table->values = values;
        table->values_capacity = capacity;
    }
    struct bytes *values = &table->values[table->values_count++];
    values->size = 0;
    return values;
}

static const void *keep(struct bytes *values, const void *from, size_t size)
{
    const void *at = values->data + values->size;
    ikv_bytes_put(values, from, size);
    return at;
}

/* Copy the answers: those of a round are in a buffer that is used again. */
static int keep_answers(void *user, size_t first, const ikv_mpi_item *items, size_t count, int last)
{
    struct many *many = user;
    ikv_mpi *table = many->table;
    const size_t width = table->key_width;
    (void)first;
    (void)last;
    struct bytes *values = next_values(table);
    size_t room = 1;
    for (size_t i = 0; i < count; i++)
        room += items[i].size + 2 * width;
    if (values == NULL || ikv_bytes_reserve(values, room) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        ikv_mpi_item *item = &table->items[many->answered];
        const unsigned char *key = many->keys + many->answered++ * width;
        *item = items[i];
        if (item->status != IKV_FOUND)
            continue;
        item->value = keep(values, item->value, item->size);
        if (item->key != key)
            item->key = keep(values, item->key, width);
        if (item->last != NULL)
            item->last = keep(values, item->last, width);
    }
    return 0;
}

int ikv_mpi_get_many(ikv_mpi *table, const void *keys, size_t count, const ikv_get_options *options,
                     ikv_mpi_stats *ret_stats, ikv_error *err)
{
    ikv_error error = {0};
    free(table->items);
    table->values_count = 0;
    table->items = calloc(count > 0 ? count : 1, sizeof *table->items);
    int code =
        ikv_mpi_agree(table->comm, table->items == NULL ? ikv_mpi_no_memory(&error) : 0, &error);
    if (code != 0)
        return ikv_mpi_return(code, &error, err);
    struct many many = {.table = table, .keys = keys, .count = count};
    ikv_mpi_stream stream = IKV_MPI_STREAM_INIT;
    stream.next = next_keys;
    stream.answers = keep_answers;
    stream.user = &many;
    ikv_mpi_stats stats = {0};
    code = ikv_mpi_get_stream(table, &stream, options, &stats, err);
    if (!stats.complete) {
        free(table->items);
        table->items = NULL;
    }
    if (ret_stats != NULL)
        *ret_stats = stats;
    return code;
}
