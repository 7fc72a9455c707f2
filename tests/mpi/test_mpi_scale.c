/*
 * What lookups and builds send, counted by the library, is what docs/scale.md predicts: rounds,
 * collective operations, messages, bytes of keys, answers and pairs, of every rank. The prediction
 * knows the keys of all ranks and where shards begin, and nothing of the library.
 */
#include "mpi_tables.h"
#include "rng.h"

#include "shards/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shard s has the even keys from SPAN * s to SPAN * s + LAST, with values of VALUE bytes, and is
 * looked up by rank s. The keys after that, up to the next shard, are in none. */
enum { SPAN = 10000, LAST = 9000, VALUE = 20, WIDTH = 8 };

static void write_table(const char *dir)
{
    static const char value[VALUE] = "nineteen characters";
    const size_t of_shard = LAST / 2 + 1;
    struct pairs pairs = {
        .type = IKV_KEY_U64, .width = WIDTH, .count = of_shard * (size_t)mpi_ranks};
    size_t *shard_ends = must_malloc((size_t)mpi_ranks * sizeof *shard_ends);
    uint64_t *keys = must_malloc(pairs.count * WIDTH);
    pairs.keys = (unsigned char *)keys;
    pairs.values = must_malloc(pairs.count * VALUE);
    pairs.ends = must_malloc(pairs.count * sizeof *pairs.ends);
    for (size_t i = 0; i < pairs.count; i++) {
        keys[i] = SPAN * (i / of_shard) + i % of_shard * 2;
        memcpy(pairs.values + i * VALUE, value, VALUE);
        pairs.ends[i] = (i + 1) * VALUE;
        shard_ends[i / of_shard] = i + 1;
    }
    table_write(dir, NULL, &pairs, shard_ends, (size_t)mpi_ranks, IKV_LAYOUT_ARRIVAL);
    free(shard_ends);
    pairs_free(&pairs);
}

/* ---------------------------------------------------------------- a job */

/* Rank r looks up batches[r] batches of `size` keys, one a round. */
struct job {
    size_t size;
    size_t *batches;
    ikv_match match;
    int inside; /* every key is sent to a rank, by chance; 0: some to none */
    uint64_t seed;
};

static size_t rounds_of(const struct job *job)
{
    size_t most = 0;
    for (int r = 0; r < mpi_ranks; r++)
        most = job->batches[r] > most ? job->batches[r] : most;
    return most;
}

/* Batch `batch` of a rank. */
static void make_keys(const struct job *job, int rank, size_t batch, uint64_t *keys)
{
    rng_state rng = {job->seed * 1000003 + (uint64_t)rank * 1009 + batch};
    for (size_t i = 0; i < job->size; i++)
        keys[i] = job->inside ? rng_below(&rng, (uint64_t)mpi_ranks) * SPAN + rng_below(&rng, LAST)
                              : rng_below(&rng, (uint64_t)mpi_ranks * SPAN);
}

/* The rank that a key is sent to, or -1; and whether it has an answer. */
static int owner_of(const struct job *job, uint64_t key, int *ret_found)
{
    const uint64_t offset = key % SPAN;
    if (job->match == IKV_EXACT && offset > LAST)
        return -1;
    const uint64_t next = key / SPAN + (offset > LAST ? 1 : 0);
    *ret_found = job->match != IKV_EXACT || offset % 2 == 0;
    if (job->match == IKV_CEILING)
        return next < (uint64_t)mpi_ranks ? (int)next : -1;
    return (int)(key / SPAN);
}

/* The prediction: the formulas of docs/scale.md, summed up key by key. */
static ikv_mpi_stats predict(const struct job *job, uint64_t *keys)
{
    const uint64_t with_key = job->match == IKV_EXACT ? 0 : WIDTH;
    ikv_mpi_stats all = {.rounds = rounds_of(job)};
    all.collectives = 6 * all.rounds + 2;
    for (int from = 0; from < mpi_ranks; from++)
        for (size_t batch = 0; batch < job->batches[from]; batch++) {
            uint64_t to_me = 0, *to = calloc((size_t)mpi_ranks, sizeof *to);
            CHECK(to != NULL);
            make_keys(job, from, batch, keys);
            for (size_t i = 0; i < job->size; i++) {
                int found = 0;
                const int owner = owner_of(job, keys[i], &found);
                all.keys += from == mpi_rank;
                all.outside += from == mpi_rank && owner < 0;
                all.looked_up += owner == mpi_rank;
                if (owner < 0)
                    continue;
                to[owner]++;
                if (owner == mpi_rank && from != mpi_rank) {
                    to_me++;
                    all.answer_bytes += 4 + (found ? VALUE + with_key : 0);
                }
            }
            for (int r = 0; r < mpi_ranks && from == mpi_rank; r++)
                if (r != mpi_rank && to[r] > 0) {
                    all.key_bytes += to[r] * WIDTH;
                    all.messages++;
                }
            all.messages += to_me > 0;
            free(to);
        }
    return all;
}

/* ---------------------------------------------------------------- counted */

struct supply {
    const struct job *job;
    size_t next;
    uint64_t *keys[IKV_MPI_BATCHES + 1];
    uint64_t answered;
};

static int next_batch(void *user, const void **ret_keys, size_t *ret_count)
{
    struct supply *supply = user;
    if (supply->next == supply->job->batches[mpi_rank])
        return 0;
    uint64_t *keys = supply->keys[supply->next % (IKV_MPI_BATCHES + 1)];
    make_keys(supply->job, mpi_rank, supply->next++, keys);
    *ret_keys = keys;
    *ret_count = supply->job->size;
    return 1;
}

static int take_answers(void *user, size_t first, const ikv_mpi_item *items, size_t count, int last)
{
    struct supply *supply = user;
    (void)first;
    (void)items;
    (void)last;
    supply->answered += count;
    return 0;
}

static void run(ikv_mpi *table, const struct job *job)
{
    struct supply supply = {.job = job};
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_mpi_stream stream = IKV_MPI_STREAM_INIT;
    ikv_mpi_stats stats;
    ikv_error err;
    for (size_t i = 0; i <= IKV_MPI_BATCHES; i++)
        supply.keys[i] = must_malloc(job->size * sizeof(uint64_t) + 1);
    options.match = job->match;
    stream.next = next_batch;
    stream.answers = take_answers;
    stream.user = &supply;
    CHECK_OK(ikv_mpi_get_stream(table, &stream, &options, &stats, &err), &err);
    const ikv_mpi_stats expected = predict(job, supply.keys[0]);
    CHECK(supply.answered == job->batches[mpi_rank] * job->size);
    CHECK(stats.keys == expected.keys);
    CHECK(stats.outside == expected.outside);
    CHECK(stats.looked_up == expected.looked_up);
    CHECK(stats.rounds == expected.rounds);
    CHECK(stats.collectives == expected.collectives);
    CHECK(stats.messages == expected.messages);
    CHECK(stats.key_bytes == expected.key_bytes);
    CHECK(stats.answer_bytes == expected.answer_bytes);
    for (size_t i = 0; i <= IKV_MPI_BATCHES; i++)
        free(supply.keys[i]);
}

/* ---------------------------------------------------------------- builds */

enum { PAIRS = 700 }; /* of rank 0; the others have fewer */

/* Pair i of a rank: keys are different everywhere, and random. */
static size_t pairs_of(int rank)
{
    return rank == 1 ? 0 : PAIRS - 10 * (size_t)rank;
}

static uint64_t pair_key(int rank, size_t i)
{
    return ((uint64_t)rank * PAIRS + i) * UINT64_C(0x9e3779b97f4a7c15);
}

struct pair_supply {
    size_t next;
    uint64_t key;
};

static int next_pair(void *user, ikv_mpi_pair *pair)
{
    static const char value[VALUE] = "nineteen characters";
    struct pair_supply *supply = user;
    if (supply->next == pairs_of(mpi_rank))
        return 0;
    supply->key = pair_key(mpi_rank, supply->next++);
    *pair = (ikv_mpi_pair){.key = &supply->key, .value = value, .size = VALUE};
    return 1;
}

/* Rank s writes shard s. A pair that another rank writes is sent once: key, size and value; and the
 * end of what a rank has for a shard is a pair without a value. */
static void check_build(const char *dir)
{
    struct pair_supply supply = {.next = 0};
    ikv_writer_options writer = IKV_WRITER_OPTIONS_INIT;
    ikv_mpi_build_options options = IKV_MPI_BUILD_OPTIONS_INIT;
    ikv_mpi_build_stats stats;
    struct ikv_manifest *m;
    ikv_error err;
    mpi_case("build");
    writer.key_type = IKV_KEY_U64;
    options.writer = &writer;
    CHECK_OK(ikv_mpi_build(MPI_COMM_WORLD, dir, &options, next_pair, &supply, &stats, &err), &err);
    CHECK_OK(ikv_manifest_read(dir, &m, &err), &err);
    CHECK(m->shard_count == (size_t)mpi_ranks);
    uint64_t all = 0, sent = 0, received = 0;
    for (int from = 0; from < mpi_ranks; from++)
        for (size_t i = 0; i < pairs_of(from); i++) {
            const uint64_t key = pair_key(from, i);
            const size_t shard = ikv_manifest_shard_of(m, &key, IKV_EXACT);
            CHECK(shard < (size_t)mpi_ranks);
            all++;
            sent += from == mpi_rank && shard != (size_t)mpi_rank;
            received += shard == (size_t)mpi_rank;
        }
    const uint64_t others = (uint64_t)mpi_ranks - 1;
    CHECK(stats.pairs == all && stats.dropped == 0);
    CHECK(stats.read == pairs_of(mpi_rank));
    CHECK(stats.sent == sent);
    CHECK(stats.received == received);
    CHECK(stats.written == received);
    CHECK(stats.pair_bytes == sent * (WIDTH + 4 + VALUE) + others * (WIDTH + 4));
    CHECK(stats.messages >= others && stats.messages <= others * stats.rounds);
    ikv_manifest_free(m);
}

int main(int argc, char **argv)
{
    tmpdir dir;
    ikv_mpi *table;
    ikv_mpi_info info;
    ikv_error err;
    mpi_begin(&argc, &argv);
    mpi_new_dir(&dir);
    write_table(dir.path);
    ikv_mpi_open_options options = IKV_MPI_OPEN_OPTIONS_INIT;
    options.memory = 1 << 20;
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, &options, &table, &err), &err);
    ikv_mpi_get_info(table, &info);
    CHECK(info.round_keys >= 1000);
    struct job jobs[] = {
        {.size = 500}, /* few keys to any rank */
        {.size = 3},
        /* Full rounds: a rank may receive a little more than it sends. */
        {.size = info.round_keys, .inside = 1},
    };
    size_t *batches = must_malloc((size_t)mpi_ranks * sizeof *batches);
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
            for (size_t most = 0; most <= 5; most += 1 + most) {
                struct job job = jobs[i];
                mpi_case("job %zu, match %d, %zu batches", i, match, most);
                for (int r = 0; r < mpi_ranks; r++) /* some ranks have fewer, or none */
                    batches[r] = most > (size_t)r % 3 ? most - (size_t)r % 3 : 0;
                job.batches = batches;
                job.match = (ikv_match)match;
                job.seed = 10 * i + most;
                run(table, &job);
            }
    free(batches);
    ikv_mpi_close(table);
    mpi_new_dir(&dir);
    check_build(dir.path);
    return mpi_end();
}
