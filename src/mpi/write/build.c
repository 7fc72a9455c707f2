#include "mpi/write/state.h"

#include "mpi/agree.h"
#include "mpi/write/shard.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_DEFAULT ((uint64_t)256 << 20)
#define MEMORY_MIN     ((uint64_t)16 << 20)
enum { SHARDS_MAX = 65536 };

/* ---------------------------------------------------------------- options */

static int check_options(const struct build *build, const ikv_mpi_build_options *options,
                         ikv_error *err)
{
    const ikv_writer_options *writer = &build->writer;
    if (build->width == 0)
        return ikv_mpi_fail(err, IKV_E_INVALID, NULL, "key_type: not a key type");
    if (writer->flags & IKV_WRITE_PLAIN)
        return ikv_mpi_fail(err, IKV_E_UNSUPPORTED, NULL, "shards can't be plain v2 files");
    if (writer->on_overlap != IKV_OVERLAP_ERROR)
        return ikv_mpi_fail(err, IKV_E_UNSUPPORTED, NULL,
                            "ranges that are cut where others are inside them can't be built on "
                            "several ranks");
    if (options->flags & ~IKV_MPI_BUILD_RESUME)
        return ikv_mpi_fail(err, IKV_E_INVALID, NULL, "flags: unknown bits");
    if (build->shards > SHARDS_MAX)
        return ikv_mpi_fail(err, IKV_E_INVALID, NULL, "shards: at most %d", SHARDS_MAX);
    if (build->memory < MEMORY_MIN || (build->has_ranges && build->memory < 2 * MEMORY_MIN))
        return ikv_mpi_fail(err, IKV_E_INVALID, NULL, "memory: at least %d MiB",
                            build->has_ranges ? 32 : 16);
    return 0;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* The options that decide about the bytes of shards, mixed into the caller's fingerprint. */
static uint64_t mix_options(const ikv_writer_options *writer, uint64_t fingerprint)
{
    const uint64_t values[] = {writer->flags,
                               (uint64_t)writer->on_duplicate,
                               writer->layout,
                               writer->leaf_size,
                               writer->filter_bits,
                               writer->mode,
                               writer->store_id != NULL,
                               writer->metadata_size};
    const unsigned char *const metadata = writer->metadata, *const id = writer->store_id;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        fingerprint = mix(fingerprint, values[i]);
    for (size_t i = 0; id != NULL && i < 16; i++)
        fingerprint = mix(fingerprint, id[i]);
    for (size_t i = 0; i < writer->metadata_size; i++)
        fingerprint = mix(fingerprint, metadata[i]);
    return fingerprint;
}

/* Collective: ranks with other options, or of another input, would not build one table. */
static int compare_options(const struct build *build, ikv_error *err)
{
    const uint64_t fingerprint = build->fingerprint, shards = build->shards;
    const uint64_t type = build->writer.key_type;
    uint64_t most[] = {fingerprint, ~fingerprint, shards, ~shards, type, ~type};
    (void)MPI_Allreduce(MPI_IN_PLACE, most, 6, MPI_UINT64_T, MPI_MAX, build->comm);
    for (size_t i = 0; i < 6; i += 2)
        if (most[i] != ~most[i + 1])
            return ikv_mpi_fail(err, IKV_E_INVALID, NULL,
                                "the options or the fingerprint are not the same on all ranks");
    return 0;
}

static int set_options(struct build *build, const ikv_mpi_build_options *options, ikv_error *err)
{
    ikv_mpi_build_options copy = IKV_MPI_BUILD_OPTIONS_INIT;
    if (options == NULL || options->writer == NULL)
        return ikv_mpi_fail(err, IKV_E_INVALID, NULL, "options: the writer's are mandatory");
    memcpy(&copy, options, options->size < sizeof copy ? options->size : sizeof copy);
    build->writer = (ikv_writer_options)IKV_WRITER_OPTIONS_INIT;
    memcpy(&build->writer, copy.writer,
           copy.writer->size < sizeof build->writer ? copy.writer->size : sizeof build->writer);
    build->writer.size = sizeof build->writer;
    build->writer.expected_pairs = 0;
    if (build->writer.layout == IKV_LAYOUT_DEFAULT)
        build->writer.layout = IKV_LAYOUT_CLUSTERED;
    build->width = ikv_key_width(build->writer.key_type);
    build->has_ranges = (build->writer.flags & IKV_WRITE_RANGES) != 0;
    build->flags = copy.flags;
    build->shards = copy.shards;
    build->memory = build->writer.memory != 0 ? build->writer.memory : MEMORY_DEFAULT;
    build->fingerprint = mix_options(&build->writer, copy.fingerprint);
    return check_options(build, &copy, err);
}

/* ---------------------------------------------------------------- the directory */

static bool has_ends(const char *name, const char *begin, const char *end)
{
    const size_t length = strlen(name), end_length = strlen(end);
    return strncmp(name, begin, strlen(begin)) == 0 && length >= end_length &&
           strcmp(name + length - end_length, end) == 0;
}

/* Remove temporary files of builds that were killed. */
static void remove_leftovers(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        const char *name = entry->d_name;
        if (has_ends(name, ".ikv-run-", "") || has_ends(name, "..ikv-run-", ".tmp") ||
            has_ends(name, ".shard-", ".tmp"))
            (void)unlinkat(dirfd(dir), name, 0);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

/* The id of the options, or a random one. */
static int choose_id(struct build *build, ikv_error *err)
{
    struct ikv_manifest *new = NULL;
    const int code = ikv_manifest_new(build->dir, build->writer.key_type, build->writer.layout,
                                      build->has_ranges, build->writer.store_id, &new, err);
    if (code == 0)
        memcpy(build->table_id, new->table_id, sizeof build->table_id);
    ikv_manifest_free(new);
    return code;
}

/* The splitters are those of the build. */
static struct ikv_journal journal_of(const struct build *build)
{
    struct ikv_journal journal = {.fingerprint = build->fingerprint,
                                  .key_type = build->writer.key_type,
                                  .shards = build->shards,
                                  .splitters = build->splitters};
    memcpy(journal.id, build->table_id, sizeof journal.id);
    return journal;
}

/* What a build that was interrupted left is removed if this one can take its place, and nothing
 * that the table in place (NULL: none) lists. */
static int begin_new(struct build *build, const struct ikv_manifest *old, ikv_error *err)
{
    const int code = choose_id(build, err);
    if (code != 0)
        return code;
    if (old != NULL && ikv_manifest_has_names(old, build->table_id))
        return ikv_mpi_fail(err, IKV_E_INVALID, build->dir,
                            "the store id begins with the same 8 bytes as that of the table there, "
                            "and gives its shards the same names");
    ikv_journal_remove(build->dir, old);
    return 0;
}

static int begin_resumed(struct build *build, const struct ikv_manifest *old, ikv_error *err)
{
    struct ikv_journal journal = journal_of(build);
    const int code = ikv_journal_read(build->dir, &journal, err);
    memcpy(build->table_id, journal.id, sizeof build->table_id);
    if (code == 0 && old != NULL && ikv_manifest_has_names(old, build->table_id))
        return ikv_mpi_fail(err, IKV_E_STATE, build->dir,
                            "there is no build to resume: its table was published");
    return code;
}

/* Rank 0: create the directory, lock it, and choose the id and, of a build that is resumed, the
 * shards. */
static int prepare_dir(struct build *build, ikv_error *err)
{
    struct ikv_manifest *old = NULL;
    if (mkdir(build->dir, 0777) != 0 && errno != EEXIST) {
        const int code = -errno;
        return ikv_mpi_fail(err, code, build->dir, "%s", ikv_strerror(code));
    }
    int code = ikv_table_lock(build->dir, &build->lock, err);
    if (code != 0)
        return code;
    code = ikv_manifest_read(build->dir, &old, err);
    if (code == IKV_E_NOT_REGULAR)
        code = 0; /* no table there */
    if (code == 0)
        code = (build->flags & IKV_MPI_BUILD_RESUME) != 0 ? begin_resumed(build, old, err)
                                                          : begin_new(build, old, err);
    if (code == 0)
        remove_leftovers(build->dir);
    ikv_manifest_free(old);
    return code;
}

static int allocate(struct build *build, ikv_error *err)
{
    build->splitters = calloc(build->shards, build->width);
    build->writers = calloc(build->shards, sizeof *build->writers);
    build->whole = calloc(build->shards, sizeof *build->whole);
    build->facts = calloc(build->shards, sizeof *build->facts);
    if (build->splitters == NULL || build->writers == NULL || build->whole == NULL ||
        build->facts == NULL)
        return ikv_mpi_no_memory(err);
    struct placement placement;
    uint64_t *sizes = calloc(build->shards, sizeof *sizes);
    int code = sizes == NULL ? -ENOMEM
                             : ikv_placement_init(&placement, sizes, build->shards, &build->nodes);
    if (code == 0) {
        for (size_t s = 0; s < build->shards; s++)
            build->writers[s] = placement.owners[placement.first[s]];
        ikv_placement_free(&placement);
    }
    free(sizes);
    return code != 0 ? ikv_mpi_no_memory(err) : 0;
}

static int prepare(struct build *build, const ikv_mpi_build_options *options, ikv_error *err)
{
    int code = ikv_mpi_agree(build->comm, set_options(build, options, err), err);
    if (code == 0)
        code = compare_options(build, err);
    if (code != 0)
        return code;
    code = ikv_nodes_init(&build->nodes, build->comm, options->hosts, err);
    if (code != 0)
        return code;
    if (build->shards == 0)
        build->shards = (size_t)build->nodes.ranks;
    code = ikv_mpi_agree(build->comm, allocate(build, err), err);
    if (code == 0)
        code =
            ikv_mpi_agree(build->comm, build->nodes.rank == 0 ? prepare_dir(build, err) : 0, err);
    return code;
}

/* ---------------------------------------------------------------- resuming */

/* Every rank looks for the shards that it would write. */
static int find_whole(struct build *build, ikv_error *err)
{
    int code = 0;
    for (size_t s = 0; s < build->shards && code == 0; s++) {
        if (build->writers[s] != build->nodes.rank)
            continue;
        code = ikv_shard_read_facts(build, s, err);
        build->whole[s] = code == 0;
        if (code == -ENOENT)
            code = 0;
    }
    return code;
}

static int resume(struct build *build, ikv_error *err)
{
    (void)MPI_Bcast(build->table_id, sizeof build->table_id, MPI_BYTE, 0, build->comm);
    (void)MPI_Bcast(build->splitters, (int)(build->shards * build->width), MPI_BYTE, 0,
                    build->comm);
    const int code = ikv_mpi_agree(build->comm, find_whole(build, err), err);
    if (code != 0)
        return code;
    (void)MPI_Allreduce(MPI_IN_PLACE, build->whole, (int)build->shards, MPI_C_BOOL, MPI_LOR,
                        build->comm);
    for (size_t s = 0; s < build->shards; s++)
        build->stats.kept_shards += build->whole[s];
    return 0;
}

/* ---------------------------------------------------------------- the phases */

/* Sort the pairs of this rank, and agree on where shards begin. */
static int sort_and_split(struct build *build, ikv_mpi_next_fn next, void *user, ikv_error *err)
{
    struct sample sample;
    (void)MPI_Bcast(build->table_id, sizeof build->table_id, MPI_BYTE, 0, build->comm);
    int code = ikv_sample_init(&sample, build->writer.key_type, build->shards);
    code = ikv_mpi_agree(build->comm, code != 0 ? ikv_mpi_no_memory(err) : 0, err);
    if (code == 0)
        code = ikv_mpi_agree(build->comm, ikv_build_sort(build, next, user, &sample, err), err);
    if (code == 0) {
        ikv_sample_merge(&sample, build->comm);
        if (build->nodes.rank == 0) {
            ikv_sample_split(&sample, build->shards, build->splitters);
            const struct ikv_journal journal = journal_of(build);
            code = ikv_journal_write(build->dir, &journal, err);
        }
        (void)MPI_Bcast(build->splitters, (int)(build->shards * build->width), MPI_BYTE, 0,
                        build->comm);
        code = ikv_mpi_agree(build->comm, code, err);
    }
    ikv_sample_free(&sample);
    return code;
}

/* Ranges must not reach into the next shard. */
static int check_borders(const struct build *build, ikv_error *err)
{
    const ikv_key_type type = build->writer.key_type;
    unsigned char last[IKV_KEY_WIDTH_MAX];
    bool has_last = false;
    for (size_t s = 0; s < build->shards; s++) {
        const struct ikv_shard_facts *facts = &build->facts[s];
        if (facts->pairs == 0)
            continue;
        if (has_last && ikv_key_compare(type, last, facts->first) >= 0)
            return ikv_mpi_fail(err, IKV_E_OVERLAP, build->dir,
                                "a range reaches beyond the beginning of shard %zu, where another "
                                "one begins",
                                s);
        char *path = ikv_build_shard_path(build, s);
        ikv_store *store = NULL;
        ikv_result *result = NULL;
        int code = path == NULL ? -ENOMEM : ikv_open(path, NULL, &store, err);
        if (code == 0)
            code = ikv_result_new(&result);
        if (code == 0)
            code = ikv_get(store, facts->last, NULL, result, err);
        if (code == 0)
            code = ikv_range_last(store, ikv_result_items(result), last);
        ikv_result_free(result);
        ikv_close(store);
        free(path);
        if (code != 0)
            return code == -ENOMEM ? ikv_mpi_no_memory(err) : code;
        has_last = true;
    }
    return 0;
}

/* Shards without a pair are no part of the table. They go before the manifest is in place, when the
 * journal still has their names; a build that is resumed writes them again. */
static void remove_empty(const struct build *build)
{
    for (size_t s = 0; s < build->shards; s++) {
        char *path = build->facts[s].pairs == 0 ? ikv_build_shard_path(build, s) : NULL;
        if (path != NULL)
            (void)unlink(path);
        free(path);
    }
}

/* Rank 0 knows all facts. */
static int publish(struct build *build, ikv_error *err)
{
    struct ikv_manifest *manifest = NULL;
    int code = build->has_ranges ? check_borders(build, err) : 0;
    if (code == 0)
        code = ikv_manifest_new(build->dir, build->writer.key_type, build->writer.layout,
                                build->has_ranges, build->table_id, &manifest, err);
    for (size_t s = 0; s < build->shards && code == 0; s++) {
        char name[IKV_SHARD_NAME_SIZE];
        const char *paths[] = {name};
        ikv_shard_name(build->table_id, s, name);
        code = ikv_manifest_add(manifest, &build->facts[s], paths, 1, err);
    }
    if (code == 0) {
        remove_empty(build);
        manifest->mode = build->writer.mode;
        manifest->journal = IKV_JOURNAL_NAME;
        code = ikv_manifest_publish(manifest, err);
    }
    ikv_manifest_free(manifest);
    return code;
}

/* Bring the facts of all shards to rank 0, and sum up. */
static void collect(struct build *build)
{
    ikv_mpi_build_stats *stats = &build->stats;
    const int unit = (int)sizeof *build->facts;
    MPI_Datatype type;
    (void)MPI_Type_contiguous(unit, MPI_BYTE, &type);
    (void)MPI_Type_commit(&type);
    for (size_t s = 0; s < build->shards; s++)
        (void)MPI_Bcast(&build->facts[s], 1, type, build->writers[s], build->comm);
    (void)MPI_Type_free(&type);
    (void)MPI_Allreduce(MPI_IN_PLACE, &stats->dropped, 1, MPI_UINT64_T, MPI_SUM, build->comm);
    uint64_t most = 0;
    for (int rank = 0; rank < build->nodes.ranks; rank++) {
        uint64_t pairs = 0;
        for (size_t s = 0; s < build->shards; s++)
            if (build->writers[s] == rank)
                pairs += build->facts[s].pairs;
        most = pairs > most ? pairs : most;
    }
    for (size_t s = 0; s < build->shards; s++) {
        stats->pairs += build->facts[s].pairs;
        stats->file_size += build->facts[s].pairs > 0 ? build->facts[s].size : 0;
    }
    if (stats->pairs > 0)
        stats->largest_rank_permille =
            (uint32_t)((double)most * 1000 * build->nodes.ranks / (double)stats->pairs + 0.5);
}

static int run(struct build *build, const ikv_mpi_build_options *options, ikv_mpi_next_fn next,
               void *user, ikv_error *err)
{
    int code = prepare(build, options, err);
    if (code != 0)
        return code;
    const double start = MPI_Wtime();
    const bool resumes = (build->flags & IKV_MPI_BUILD_RESUME) != 0;
    if (resumes)
        code = resume(build, err);
    if (code == 0 && build->stats.kept_shards < build->shards)
        code = resumes
                   ? ikv_mpi_agree(build->comm, ikv_build_sort(build, next, user, NULL, err), err)
                   : sort_and_split(build, next, user, err);
    build->stats.read_seconds = MPI_Wtime() - start;
    if (code == 0)
        code = ikv_build_write_shards(build, err);
    ikv_build_remove_run(build);
    if (code != 0)
        return code;
    collect(build);
    code = build->nodes.rank == 0 ? publish(build, err) : 0;
    ikv_table_unlock(build->lock); /* before any rank returns */
    build->lock = NULL;
    return ikv_mpi_agree(build->comm, code, err);
}

int ikv_mpi_build(MPI_Comm comm, const char *path, const ikv_mpi_build_options *options,
                  ikv_mpi_next_fn next, void *user, ikv_mpi_build_stats *ret_stats, ikv_error *err)
{
    ikv_error error = {0};
    struct build build = {.dir = path};
    (void)MPI_Comm_dup(comm, &build.comm);
    (void)MPI_Comm_set_errhandler(build.comm, MPI_ERRORS_ARE_FATAL);
    const int code = run(&build, options, next, user, &error);
    if (code == 0 && ret_stats != NULL)
        *ret_stats = build.stats;
    ikv_build_remove_run(&build);
    ikv_table_unlock(build.lock);
    ikv_nodes_free(&build.nodes);
    free(build.splitters);
    free(build.writers);
    free(build.whole);
    free(build.facts);
    (void)MPI_Comm_free(&build.comm);
    return ikv_mpi_return(code, &error, err);
}
