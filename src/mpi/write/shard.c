#include "mpi/write/shard.h"

#include "mpi/agree.h"

#include <stdio.h>
#include <stdlib.h>

char *ikv_build_shard_path(const struct build *build, size_t shard)
{
    char name[IKV_SHARD_NAME_SIZE];
    ikv_shard_name(build->table_id, shard, name);
    const size_t size = strlen(build->dir) + 1 + strlen(name) + 1;
    char *path = malloc(size);
    if (path != NULL)
        (void)snprintf(path, size, "%s/%s", build->dir, name);
    return path;
}

int ikv_shard_start(struct shard *shard, struct build *build, size_t number, ikv_error *err)
{
    unsigned char id[16];
    ikv_writer_options options = build->writer;
    char *path = ikv_build_shard_path(build, number);
    if (path == NULL)
        return ikv_mpi_no_memory(err);
    ikv_shard_store_id(build->table_id, number, id);
    options.store_id = id;
    options.on_duplicate = IKV_DUPLICATES_ERROR; /* they are dropped here */
    options.memory = build->memory / 2;
    shard->build = build;
    shard->number = number;
    shard->held.size = 0;
    const int code = ikv_writer_new(path, &options, &shard->writer, err);
    free(path);
    return code;
}

/* Write the pair that waits. */
static int write_held(struct shard *shard, ikv_error *err)
{
    const struct wire_pair *pair = &shard->pair;
    if (shard->held.size == 0)
        return 0;
    shard->held.size = 0;
    shard->build->stats.written++;
    return pair->last != NULL
               ? ikv_writer_add_range(shard->writer, pair->key, pair->last, pair->value, pair->size,
                                      err)
               : ikv_writer_add(shard->writer, pair->key, pair->value, pair->size, err);
}

static int hold(struct shard *shard, const struct wire_pair *pair, ikv_error *err)
{
    const struct build *build = shard->build;
    if (ikv_bytes_reserve(&shard->held, pair->bytes) != 0)
        return ikv_mpi_no_memory(err);
    shard->held.size = 0;
    wire_encode(&shard->held, build->width, pair);
    wire_decode(shard->held.data, build->width, build->has_ranges, &shard->pair);
    return 0;
}

static bool is_duplicate(const struct shard *shard, const struct wire_pair *pair)
{
    const ikv_key_type type = shard->build->writer.key_type;
    return shard->held.size > 0 && ikv_key_compare(type, shard->pair.key, pair->key) == 0 &&
           (pair->last == NULL || ikv_key_compare(type, shard->pair.last, pair->last) == 0);
}

static int refuse(const struct shard *shard, const struct wire_pair *pair, ikv_error *err)
{
    char text[IKV_KEY_TEXT_MAX];
    const ikv_key_type type = shard->build->writer.key_type;
    (void)ikv_key_format(type, IKV_SYNTAX_AUTO, pair->key, text, sizeof text);
    (void)ikv_mpi_fail(err, IKV_E_DUPLICATE, shard->build->dir, "key %s was added twice", text);
    err->key_type = type;
    memcpy(err->key, pair->key, shard->build->width);
    return IKV_E_DUPLICATE;
}

int ikv_shard_add(struct shard *shard, const struct wire_pair *pair, ikv_error *err)
{
    const ikv_duplicates on_duplicate = shard->build->writer.on_duplicate;
    shard->build->stats.received++;
    if (is_duplicate(shard, pair)) {
        if (on_duplicate == IKV_DUPLICATES_ERROR)
            return refuse(shard, pair, err);
        shard->build->stats.dropped++;
        if (on_duplicate == IKV_DUPLICATES_FIRST)
            return 0;
    } else {
        const int code = write_held(shard, err);
        if (code != 0)
            return code;
    }
    return hold(shard, pair, err);
}

int ikv_shard_finish(struct shard *shard, ikv_error *err)
{
    int code = write_held(shard, err);
    if (code != 0)
        return code;
    code = ikv_writer_finish(shard->writer, NULL, err);
    shard->writer = NULL;
    if (code != 0)
        return code;
    shard->build->stats.shards++;
    return ikv_shard_read_facts(shard->build, shard->number, err);
}

void ikv_shard_free(struct shard *shard)
{
    ikv_writer_abort(shard->writer);
    shard->writer = NULL;
    ikv_bytes_free(&shard->held);
}

int ikv_shard_read_facts(struct build *build, size_t number, ikv_error *err)
{
    unsigned char id[16];
    ikv_store *store = NULL;
    struct ikv_shard_facts *facts = &build->facts[number];
    ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
    open.backend = IKV_BACKEND_PREAD;
    open.key_type = build->writer.key_type;
    char *path = ikv_build_shard_path(build, number);
    if (path == NULL)
        return ikv_mpi_no_memory(err);
    int code = ikv_open(path, &open, &store, err);
    if (code == 0)
        code = ikv_shard_facts_of(store, facts, err);
    ikv_shard_store_id(build->table_id, number, id);
    if (code == 0 && memcmp(id, facts->store_id, sizeof id) != 0)
        code = ikv_mpi_fail(err, IKV_E_CHANGED, path, "not the shard of this build");
    ikv_close(store);
    free(path);
    return code;
}
