/* Lookups in sharded tables, of every number of shards, key type and match, from any number of
 * ranks. */
#include "hostkey.h"
#include "mpi_tables.h"
#include "rng.h"
#include "scale.h"

#include <stdlib.h>
#include <string.h>

static void test_types(void)
{
    const size_t all_shards[] = {1, 3, 8, 20};
    size_t number = 0;
    for (size_t t = 0; t < hostkey_type_count; t++) {
        for (size_t s = 0; s < 4; s++) {
            if (!test_in_sample(number++, hostkey_type_count * 4, 12))
                continue;
            struct pairs pairs;
            tmpdir dir;
            ikv_mpi *table;
            ikv_error err;
            char name[HOSTKEY_NAME_MAX];
            mpi_case("type %s, %zu shards", hostkey_name(hostkey_types[t], name), all_shards[s]);
            pairs_make(&pairs, hostkey_types[t], 500, 40, t);
            mpi_new_dir(&dir);
            table_write_random(dir.path, NULL, &pairs, all_shards[s],
                               number % 2 ? IKV_LAYOUT_ARRIVAL : IKV_LAYOUT_CLUSTERED);
            CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, NULL, &table, &err), &err);
            look_up_all(table, &pairs, 200);
            ikv_mpi_close(table);
            pairs_free(&pairs);
        }
    }
}

/* Little memory: many rounds, answers in several parts, and all keys for one shard. */
static void test_rounds(void)
{
    struct pairs pairs;
    tmpdir dir;
    ikv_mpi *table;
    ikv_error err;
    ikv_mpi_open_options options = IKV_MPI_OPEN_OPTIONS_INIT;
    ikv_mpi_info info;
    mpi_case("rounds");
    pairs_make(&pairs, IKV_KEY_U64, 20000, 10, 5);
    /* One value in 200 is much larger than the others. */
    for (size_t i = 0, added = 0; i < pairs.count; i++) {
        added += i % 200 == 0 ? 60000 : 0;
        pairs.ends[i] += added;
    }
    pairs.values = must_realloc(pairs.values, pairs.ends[pairs.count - 1]);
    rng_fill(&(rng_state){6}, pairs.values, pairs.ends[pairs.count - 1]);
    mpi_new_dir(&dir);
    table_write_random(dir.path, NULL, &pairs, 5, IKV_LAYOUT_CLUSTERED);
    options.memory = (uint64_t)1 << 20;
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, &options, &table, &err), &err);
    ikv_mpi_get_info(table, &info);
    CHECK(info.round_keys > 100 && info.round_keys < 5000);
    const size_t count = test_scaled_min(40000, 8000);
    look_up(table, &pairs, count, IKV_EXACT, 0, 1);
    look_up(table, &pairs, count, IKV_EXACT, 1, 2);
    look_up(table, &pairs, mpi_rank == 0 ? count : 1, IKV_FLOOR, 1, 3);
    ikv_mpi_close(table);
    pairs_free(&pairs);
}

/* Rounds become smaller where values are large, and larger again where they are not. */
static void test_adapted_rounds(void)
{
    enum { REPEATS = 20 };
    struct pairs pairs;
    tmpdir dir;
    ikv_mpi *table;
    ikv_error err;
    ikv_mpi_open_options options = IKV_MPI_OPEN_OPTIONS_INIT;
    ikv_mpi_info info;
    ikv_mpi_stats stats;
    mpi_case("adapted rounds");
    pairs_make(&pairs, IKV_KEY_U64, 20000, 1, 6);
    /* The first values in key order are large, but not so many that rounds allow for them. */
    size_t added = 0;
    for (size_t i = 0; i < pairs.count; i++) {
        added += i < 40 ? 20000 : 0;
        pairs.ends[i] += added;
    }
    pairs.values = must_realloc(pairs.values, pairs.ends[pairs.count - 1]);
    rng_fill(&(rng_state){7}, pairs.values, pairs.ends[pairs.count - 1]);
    mpi_new_dir(&dir);
    table_write_random(dir.path, NULL, &pairs, 2, IKV_LAYOUT_ARRIVAL);
    options.memory = (uint64_t)1 << 20;
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, &options, &table, &err), &err);
    ikv_mpi_get_info(table, &info);
    /* All keys, then many times the second half. */
    const size_t half = pairs.count / 2, count = pairs.count + REPEATS * half;
    unsigned char *keys = must_malloc(count * pairs.width);
    memcpy(keys, pairs.keys, pairs.count * pairs.width);
    for (size_t i = 0; i < REPEATS; i++)
        memcpy(keys + (pairs.count + i * half) * pairs.width,
               pairs.keys + (pairs.count - half) * pairs.width, half * pairs.width);
    CHECK_OK(ikv_mpi_get_many(table, keys, count, NULL, &stats, &err), &err);
    CHECK(stats.found == count);
    for (size_t i = 0; i < pairs.count; i += 97)
        check_item(&pairs, pairs.keys + i * pairs.width, IKV_EXACT, &ikv_mpi_items(table)[i]);
    /* With more ranks, all of which ask the same shard, it takes more rounds anyway. */
    const uint64_t least = count / info.round_keys + 1;
    CHECK(mpi_ranks > 1 || stats.rounds < least + least / 4 + 10);
    free(keys);
    ikv_mpi_close(table);
    pairs_free(&pairs);
}

/* What is sent is what must be sent: keys that others own, and their answers, but nothing for keys
 * outside all shards. */
static void test_counts(void)
{
    struct pairs pairs;
    tmpdir dir;
    ikv_mpi *table;
    ikv_mpi_stats stats;
    ikv_error err;
    mpi_case("counts");
    pairs_make(&pairs, IKV_KEY_U32, 1000, 0, 9);
    mpi_new_dir(&dir);
    table_write_random(dir.path, NULL, &pairs, 1, IKV_LAYOUT_ARRIVAL);
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, NULL, &table, &err), &err);
    /* All ranks own the shard, and each asks itself. */
    CHECK_OK(ikv_mpi_get_many(table, pairs.keys, pairs.count, NULL, &stats, &err), &err);
    CHECK(stats.messages == 0 && stats.key_bytes == 0 && stats.answer_bytes == 0);
    CHECK(stats.looked_up == pairs.count && stats.rounds == 1);
    /* Agreement on the round that does not exist, too: sizes, plan; keys; sizes, plan; answers. */
    CHECK(stats.collectives == 2 + 1 + 2 + 1 + 2);
    ikv_mpi_close(table);
    pairs_free(&pairs);
}

int main(int argc, char **argv)
{
    mpi_begin(&argc, &argv);
    test_types();
    test_rounds();
    test_adapted_rounds();
    test_counts();
    return mpi_end();
}
