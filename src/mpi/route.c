/* From keys to the ranks that own their shards. */
#include "mpi/round.h"

void ikv_round_route(struct round *round, const struct lookup *lookup, size_t count)
{
    const ikv_mpi *table = lookup->table;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *key = round->keys + i * table->key_width;
        const size_t shard = ikv_manifest_shard_of(table->manifest, key, lookup->match);
        round->owners[i] = shard == IKV_NO_SHARD ? KEY_OUTSIDE : table->ask[shard];
    }
}

void ikv_round_count(struct round *round, const struct lookup *lookup, size_t count)
{
    int *sizes = round->keys_exchange.send_sizes;
    for (int i = 0; i < lookup->table->nodes.ranks; i++)
        sizes[i] = 0;
    for (size_t i = 0; i < count; i++)
        if (round->owners[i] >= 0)
            sizes[round->owners[i]] += (int)lookup->table->key_width;
    round->count = count;
}

void ikv_round_pack(struct round *round, const struct lookup *lookup)
{
    const size_t width = lookup->table->key_width;
    int *at = round->keys_exchange.send_at;
    for (size_t i = 0; i < round->count; i++) {
        const int owner = round->owners[i];
        if (owner < 0)
            continue;
        memcpy(round->out.data + at[owner], round->keys + i * width, width);
        round->sent_as[(size_t)at[owner] / width] = (uint32_t)i;
        at[owner] += (int)width;
    }
    ikv_exchange_place(&round->keys_exchange);
}
