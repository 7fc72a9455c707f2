/* Looking up the keys of all ranks in the shards of this one. */
#include "mpi/answer.h"
#include "mpi/round.h"

/* Sort the received keys by shard. */
static void sort_by_shard(struct round *round, const struct lookup *lookup)
{
    const ikv_mpi *table = lookup->table;
    const size_t width = table->key_width, shards = table->local_count;
    memset(round->starts, 0, (shards + 2) * sizeof *round->starts);
    for (size_t i = 0; i < round->received; i++) {
        const unsigned char *key = round->in.data + i * width;
        size_t local = 0;
        if (shards > 1)
            local =
                ikv_mpi_local_of(table, ikv_manifest_shard_of(table->manifest, key, lookup->match));
        round->found_in[i].local = (uint32_t)local;
        round->found_in[i].item = (uint32_t)round->starts[local + 1]++;
    }
    for (size_t local = 0; local < shards; local++)
        round->starts[local + 1] += round->starts[local];
    for (size_t i = 0; i < round->received; i++) {
        const size_t at = round->starts[round->found_in[i].local] + round->found_in[i].item;
        memcpy(round->sorted.data + at * width, round->in.data + i * width, width);
    }
}

void ikv_round_submit(struct round *round, struct lookup *lookup)
{
    const ikv_mpi *table = lookup->table;
    round->received = round->keys_exchange.received / table->key_width;
    lookup->stats.looked_up += round->received;
    sort_by_shard(round, lookup);
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    options.match = lookup->match;
    for (size_t i = 0; i < table->local_count; i++) {
        const size_t begin = round->starts[i], count = round->starts[i + 1] - begin;
        ikv_error err;
        round->submitted[i] = false;
        if (count == 0)
            continue;
        const int code = ikv_submit(table->stores[i], round->sorted.data + begin * table->key_width,
                                    count, &options, NULL, round->results[i], &err);
        round->submitted[i] = code == 0;
        if (code != 0)
            ikv_lookup_fail(lookup, code, &err);
    }
}

/* Wait for the lookups of a shard, and count what they did. */
static void finish_shard(struct round *round, struct lookup *lookup, size_t local)
{
    ikv_mpi *table = lookup->table;
    ikv_result *result = round->results[local];
    ikv_error err;
    const int code = ikv_wait(result, &err);
    if (code != 0 && ikv_result_count(result) > 0)
        ikv_lookup_read_error(lookup, code, &err);
    else if (code != 0)
        ikv_lookup_fail(lookup, code, &err);
    const ikv_error *problem = ikv_result_problem(result);
    if (problem != NULL && !table->has_problem) {
        table->problem = *problem;
        table->has_problem = true;
    }
    const ikv_stats *stats = ikv_result_stats(result);
    lookup->stats.reads += stats->index_reads + stats->record_reads;
    lookup->stats.read_bytes += stats->index_bytes + stats->record_bytes;
}

void ikv_round_cancel(struct round *round, const struct lookup *lookup)
{
    for (size_t i = 0; i < lookup->table->local_count; i++) {
        if (!round->submitted[i])
            continue;
        ikv_cancel(round->results[i]);
        (void)!ikv_wait(round->results[i], NULL);
        round->submitted[i] = false;
    }
    round->received = 0;
}

/* The item of a received key; NULL: its shard could not be asked, which ends the call. */
static const ikv_item *item_of(const struct round *round, size_t i)
{
    const size_t local = round->found_in[i].local;
    if (!round->submitted[local] ||
        ikv_result_count(round->results[local]) <= round->found_in[i].item)
        return NULL;
    return ikv_result_items(round->results[local]) + round->found_in[i].item;
}

/* Encode the answers in the order of the received keys, which is that of the ranks. */
static void encode(struct round *round, struct lookup *lookup)
{
    const ikv_mpi *table = lookup->table;
    const struct exchange *exchange = &round->keys_exchange;
    const bool with_key = lookup->match != IKV_EXACT;
    size_t i = 0;
    round->answers.size = 0;
    for (int rank = 0; rank < table->nodes.ranks; rank++) {
        const size_t end = i + (size_t)exchange->receive_sizes[rank] / table->key_width;
        const size_t begin = round->answers.size;
        for (; i < end; i++) {
            const ikv_item *item = item_of(round, i);
            const uint32_t size = item != NULL && item->status == IKV_FOUND ? item->size : 0;
            if (ikv_bytes_reserve(&round->answers,
                                  round->answers.size + size + ikv_mpi_answer_head(table)) != 0) {
                ikv_lookup_fail(lookup, -ENOMEM, NULL);
                round->answers.size = begin;
                i = end;
                break;
            }
            const ikv_store *store = table->stores[round->found_in[i].local];
            ikv_answer_encode(&round->answers, table, with_key, store, item);
        }
        round->answer_sizes[rank] = round->answers.size - begin;
    }
}

void ikv_round_answer(struct round *round, struct lookup *lookup)
{
    double start = MPI_Wtime();
    for (size_t i = 0; i < lookup->table->local_count; i++)
        if (round->submitted[i])
            finish_shard(round, lookup, i);
    lookup->times.lookup += MPI_Wtime() - start;
    encode(round, lookup);
    for (size_t i = 0; i < lookup->table->local_count; i++) {
        round->submitted[i] = false;
        if (round->answers.size > lookup->table->memory / 4)
            ikv_result_clear(round->results[i]);
    }
}
