/* Lookups in sharded tables, of every number of shards, key type and match, from any number of
 * ranks. The tables are written by one rank with the ordinary writer. */
#include "hostkey.h"
#include "mpi_checks.h"
#include "rng.h"
#include "scale.h"

#include "shards/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const unsigned char table_id[16] = "table of a test";

/* Pairs [begin, end) as a shard. */
static void write_shard(struct ikv_manifest *m, const char *dir, const char *second,
                        const struct pairs *pairs, size_t shard, size_t begin, size_t end,
                        ikv_layout layout)
{
    char name[IKV_SHARD_NAME_SIZE], path[TMPDIR_PATH_MAX + 64], copy[TMPDIR_PATH_MAX + 64];
    unsigned char id[16];
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    ikv_writer *writer;
    ikv_error err;
    ikv_shard_name(table_id, shard, name);
    ikv_shard_store_id(table_id, shard, id);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    options.key_type = pairs->type;
    options.store_id = id;
    options.layout = layout;
    CHECK_OK(ikv_writer_new(path, &options, &writer, &err), &err);
    for (size_t i = begin; i < end; i++) {
        size_t size;
        const unsigned char *value = pairs_value(pairs, i, &size);
        CHECK_OK(ikv_writer_add(writer, pairs->keys + i * pairs->width, value, size, &err), &err);
    }
    CHECK_OK(ikv_writer_finish(writer, NULL, &err), &err);
    ikv_store *store;
    struct ikv_shard_facts facts;
    CHECK_OK(ikv_open(path, NULL, &store, &err), &err);
    CHECK_OK(ikv_shard_facts_of(store, &facts, &err), &err);
    ikv_close(store);
    const char *paths[] = {name, copy};
    if (second != NULL) {
        (void)snprintf(copy, sizeof copy, "%s/%s", second, name);
        file_copy(path, copy);
    }
    CHECK_OK(ikv_manifest_add(m, &facts, paths, second != NULL ? 2 : 1, &err), &err);
}

/* Publish the pairs as a table of `shards` shards, cut at random places. `second`: a directory for
 * copies; NULL: none. */
static void write_table(const char *dir, const char *second, const struct pairs *pairs,
                        size_t shards, ikv_layout layout)
{
    struct ikv_manifest *m;
    ikv_error err;
    rng_state rng = {shards};
    (void)MPI_Barrier(MPI_COMM_WORLD);
    if (mpi_rank == 0) {
        CHECK_OK(ikv_manifest_new(dir, pairs->type, layout, false, table_id, &m, &err), &err);
        size_t begin = 0;
        for (size_t s = 0; s < shards && begin < pairs->count; s++) {
            size_t end = begin + 1 + rng_below(&rng, 2 * pairs->count / shards + 1);
            if (end > pairs->count || s == shards - 1)
                end = pairs->count;
            write_shard(m, dir, second, pairs, s, begin, end, layout);
            begin = end;
        }
        CHECK_OK(ikv_manifest_publish(m, &err), &err);
        ikv_manifest_free(m);
    }
    (void)MPI_Barrier(MPI_COMM_WORLD);
}

static void check_item(const struct pairs *pairs, const unsigned char *key, ikv_match match,
                       const ikv_mpi_item *item)
{
    const size_t i = pairs_find(pairs, key, match);
    if (i == SIZE_MAX) {
        CHECK(item->status == IKV_MISSING);
        CHECK(item->value == NULL && item->key == NULL && item->size == 0);
        return;
    }
    size_t size;
    const unsigned char *value = pairs_value(pairs, i, &size);
    CHECK(item->status == IKV_FOUND);
    CHECK(item->size == size && memcmp(item->value, value, size) == 0);
    CHECK(memcmp(item->key, pairs->keys + i * pairs->width, pairs->width) == 0);
    CHECK(item->last == NULL);
}

/* Half of them present, a quarter neighbours of these, the rest anything. `narrow`: all of one
 * small part of the keys. */
static unsigned char *choose_keys(const struct pairs *pairs, size_t count, int narrow,
                                  rng_state *rng)
{
    unsigned char *keys = must_malloc(count * pairs->width);
    const size_t from = narrow ? pairs->count / 20 + 1 : pairs->count;
    for (size_t i = 0; i < count; i++) {
        unsigned char *key = keys + i * pairs->width;
        memcpy(key, pairs->keys + rng_below(rng, from) * pairs->width, pairs->width);
        const uint64_t kind = rng_below(rng, 8);
        if (kind == 0)
            (void)hostkey_next(pairs->type, key);
        else if (kind == 1)
            (void)hostkey_previous(pairs->type, key);
        else if (kind < 4 && !narrow)
            rng_fill(rng, key, pairs->width);
    }
    return keys;
}

static void look_up(ikv_mpi *table, const struct pairs *pairs, size_t count, ikv_match match,
                    int narrow, uint64_t seed)
{
    rng_state rng = {seed + (uint64_t)mpi_rank};
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_mpi_stats stats;
    ikv_error err;
    unsigned char *keys = choose_keys(pairs, count, narrow, &rng);
    options.match = match;
    CHECK_OK(ikv_mpi_get_many(table, keys, count, &options, &stats, &err), &err);
    for (size_t i = 0; i < count; i++)
        check_item(pairs, keys + i * pairs->width, match, &ikv_mpi_items(table)[i]);
    CHECK(stats.keys == count);
    CHECK(stats.found + stats.missing == count && stats.corrupt + stats.unreadable == 0);
    uint64_t looked_up = stats.looked_up, asked = stats.keys - stats.outside;
    (void)MPI_Allreduce(MPI_IN_PLACE, &looked_up, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
    (void)MPI_Allreduce(MPI_IN_PLACE, &asked, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
    CHECK(looked_up == asked);
    free(keys);
}

/* Every match, with numbers of keys that differ between ranks, none among them. */
static void look_up_all(ikv_mpi *table, const struct pairs *pairs, size_t count)
{
    static const ikv_match matches[] = {IKV_EXACT, IKV_FLOOR, IKV_CEILING};
    for (size_t i = 0; i < 3; i++) {
        look_up(table, pairs, mpi_rank % 3 == 1 ? 0 : count + (size_t)mpi_rank, matches[i], 0, i);
        look_up(table, pairs, mpi_rank == mpi_ranks - 1 ? 3 : 0, matches[i], 0, 10 + i);
        look_up(table, pairs, count, matches[i], 1, 20 + i);
    }
    look_up(table, pairs, 0, IKV_EXACT, 0, 0);
}

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
            write_table(dir.path, NULL, &pairs, all_shards[s],
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
        added += i % 200 == 0 ? 20000 : 0;
        pairs.ends[i] += added;
    }
    pairs.values = must_realloc(pairs.values, pairs.ends[pairs.count - 1]);
    rng_fill(&(rng_state){6}, pairs.values, pairs.ends[pairs.count - 1]);
    mpi_new_dir(&dir);
    write_table(dir.path, NULL, &pairs, 5, IKV_LAYOUT_CLUSTERED);
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
    write_table(dir.path, NULL, &pairs, 2, IKV_LAYOUT_ARRIVAL);
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
    write_table(dir.path, NULL, &pairs, 1, IKV_LAYOUT_ARRIVAL);
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

/* ---------------------------------------------------------------- places and faults */

static void remove_shard(const char *dir, size_t shard)
{
    char name[IKV_SHARD_NAME_SIZE], path[TMPDIR_PATH_MAX + 64];
    ikv_shard_name(table_id, shard, name);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
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
    write_table(dir.path, second.path, &pairs, 4, IKV_LAYOUT_ARRIVAL);

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
    char name[IKV_SHARD_NAME_SIZE], path[TMPDIR_PATH_MAX + 64];
    mpi_case("damage");
    pairs_make(&pairs, IKV_KEY_U64, 400, 20, 13);
    mpi_new_dir(&dir);
    write_table(dir.path, NULL, &pairs, 3, IKV_LAYOUT_ARRIVAL);
    ikv_shard_name(table_id, 1, name);
    (void)snprintf(path, sizeof path, "%s/%s", dir.path, name);
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

    char other[TMPDIR_PATH_MAX + 64];
    ikv_shard_name(table_id, 0, name);
    (void)snprintf(other, sizeof other, "%s/%s", dir.path, name);
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
    write_table(dir.path, NULL, &pairs, 3, IKV_LAYOUT_ARRIVAL);
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
    write_table(dir.path, NULL, &pairs, 2, IKV_LAYOUT_ARRIVAL);
    open.flags = IKV_OPEN_NO_MAP;
    options.open = &open;
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, &options, &table, &err), &err);
    char name[IKV_SHARD_NAME_SIZE], path[TMPDIR_PATH_MAX + 64];
    ikv_shard_name(table_id, 0, name);
    (void)snprintf(path, sizeof path, "%s/%s", dir.path, name);
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
    test_types();
    test_rounds();
    test_adapted_rounds();
    test_counts();
    test_missing();
    test_damage();
    test_errors();
    test_read_errors();
    return mpi_end();
}
