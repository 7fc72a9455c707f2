/*
 * Writing all shards. A rank writes one at a time. In each turn all ranks send pairs for the shards
 * that are being written, in rounds:
 *
 *     each rank says how many bytes it has room for, from each rank      MPI_Alltoall
 *     each rank packs pairs, and says how many bytes it sends            MPI_Alltoall
 *     errors, and whether there is anything to send                      MPI_Allreduce
 *     the pairs are exchanged; what can be merged is written             MPI_Ialltoallv
 *
 * A pair that is larger than the room that a rank has for each other one is sent when nothing of
 * that rank is waiting to be merged. In each round a rank takes such pairs from `large` ranks only,
 * which are others in every round, and so sends them to as many.
 */
#include "mpi/agree.h"
#include "mpi/write/inbox.h"
#include "mpi/write/outbox.h"
#include "mpi/write/shard.h"

#include <limits.h>

/* The least buffer for the pairs of one rank. */
enum { ROOM_MIN = 4096 };

struct turn {
    struct build *build;
    struct exchange exchange;
    struct outbox outbox;
    struct inbox inbox;
    struct shard shard;
    struct bytes in;
    int *room, *given; /* for and by each rank, in bytes */
    int large;
    uint64_t pairs, packed; /* of this rank, and those that were sent */
    ikv_error *err;
    int code; /* the first error of this rank */
};

static void fail(struct turn *turn, int code)
{
    if (turn->code == 0)
        turn->code = code;
}

static void fail_memory(struct turn *turn)
{
    if (turn->code == 0)
        turn->code = ikv_mpi_no_memory(turn->err);
}

/* ---------------------------------------------------------------- a round */

static void pack(struct turn *turn)
{
    struct build *build = turn->build;
    turn->outbox.out.size = 0;
    for (int rank = 0; rank < build->nodes.ranks; rank++) {
        const size_t begin = turn->outbox.out.size;
        uint64_t pairs = 0;
        if (turn->code == 0 && turn->given[rank] > 0)
            fail(turn, ikv_outbox_fill(&turn->outbox, rank, (size_t)turn->given[rank],
                                       turn->inbox.capacity, &pairs, turn->err));
        turn->exchange.send_sizes[rank] = (int)(turn->outbox.out.size - begin);
        build->stats.sent += rank == build->nodes.rank ? 0 : pairs;
        turn->packed += pairs;
    }
}

static void report(struct turn *turn)
{
    const ikv_writer_options *writer = &turn->build->writer;
    const ikv_progress point = {"exchange", turn->packed, turn->pairs, "pairs"};
    if (writer->on_progress != NULL && writer->on_progress(writer->progress_user, &point) != 0)
        fail(turn,
             ikv_mpi_fail(turn->err, IKV_E_CANCELED, NULL, "%s", ikv_strerror(IKV_E_CANCELED)));
}

/* Merge what arrived, and write what is complete. */
static void merge(struct turn *turn)
{
    const double start = MPI_Wtime();
    struct wire_pair pair;
    for (int rank = 0; rank < turn->build->nodes.ranks && turn->code == 0; rank++)
        if (ikv_inbox_add(&turn->inbox, rank, turn->in.data + turn->exchange.receive_at[rank],
                          (size_t)turn->exchange.receive_sizes[rank]) != 0)
            fail_memory(turn);
    while (turn->code == 0 && ikv_inbox_next(&turn->inbox, &pair))
        fail(turn, ikv_shard_add(&turn->shard, &pair, turn->err));
    if (turn->code == 0 && turn->inbox.open == 0 && turn->shard.writer != NULL)
        fail(turn, ikv_shard_finish(&turn->shard, turn->err));
    turn->build->stats.write_seconds += MPI_Wtime() - start;
}

/* Whether this rank takes a pair of any size from `rank` in this round, if it has none of it. */
static bool takes_large(const struct turn *turn, int rank)
{
    const int ranks = turn->build->nodes.ranks;
    const int round = (int)(turn->build->stats.rounds % (uint64_t)ranks);
    return (rank + 2 * ranks - turn->build->nodes.rank - round) % ranks < turn->large;
}

/* What this rank offers to another: its capacity means a pair of any size. */
static int room_for(const struct turn *turn, int rank)
{
    const size_t room = ikv_inbox_room(&turn->inbox, rank);
    return (int)(room == turn->inbox.capacity && !takes_large(turn, rank) ? room - 1 : room);
}

/* Collective. Returns false after the last round of a turn, or an error on any rank. */
static bool exchange_round(struct turn *turn)
{
    struct build *build = turn->build;
    struct exchange *exchange = &turn->exchange;
    const double start = MPI_Wtime();
    const bool writes = turn->shard.writer != NULL;
    for (int rank = 0; rank < build->nodes.ranks; rank++)
        turn->room[rank] = writes ? room_for(turn, rank) : 0;
    (void)MPI_Alltoall(turn->room, 1, MPI_INT, turn->given, 1, MPI_INT, build->comm);
    pack(turn);
    report(turn);
    ikv_exchange_sizes(exchange, &build->counts);
    if (exchange->sent > INT_MAX || exchange->received > INT_MAX)
        fail(turn, ikv_mpi_fail(turn->err, IKV_E_VALUE_TOO_LARGE, build->dir,
                                "values too large to be exchanged"));
    if (turn->code == 0 && ikv_bytes_reserve(&turn->in, exchange->received + 1) != 0)
        fail_memory(turn);
    int state[2] = {turn->code != 0, writes};
    (void)MPI_Allreduce(MPI_IN_PLACE, state, 2, MPI_INT, MPI_MAX, build->comm);
    build->counts.collectives += 2;
    if (state[0] || !state[1])
        return false;
    ikv_exchange_start(exchange, turn->outbox.out.data, turn->in.data, &build->counts);
    ikv_exchange_wait(exchange);
    build->stats.rounds++;
    build->stats.exchange_seconds += MPI_Wtime() - start;
    merge(turn);
    return true;
}

/* ---------------------------------------------------------------- turns */

/* The next shard that a rank writes in this turn; SIZE_MAX: none. */
static size_t next_shard(const struct build *build, int rank, size_t number)
{
    for (size_t s = 0; s < build->shards; s++)
        if (build->writers[s] == rank && !build->whole[s] && number-- == 0)
            return s;
    return SIZE_MAX;
}

static void begin_turn(struct turn *turn, size_t number)
{
    struct build *build = turn->build;
    for (int rank = 0; rank < build->nodes.ranks && turn->code == 0; rank++) {
        const size_t shard = next_shard(build, rank, number);
        if (shard == SIZE_MAX)
            continue;
        fail(turn, ikv_outbox_open(&turn->outbox, shard, rank, turn->err));
        if (rank == build->nodes.rank && turn->code == 0) {
            ikv_inbox_start(&turn->inbox);
            fail(turn, ikv_shard_start(&turn->shard, build, shard, turn->err));
        }
    }
}

static size_t count_turns(const struct build *build)
{
    size_t most = 0;
    for (int rank = 0; rank < build->nodes.ranks; rank++) {
        size_t count = 0;
        while (next_shard(build, rank, count) != SIZE_MAX)
            count++;
        most = count > most ? count : most;
    }
    return most;
}

/* With these and `share` bytes of others, or with one pair of up to 1 GiB, the places of bytes in a
 * message are ints. */
static int count_large(uint64_t share, uint64_t largest, int ranks)
{
    const uint64_t count = largest == 0 ? (uint64_t)ranks : share / largest;
    return count == 0 ? 1 : count < (uint64_t)ranks ? (int)count : ranks;
}

/* Collective: the bytes of the largest pair. Sets the number of pairs of this rank. */
static uint64_t largest_pair(struct turn *turn)
{
    const struct build *build = turn->build;
    ikv_info info = {.value_size_max = 0};
    if (build->run != NULL)
        ikv_store_info(build->run, &info);
    turn->pairs = info.pair_count;
    uint64_t size = wire_head(build->width, build->has_ranges) + (uint64_t)info.value_size_max;
    (void)MPI_Allreduce(MPI_IN_PLACE, &size, 1, MPI_UINT64_T, MPI_MAX, build->comm);
    return size;
}

/* `largest`: pair of any rank, in bytes. */
static int init(struct turn *turn, uint64_t largest)
{
    struct build *build = turn->build;
    const size_t ranks = (size_t)build->nodes.ranks;
    uint64_t share = build->memory / 12;
    share = share > EXCHANGE_MAX / 2 ? EXCHANGE_MAX / 2 : share;
    const uint64_t room = share / ranks;
    turn->large = count_large(share, largest, build->nodes.ranks);
    turn->room = calloc(2 * ranks, sizeof *turn->room);
    turn->given = turn->room != NULL ? turn->room + ranks : NULL;
    if (turn->room == NULL || ikv_exchange_init(&turn->exchange, build->comm) != 0 ||
        ikv_outbox_init(&turn->outbox, build) != 0 ||
        ikv_inbox_init(&turn->inbox, build, room < ROOM_MIN ? ROOM_MIN : (size_t)room) != 0)
        return -ENOMEM;
    return 0;
}

int ikv_build_write_shards(struct build *build, ikv_error *err)
{
    struct turn turn = {.build = build, .err = err};
    turn.exchange.request = MPI_REQUEST_NULL;
    const uint64_t largest = largest_pair(&turn);
    int code =
        ikv_mpi_agree(build->comm, init(&turn, largest) != 0 ? ikv_mpi_no_memory(err) : 0, err);
    const size_t turns = code == 0 ? count_turns(build) : 0;
    for (size_t i = 0; i < turns && code == 0; i++) {
        begin_turn(&turn, i);
        while (exchange_round(&turn)) {
        }
        code = ikv_mpi_agree(build->comm, turn.code, err);
    }
    build->stats.collectives = build->counts.collectives;
    build->stats.messages = build->counts.messages;
    build->stats.pair_bytes = build->counts.bytes;
    ikv_shard_free(&turn.shard);
    ikv_inbox_free(&turn.inbox);
    ikv_outbox_free(&turn.outbox);
    ikv_exchange_free(&turn.exchange);
    ikv_bytes_free(&turn.in);
    free(turn.room);
    return code;
}
