#include "mpi_tables.h"

#include "hostkey.h"
#include "rng.h"

#include "shards/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char table_id[16] = "table of a test";

const char *table_shard_path(const char *dir, size_t shard, char path[MPI_PATH_MAX])
{
    char name[IKV_SHARD_NAME_SIZE];
    ikv_shard_name(table_id, shard, name);
    (void)snprintf(path, MPI_PATH_MAX, "%s/%s", dir, name);
    return path + strlen(dir) + 1;
}

/* List a shard, and its copy in `second`, unless that is NULL. */
static void add_shard(struct ikv_manifest *m, const char *second, const char *path,
                      const char *name)
{
    char copy[MPI_PATH_MAX];
    struct ikv_shard_facts facts;
    ikv_store *store;
    ikv_error err;
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

/* Pairs [begin, end) as a shard. */
static void write_shard(struct ikv_manifest *m, const char *second, const struct pairs *pairs,
                        size_t shard, size_t begin, size_t end)
{
    char path[MPI_PATH_MAX];
    unsigned char id[16];
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    ikv_writer *writer;
    ikv_error err;
    ikv_shard_store_id(table_id, shard, id);
    const char *name = table_shard_path(m->dir, shard, path);
    options.key_type = pairs->type;
    options.store_id = id;
    options.layout = m->layout;
    CHECK_OK(ikv_writer_new(path, &options, &writer, &err), &err);
    for (size_t i = begin; i < end; i++) {
        size_t size;
        const unsigned char *value = pairs_value(pairs, i, &size);
        CHECK_OK(ikv_writer_add(writer, pairs->keys + i * pairs->width, value, size, &err), &err);
    }
    CHECK_OK(ikv_writer_finish(writer, NULL, &err), &err);
    add_shard(m, second, path, name);
}

void table_write(const char *dir, const char *second, const struct pairs *pairs, const size_t *ends,
                 size_t shards, ikv_layout layout)
{
    struct ikv_manifest *m;
    ikv_error err;
    (void)MPI_Barrier(MPI_COMM_WORLD);
    if (mpi_rank == 0) {
        CHECK_OK(ikv_manifest_new(dir, pairs->type, layout, false, table_id, &m, &err), &err);
        for (size_t s = 0; s < shards; s++)
            write_shard(m, second, pairs, s, s > 0 ? ends[s - 1] : 0, ends[s]);
        CHECK_OK(ikv_manifest_publish(m, &err), &err);
        ikv_manifest_free(m);
    }
    (void)MPI_Barrier(MPI_COMM_WORLD);
}

void table_write_random(const char *dir, const char *second, const struct pairs *pairs,
                        size_t shards, ikv_layout layout)
{
    rng_state rng = {shards};
    size_t *ends = must_malloc(shards * sizeof *ends), count = 0, begin = 0;
    while (count < shards && begin < pairs->count) {
        size_t end = begin + 1 + rng_below(&rng, 2 * pairs->count / shards + 1);
        if (end > pairs->count || count == shards - 1)
            end = pairs->count;
        ends[count++] = begin = end;
    }
    table_write(dir, second, pairs, ends, count, layout);
    free(ends);
}

void check_item(const struct pairs *pairs, const unsigned char *key, ikv_match match,
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

/* Half of them present, a quarter neighbours of these, the rest anything. */
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

void look_up(ikv_mpi *table, const struct pairs *pairs, size_t count, ikv_match match, int narrow,
             uint64_t seed)
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

void look_up_all(ikv_mpi *table, const struct pairs *pairs, size_t count)
{
    static const ikv_match matches[] = {IKV_EXACT, IKV_FLOOR, IKV_CEILING};
    for (size_t i = 0; i < 3; i++) {
        look_up(table, pairs, mpi_rank % 3 == 1 ? 0 : count + (size_t)mpi_rank, matches[i], 0, i);
        look_up(table, pairs, mpi_rank == mpi_ranks - 1 ? 3 : 0, matches[i], 0, 10 + i);
        look_up(table, pairs, count, matches[i], 1, 20 + i);
    }
    look_up(table, pairs, 0, IKV_EXACT, 0, 0);
}
