/* Lookups in sharded tables with shards that are missing or damaged, callbacks that fail, and reads
 * that fail. */
#include "mpi_tables.h"

#include "shards/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void remove_shard(const char *dir, size_t shard)
{
    char path[MPI_PATH_MAX];
    (void)table_shard_path(dir, shard, path);
    (void)MPI_Barrier(MPI_COMM_WORLD);
    if (mpi_rank == 0)
        CHECK(remove(path) == 0);
    (void)MPI_Barrier(MPI_COMM_WORLD);
}

/* Whether a key belongs to shard `shard` of the table. */
static size_t shard_of(const char *dir, const void *key)
{
    struct ikv_manifest *m;
    ikv_error err;
    CHECK_OK(ikv_manifest_read(dir, &m, &err), &err);
    const size_t shard = ikv_manifest_shard_of(m, key, IKV_EXACT);
    ikv_manifest_free(m);
    return shard;
}

static void check_without(ikv_mpi *table, const char *dir, const struct pairs *pairs, size_t lost)
{
    ikv_mpi_stats stats;
    ikv_error err;
    CHECK_OK(ikv_mpi_get_many(table, pairs->keys, pairs->count, NULL, &stats, &err), &err);
    uint64_t unavailable = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        const unsigned char *key = pairs->keys + i * pairs->width;
        const ikv_mpi_item *item = &ikv_mpi_items(table)[i];
        if (shard_of(dir, key) == lost) {
            CHECK(item->status == IKV_UNREADABLE && item->value == NULL);
            unavailable++;
        } else {
            check_item(pairs, key, IKV_EXACT, item);
        }
    }
    CHECK(unavailable > 0);
    CHECK(stats.unavailable == unavailable && stats.unreadable == unavailable);
}

static void test_missing(void)
{
    struct pairs pairs;
    tmpdir dir, second;
    ikv_mpi *table;
    ikv_error err;
    ikv_mpi_info info;
    ikv_mpi_open_options options = IKV_MPI_OPEN_OPTIONS_INIT;
    mpi_case("missing shards");
    pairs_make(&pairs, IKV_KEY_I32, 300, 20, 12);
    mpi_new_dir(&dir);
    mpi_new_dir(&second);
    table_write_random(dir.path, second.path, &pairs, 4, IKV_LAYOUT_ARRIVAL);

    /* With a copy, a lost shard is not missed. */
    remove_shard(dir.path, 2);
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, NULL, &table, &err), &err);
    look_up_all(table, &pairs, 50);
    ikv_mpi_close(table);

    remove_shard(second.path, 2);
    CHECK_FAILED(ikv_mpi_open(MPI_COMM_WORLD, dir.path, NULL, &table, &err), -ENOENT, &err,
                 "shard 2");
    options.missing_shards = IKV_MPI_MISSING_REPORT;
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, &options, &table, &err), &err);
    ikv_mpi_get_info(table, &info);
    CHECK(info.missing_shards == 1);
    check_without(table, dir.path, &pairs, 2);
    ikv_mpi_close(table);
    pairs_free(&pairs);
}

/* A store of another build in place of a shard, and one with a damaged record. */
static void test_damage(void)
{
    struct pairs pairs;
    tmpdir dir;
    ikv_mpi *table;
    ikv_error err;
    char path[MPI_PATH_MAX], other[MPI_PATH_MAX];
    mpi_case("damage");
    pairs_make(&pairs, IKV_KEY_U64, 400, 20, 13);
    mpi_new_dir(&dir);
    table_write_random(dir.path, NULL, &pairs, 3, IKV_LAYOUT_ARRIVAL);
    const char *name = table_shard_path(dir.path, 1, path);
    if (mpi_rank == 0)
        file_flip_bit(path, (24 + 5) * 8);
    (void)MPI_Barrier(MPI_COMM_WORLD);
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, NULL, &table, &err), &err);
    ikv_mpi_stats stats;
    CHECK_OK(ikv_mpi_get_many(table, pairs.keys, pairs.count, NULL, &stats, &err), &err);
    CHECK(stats.corrupt == 1 && stats.found == pairs.count - 1);
    int problems = ikv_mpi_problem(table) != NULL;
    if (problems)
        CHECK(strstr(ikv_mpi_problem(table)->message, name) != NULL);
    (void)MPI_Allreduce(MPI_IN_PLACE, &problems, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(problems > 0);
    ikv_mpi_close(table);

    (void)table_shard_path(dir.path, 0, other);
    if (mpi_rank == 0)
        file_copy(other, path);
    (void)MPI_Barrier(MPI_COMM_WORLD);
    CHECK_FAILED(ikv_mpi_open(MPI_COMM_WORLD, dir.path, NULL, &table, &err), IKV_E_CHANGED, &err,
                 "shard 1");
    pairs_free(&pairs);
}

/* A callback that fails on one rank ends the call on all. */
struct failing {
    int batches, fail_next, fail_answers;
    uint64_t key;
};

static int failing_next(void *user, const void **ret_keys, size_t *ret_count)
{
    struct failing *failing = user;
    if (failing->batches == 10)
        return 0;
    if (failing->batches++ == failing->fail_next)
        return IKV_E_CANCELED;
    *ret_keys = &failing->key;
    *ret_count = 1;
    return 1;
}

static int failing_answers(void *user, size_t first, const ikv_mpi_item *items, size_t count,
                           int last)
{
    struct failing *failing = user;
    (void)first;
    (void)items;
    (void)count;
    (void)last;
    return failing->fail_answers-- == 0 ? -EIO : 0;
}

static void test_errors(void)
{
    struct pairs pairs;
    tmpdir dir;
    ikv_mpi *table;
    ikv_error err;
    ikv_mpi_stream stream = IKV_MPI_STREAM_INIT;
    mpi_case("errors");
    mpi_new_dir(&dir);
    CHECK_FAILED(ikv_mpi_open(MPI_COMM_WORLD, dir.path, NULL, &table, &err), IKV_E_NOT_REGULAR,
                 &err, dir.path);
    pairs_make(&pairs, IKV_KEY_U64, 400, 20, 13);
    table_write_random(dir.path, NULL, &pairs, 3, IKV_LAYOUT_ARRIVAL);
    ikv_mpi_open_options options = IKV_MPI_OPEN_OPTIONS_INIT;
    options.memory = 1;
    CHECK_FAILED(ikv_mpi_open(MPI_COMM_WORLD, dir.path, &options, &table, &err), IKV_E_INVALID,
                 &err, "memory");
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, NULL, &table, &err), &err);
    ikv_get_options get = IKV_GET_OPTIONS_INIT;
    get.match = IKV_RANGE;
    CHECK_FAILED(ikv_mpi_get_many(table, pairs.keys, 1, &get, NULL, &err), IKV_E_UNSUPPORTED, &err,
                 "ranges");
    stream.next = failing_next;
    stream.answers = failing_answers;
    for (int at = 0; at < 12; at++) {
        const int mine = mpi_rank == mpi_ranks / 2 ? at : -1;
        struct failing failing = {.fail_next = mine, .fail_answers = -1};
        stream.user = &failing;
        const int code = ikv_mpi_get_stream(table, &stream, NULL, NULL, &err);
        CHECK(code == (at < 10 ? IKV_E_CANCELED : 0));
        failing = (struct failing){.fail_next = -1, .fail_answers = mine};
        CHECK(ikv_mpi_get_stream(table, &stream, NULL, NULL, &err) == (at < 10 ? -EIO : 0));
    }
    look_up_all(table, &pairs, 50);
    ikv_mpi_close(table);
    pairs_free(&pairs);
}

/* `keys` once; then, on the rank that is to fail, an error. */
struct one_batch {
    const struct pairs *pairs;
    bool taken, fail;
};

static int take_batch(void *user, const void **ret_keys, size_t *ret_count)
{
    struct one_batch *batch = user;
    if (batch->taken)
        return batch->fail ? IKV_E_CANCELED : 0;
    batch->taken = true;
    *ret_keys = batch->pairs->keys;
    *ret_count = batch->pairs->count;
    return 1;
}

static int ignore_answers(void *user, size_t first, const ikv_mpi_item *items, size_t count,
                          int last)
{
    (void)user;
    (void)first;
    (void)items;
    (void)count;
    (void)last;
    return 0;
}

/* An error that ends the call on the last rank is the result, whatever lower ranks could not read.
 * After read errors alone all keys are answered. */
static void test_read_errors(void)
{
    struct pairs pairs;
    tmpdir dir;
    ikv_mpi *table;
    ikv_error err;
    ikv_mpi_stats stats;
    ikv_mpi_open_options options = IKV_MPI_OPEN_OPTIONS_INIT;
    ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
    mpi_case("read errors");
    pairs_make(&pairs, IKV_KEY_U64, 400, 20, 14);
    mpi_new_dir(&dir);
    table_write_random(dir.path, NULL, &pairs, 2, IKV_LAYOUT_ARRIVAL);
    open.flags = IKV_OPEN_NO_MAP;
    options.open = &open;
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, &options, &table, &err), &err);
    char path[MPI_PATH_MAX];
    (void)table_shard_path(dir.path, 0, path);
    (void)MPI_Barrier(MPI_COMM_WORLD);
    if (mpi_rank == 0)
        CHECK(truncate(path, 64) == 0);
    (void)MPI_Barrier(MPI_COMM_WORLD);
    ikv_mpi_stream stream = IKV_MPI_STREAM_INIT;
    stream.next = take_batch;
    stream.answers = ignore_answers;
    struct one_batch batch = {.pairs = &pairs};
    stream.user = &batch;
    const int unread = ikv_mpi_get_stream(table, &stream, NULL, &stats, &err);
    CHECK(unread != 0 && unread != IKV_E_CANCELED);
    CHECK(stats.complete == 1 && stats.unreadable > 0);
    batch = (struct one_batch){.pairs = &pairs, .fail = mpi_rank == mpi_ranks - 1};
    CHECK(ikv_mpi_get_stream(table, &stream, NULL, &stats, &err) == IKV_E_CANCELED);
    CHECK(stats.complete == 0);
    CHECK(ikv_mpi_get_many(table, pairs.keys, pairs.count, NULL, NULL, &err) == unread);
    CHECK(ikv_mpi_items(table) != NULL);
    ikv_mpi_close(table);
    pairs_free(&pairs);
}

int main(int argc, char **argv)
{
    mpi_begin(&argc, &argv);
    test_missing();
    test_damage();
    test_errors();
    test_read_errors();
    return mpi_end();
}
