#include "mpi/round.h"

int ikv_round_init(struct round *round, const ikv_mpi *table)
{
    const size_t keys = table->round_keys, ranks = (size_t)table->nodes.ranks;
    *round = (struct round){.keys_exchange = {.request = MPI_REQUEST_NULL},
                            .answers_exchange = {.request = MPI_REQUEST_NULL}};
    if (ikv_exchange_init(&round->keys_exchange, table->comm) != 0 ||
        ikv_exchange_init(&round->answers_exchange, table->comm) != 0 ||
        ikv_bytes_reserve(&round->out, keys * table->key_width) != 0)
        return -ENOMEM;
    round->owners = calloc(keys, sizeof *round->owners);
    round->sent_as = calloc(keys, sizeof *round->sent_as);
    round->items = calloc(keys, sizeof *round->items);
    round->starts = calloc(table->local_count + 2, sizeof *round->starts);
    round->results = calloc(table->local_count + 1, sizeof(ikv_result *));
    round->submitted = calloc(table->local_count + 1, sizeof *round->submitted);
    round->answer_sizes = calloc(ranks, sizeof *round->answer_sizes);
    round->got_sizes = calloc(ranks, sizeof *round->got_sizes);
    if (round->owners == NULL || round->sent_as == NULL || round->items == NULL ||
        round->starts == NULL || round->results == NULL || round->submitted == NULL ||
        round->answer_sizes == NULL || round->got_sizes == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < table->local_count; i++)
        if (ikv_result_new(&round->results[i]) != 0)
            return -ENOMEM;
    return 0;
}

void ikv_round_free(struct round *round, const ikv_mpi *table)
{
    ikv_exchange_free(&round->keys_exchange);
    ikv_exchange_free(&round->answers_exchange);
    for (size_t i = 0; round->results != NULL && i < table->local_count; i++)
        ikv_result_free(round->results[i]);
    ikv_bytes_free(&round->out);
    ikv_bytes_free(&round->in);
    ikv_bytes_free(&round->sorted);
    ikv_bytes_free(&round->answers);
    ikv_bytes_free(&round->got);
    free(round->owners);
    free(round->sent_as);
    free(round->found_in);
    free(round->starts);
    free(round->results);
    free(round->submitted);
    free(round->answer_sizes);
    free(round->got_sizes);
    free(round->items);
    *round = (struct round){.keys_exchange = {.request = MPI_REQUEST_NULL},
                            .answers_exchange = {.request = MPI_REQUEST_NULL}};
}

int ikv_round_reserve(struct round *round, const ikv_mpi *table)
{
    const size_t size = round->keys_exchange.received, keys = size / table->key_width;
    if (ikv_bytes_reserve(&round->in, size) != 0 || ikv_bytes_reserve(&round->sorted, size) != 0)
        return -ENOMEM;
    if (keys <= round->room)
        return 0;
    struct found_in *found_in = realloc(round->found_in, keys * sizeof *found_in);
    if (found_in == NULL)
        return -ENOMEM;
    round->found_in = found_in;
    round->room = keys;
    return 0;
}

static void set_error(struct lookup *lookup, int code, const ikv_error *err)
{
    lookup->code = code;
    lookup->error = (ikv_error){.code = code, .offset = IKV_NO_OFFSET};
    if (err != NULL)
        lookup->error = *err;
}

void ikv_lookup_fail(struct lookup *lookup, int code, const ikv_error *err)
{
    if (!lookup->failed)
        set_error(lookup, code, err);
    lookup->failed = true;
}

void ikv_lookup_read_error(struct lookup *lookup, int code, const ikv_error *err)
{
    if (lookup->code == 0)
        set_error(lookup, code, err);
}
