/* Answers: from the ranks that looked up keys to those that asked. */
#include "mpi/agree.h"
#include "mpi/answer.h"
#include "mpi/round.h"

/* The bytes that a rank sends or receives at once. */
static uint64_t part_limit(const ikv_mpi *table)
{
    const uint64_t limit = table->memory / 2;
    return limit < EXCHANGE_MAX ? limit : EXCHANGE_MAX;
}

static uint64_t sum(const uint64_t *sizes, int count)
{
    uint64_t total = 0;
    for (int i = 0; i < count; i++)
        total += sizes[i];
    return total;
}

/* Where part `part` of `parts` of a stream begins. */
static uint64_t cut(uint64_t size, uint64_t part, uint64_t parts)
{
    return size / parts * part + size % parts * part / parts;
}

/* Part `number` of `count` of each rank's stream. */
struct part {
    uint64_t number, count;
    int ranks;
};

/* Copy a part of each stream from one buffer with all streams to one with the parts, */
static void gather_part(const struct part *part, const unsigned char *all, const uint64_t *sizes,
                        unsigned char *parts, const int *part_sizes)
{
    for (int i = 0; i < part->ranks; i++) {
        if (part_sizes[i] > 0)
            memcpy(parts, all + cut(sizes[i], part->number, part->count), (size_t)part_sizes[i]);
        parts += part_sizes[i];
        all += sizes[i];
    }
}

/* or back. */
static void scatter_part(const struct part *part, unsigned char *all, const uint64_t *sizes,
                         const unsigned char *parts, const int *part_sizes)
{
    for (int i = 0; i < part->ranks; i++) {
        if (part_sizes[i] > 0)
            memcpy(all + cut(sizes[i], part->number, part->count), parts, (size_t)part_sizes[i]);
        parts += part_sizes[i];
        all += sizes[i];
    }
}

static void set_sizes(struct exchange *exchange, const struct round *round, uint64_t part,
                      uint64_t parts)
{
    for (int i = 0; i < exchange->ranks; i++) {
        const uint64_t sent = round->answer_sizes[i], got = round->got_sizes[i];
        exchange->send_sizes[i] = (int)(cut(sent, part + 1, parts) - cut(sent, part, parts));
        exchange->receive_sizes[i] = (int)(cut(got, part + 1, parts) - cut(got, part, parts));
    }
    ikv_exchange_place(exchange);
}

/* More than fits into one exchange. The buffers for parts are at the ends of the others. */
static void send_parts(struct round *round, struct lookup *lookup, uint64_t parts)
{
    struct exchange *exchange = &round->answers_exchange;
    unsigned char *out = round->answers.data + round->answers.size,
                  *in = round->got.data + round->got.size;
    for (struct part part = {0, parts, exchange->ranks}; part.number < parts; part.number++) {
        set_sizes(exchange, round, part.number, parts);
        gather_part(&part, round->answers.data, round->answer_sizes, out, exchange->send_sizes);
        ikv_exchange_start(exchange, out, in, &lookup->answer_counts);
        ikv_exchange_wait(exchange);
        scatter_part(&part, round->got.data, round->got_sizes, in, exchange->receive_sizes);
    }
}

/* Make room for the answers. Collective: *ret_parts is how often ranks exchange. */
static int prepare(struct round *round, struct lookup *lookup, uint64_t *ret_parts)
{
    const ikv_mpi *table = lookup->table;
    const uint64_t limit = part_limit(table);
    (void)MPI_Alltoall(round->answer_sizes, 1, MPI_UINT64_T, round->got_sizes, 1, MPI_UINT64_T,
                       table->comm);
    round->got.size = (size_t)sum(round->got_sizes, table->nodes.ranks);
    const uint64_t sent = round->answers.size, got = round->got.size,
                   most = sent > got ? sent : got;
    /* Rounding may add a byte for each rank. */
    const uint64_t slack = limit + (uint64_t)table->nodes.ranks;
    uint64_t plan[2] = {most <= limit ? 1 : (most + limit - 1) / limit, 0};
    if (ikv_bytes_reserve(&round->got, (size_t)(got + (plan[0] > 1 ? slack : 0))) != 0)
        plan[1] = 1;
    (void)MPI_Allreduce(MPI_IN_PLACE, plan, 2, MPI_UINT64_T, MPI_MAX, table->comm);
    lookup->other_counts.collectives += 2;
    if (plan[0] > 1 && plan[1] == 0) {
        plan[1] = ikv_bytes_reserve(&round->got, (size_t)(got + slack)) != 0 ||
                  ikv_bytes_reserve(&round->answers, (size_t)(sent + slack)) != 0;
        (void)MPI_Allreduce(MPI_IN_PLACE, &plan[1], 1, MPI_UINT64_T, MPI_MAX, table->comm);
        lookup->other_counts.collectives++;
    }
    *ret_parts = plan[0];
    return plan[1] == 0 ? 0 : -ENOMEM;
}

void ikv_round_send_answers(struct round *round, struct lookup *lookup)
{
    const double start = MPI_Wtime();
    uint64_t parts;
    if (prepare(round, lookup, &parts) != 0) { /* on all ranks */
        ikv_lookup_fail(lookup, -ENOMEM, NULL);
        for (int i = 0; i < lookup->table->nodes.ranks; i++)
            round->got_sizes[i] = 0;
        round->got.size = 0;
    } else if (parts > 1) {
        send_parts(round, lookup, parts);
    } else {
        set_sizes(&round->answers_exchange, round, 0, 1);
        ikv_exchange_start(&round->answers_exchange, round->answers.data, round->got.data,
                           &lookup->answer_counts);
    }
    lookup->times.exchange += MPI_Wtime() - start;
}

static void count_item(ikv_mpi_stats *stats, const ikv_mpi_item *item)
{
    stats->found += item->status == IKV_FOUND;
    stats->missing += item->status == IKV_MISSING;
    stats->corrupt += item->status == IKV_CORRUPT;
    stats->unreadable += item->status == IKV_UNREADABLE;
}

/* Keys [first, first + count) in the order in which they were sent. */
struct sent {
    size_t first, count;
};

/* Decode the answers, bytes [at, end), of the rank to which these keys were sent: one that ran out
 * of memory has answered none of them, and the call fails. */
static void decode_owner(struct round *round, const struct lookup *lookup, struct sent sent,
                         size_t at, size_t end)
{
    const ikv_mpi *table = lookup->table;
    const bool with_key = lookup->match != IKV_EXACT;
    for (size_t i = sent.first; i < sent.first + sent.count; i++) {
        ikv_mpi_item *item = &round->items[round->sent_as[i]];
        const size_t used =
            at == end ? 0
                      : ikv_answer_decode(round->got.data + at, end - at, table, with_key, item);
        if (used == 0)
            *item = (ikv_mpi_item){.status = IKV_UNREADABLE};
        else if (!with_key && item->status == IKV_FOUND)
            item->key = round->keys + round->sent_as[i] * table->key_width;
        at += used;
    }
}

void ikv_round_decode(struct round *round, struct lookup *lookup)
{
    const ikv_mpi *table = lookup->table;
    const double start = MPI_Wtime();
    ikv_exchange_wait(&round->answers_exchange);
    lookup->times.exchange += MPI_Wtime() - start;
    for (size_t i = 0; i < round->count; i++) {
        const int owner = round->owners[i];
        if (owner >= 0)
            continue;
        round->items[i] =
            (ikv_mpi_item){.status = owner == KEY_OUTSIDE ? IKV_MISSING : IKV_UNREADABLE};
        lookup->stats.outside += owner == KEY_OUTSIDE;
        lookup->stats.unavailable += owner == KEY_UNAVAILABLE;
    }
    size_t first = 0, at = 0;
    for (int owner = 0; owner < table->nodes.ranks; owner++) {
        const size_t count = (size_t)round->keys_exchange.send_sizes[owner] / table->key_width;
        const size_t end = at + (size_t)round->got_sizes[owner];
        decode_owner(round, lookup, (struct sent){first, count}, at, end);
        at = end;
        first += count;
    }
    for (size_t i = 0; i < round->count; i++)
        count_item(&lookup->stats, &round->items[i]);
    lookup->stats.keys += round->count;
}
