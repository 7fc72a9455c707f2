/* The sorted pairs of one rank. */
#include "mpi/agree.h"
#include "mpi/write/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Values are sent in messages of at most EXCHANGE_MAX bytes. */
#define VALUE_MAX ((size_t)1 << 30)

size_t ikv_build_shard_of(const struct build *build, const void *key)
{
    size_t low = 0, high = build->shards; /* shard `low` begins at or before the key */
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        const unsigned char *first = build->splitters + (middle - 1) * build->width;
        if (ikv_key_compare(build->writer.key_type, first, key) <= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static int set_run_path(struct build *build, ikv_error *err)
{
    const char *dir = build->writer.temp_dir != NULL ? build->writer.temp_dir : build->dir;
    const size_t size = strlen(dir) + 96;
    char id[2 * sizeof build->table_id + 1];
    build->run_path = malloc(size);
    if (build->run_path == NULL)
        return ikv_mpi_no_memory(err);
    for (size_t i = 0; i < sizeof build->table_id; i++)
        (void)snprintf(id + 2 * i, 3, "%02x", build->table_id[i]);
    /* Other builds, also of other tables with this id, may share the directory. */
    (void)snprintf(build->run_path, size, "%s/.ikv-run-%s-%ld-%d", dir, id, (long)getpid(),
                   build->nodes.rank);
    return 0;
}

static int add_pair(struct build *build, ikv_writer *writer, const ikv_mpi_pair *pair,
                    ikv_error *err)
{
    if (pair->size > VALUE_MAX)
        return ikv_mpi_fail(err, IKV_E_VALUE_TOO_LARGE, build->dir,
                            "a value of %zu bytes; 1 GiB is the limit", pair->size);
    if (!build->has_ranges)
        return ikv_writer_add(writer, pair->key, pair->value, pair->size, err);
    const void *last = pair->last != NULL ? pair->last : pair->key;
    return ikv_writer_add_range(writer, pair->key, last, pair->value, pair->size, err);
}

static int add_pairs(struct build *build, ikv_writer *writer, ikv_mpi_next_fn next, void *user,
                     struct sample *sample, ikv_error *err)
{
    for (;;) {
        ikv_mpi_pair pair = {0};
        const int result = next(user, &pair);
        if (result == 0)
            return 0;
        if (result != 1)
            return ikv_mpi_fail(err, result < 0 ? result : IKV_E_INVALID, NULL, "%s",
                                ikv_strerror(result < 0 ? result : IKV_E_INVALID));
        build->stats.read++;
        if (sample != NULL)
            ikv_sample_add(sample, pair.key);
        else if (build->whole[ikv_build_shard_of(build, pair.key)])
            continue;
        const int code = add_pair(build, writer, &pair, err);
        if (code != 0)
            return code;
    }
}

int ikv_build_sort(struct build *build, ikv_mpi_next_fn next, void *user, struct sample *sample,
                   ikv_error *err)
{
    ikv_writer_options options = build->writer;
    ikv_writer *writer;
    ikv_build_stats stats;
    int code = set_run_path(build, err);
    if (code != 0)
        return code;
    options.layout = IKV_LAYOUT_CLUSTERED;
    options.flags |= IKV_WRITE_NO_V2_INDEX;
    options.leaf_size = options.filter_bits = 0;
    options.metadata = NULL;
    options.metadata_size = 0;
    options.memory = build->memory / 2;
    options.mode = 0600;
    code = ikv_writer_new(build->run_path, &options, &writer, err);
    if (code != 0)
        return code;
    code = add_pairs(build, writer, next, user, sample, err);
    if (code != 0) {
        ikv_writer_abort(writer);
        return code;
    }
    code = ikv_writer_finish(writer, &stats, err);
    if (code != 0 && code != IKV_E_DURABILITY) /* it need not survive */
        return code;
    build->stats.sorted_bytes = stats.file_size;
    build->stats.dropped = stats.dropped;
    ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
    open.backend = IKV_BACKEND_PREAD;
    open.index_memory = build->memory / 16;
    return ikv_open(build->run_path, &open, &build->run, err);
}

void ikv_build_remove_run(struct build *build)
{
    ikv_close(build->run);
    build->run = NULL;
    if (build->run_path != NULL)
        (void)unlink(build->run_path);
    free(build->run_path);
    build->run_path = NULL;
}
