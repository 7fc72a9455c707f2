#include "mpi/table.h"

#include "mpi/agree.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define MEMORY_DEFAULT ((uint64_t)64 << 20)
#define MEMORY_MIN     ((uint64_t)1 << 20)

/* Times that a table is opened again which was replaced meanwhile. */
#define REPLACED_MAX 8

/* ---------------------------------------------------------------- options */

/* Options of a newer header are accepted if what this library does not know is zero. */
static int copy_options(const ikv_mpi_open_options *options, ikv_mpi_open_options *ret,
                        ikv_error *err)
{
    *ret = (ikv_mpi_open_options)IKV_MPI_OPEN_OPTIONS_INIT;
    if (options != NULL) {
        const unsigned char *from = (const unsigned char *)options;
        for (size_t i = sizeof *ret; i < options->size; i++)
            if (from[i] != 0)
                return ikv_mpi_fail(err, IKV_E_INVALID, NULL, "an unknown option is set");
        memcpy(ret, from, options->size < sizeof *ret ? options->size : sizeof *ret);
    }
    if (ret->missing_shards != IKV_MPI_MISSING_ERROR &&
        ret->missing_shards != IKV_MPI_MISSING_REPORT)
        return ikv_mpi_fail(err, IKV_E_INVALID, NULL, "missing_shards: no such value");
    if (ret->memory == 0)
        ret->memory = MEMORY_DEFAULT;
    if (ret->memory < MEMORY_MIN)
        return ikv_mpi_fail(err, IKV_E_INVALID, NULL, "memory: at least 1 MiB");
    return 0;
}

/* ---------------------------------------------------------------- the manifest */

/* Rank 0 reads it and sends it to all. */
static int read_manifest(ikv_mpi *table, const char *path, ikv_error *err)
{
    char *text = NULL;
    size_t size = 0;
    int code = 0;
    if (table->nodes.rank == 0) {
        code = ikv_manifest_read(path, &table->manifest, err);
        if (code == 0)
            code = ikv_manifest_encode(table->manifest, &text, &size, err);
    }
    code = ikv_mpi_agree(table->comm, code, err);
    uint64_t bytes = size;
    if (code == 0)
        (void)MPI_Bcast(&bytes, 1, MPI_UINT64_T, 0, table->comm);
    if (code == 0 && table->nodes.rank != 0)
        text = malloc(bytes);
    if (code == 0)
        code = ikv_mpi_agree(table->comm, text == NULL ? ikv_mpi_no_memory(err) : 0, err);
    if (code == 0) {
        (void)MPI_Bcast(text, (int)bytes, MPI_BYTE, 0, table->comm);
        if (table->nodes.rank != 0)
            code = ikv_manifest_decode(path, path, text, bytes, &table->manifest, err);
        code = ikv_mpi_agree(table->comm, code, err);
    }
    free(text);
    return code;
}

/* ---------------------------------------------------------------- shards */

/* Whether an error of opening means that the shard is not available, rather than that this process
 * lacks something. */
static bool is_missing(int code)
{
    return code == -ENOENT || code == -EACCES || code == -EIO || code == -ESTALE ||
           code == -ENOTDIR || code == -ECONNREFUSED || code == -ETIMEDOUT ||
           code == -EHOSTUNREACH || code == -ENETUNREACH ||
           (code <= IKV_E_NOT_STORE && code >= IKV_E_PADDING);
}

static int place_shards(ikv_mpi *table, ikv_error *err)
{
    const size_t count = table->manifest->shard_count;
    uint64_t *sizes = calloc(count + 1, sizeof *sizes);
    int code = sizes == NULL ? -ENOMEM : 0;
    for (size_t s = 0; code == 0 && s < count; s++)
        sizes[s] = table->manifest->shards[s].size;
    if (code == 0)
        code = ikv_placement_init(&table->placement, sizes, count, &table->nodes);
    free(sizes);
    return code == 0 ? 0 : ikv_mpi_no_memory(err);
}

/* The engine that the shards of this rank share, unless the caller has one. */
static int start_engine(ikv_mpi *table, ikv_open_options *open, ikv_error *err)
{
    if (open->engine != NULL)
        return 0;
    ikv_engine_options options = IKV_ENGINE_OPTIONS_INIT;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN), ranks = table->nodes.node_ranks;
    options.threads = cores > ranks ? (uint32_t)(cores / ranks) : 1;
    options.threads = options.threads > 1024 ? 1024 : options.threads;
    const int code = ikv_engine_new(&options, &table->engine, err);
    open->engine = table->engine;
    return code;
}

/* Open the shards that this rank owns. `available`: for each owner in the placement, whether this
 * rank opened it. */
static int open_shards(ikv_mpi *table, const ikv_mpi_open_options *options,
                       unsigned char *available, ikv_error *err)
{
    ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
    if (options->open != NULL)
        memcpy(&open, options->open,
               options->open->size < sizeof open ? options->open->size : sizeof open);
    open.size = sizeof open;
    int code = start_engine(table, &open, err);
    for (size_t s = 0; s < table->placement.shards && code == 0; s++) {
        for (size_t i = table->placement.first[s]; i < table->placement.first[s + 1]; i++) {
            if (table->placement.owners[i] != table->nodes.rank)
                continue;
            /* The ranks of a node begin with the same place. */
            const size_t place = (table->nodes.node + s) % table->manifest->shards[s].path_count;
            ikv_store **store = &table->stores[table->local_count];
            code = ikv_shard_open(table->manifest, s, place, &open, store, NULL, err);
            if (code == 0) {
                table->local[table->local_count++] = s;
                available[i] = 1;
            } else if (options->missing_shards == IKV_MPI_MISSING_REPORT && is_missing(code)) {
                code = 0;
            }
            break;
        }
    }
    return code;
}

/* Remove owners that could not open their shard. */
static void remove_owners(ikv_mpi *table, const unsigned char *available)
{
    struct placement *placement = &table->placement;
    size_t kept = 0, begin = 0;
    for (size_t s = 0; s < placement->shards; s++) {
        const size_t end = placement->first[s + 1];
        for (size_t i = begin; i < end; i++)
            if (available[i])
                placement->owners[kept++] = placement->owners[i];
        begin = end;
        placement->first[s + 1] = kept;
        if (kept == placement->first[s])
            table->missing_count++;
    }
}

/* The owner that this rank asks: itself if it is one. The other ranks divide the owners. */
static int choose_owner(const ikv_mpi *table, size_t shard)
{
    const struct placement *placement = &table->placement;
    const size_t first = placement->first[shard], end = placement->first[shard + 1];
    size_t number = (size_t)table->nodes.rank; /* among the ranks that are not owners */
    for (size_t i = first; i < end; i++) {
        if (placement->owners[i] == table->nodes.rank)
            return table->nodes.rank;
        number -= placement->owners[i] < table->nodes.rank;
    }
    return end > first ? placement->owners[first + number % (end - first)] : KEY_UNAVAILABLE;
}

static int open_all(ikv_mpi *table, const ikv_mpi_open_options *options, ikv_error *err)
{
    const size_t count = table->manifest->shard_count, owners = table->placement.first[count];
    table->ask = calloc(count + 1, sizeof *table->ask);
    table->local = calloc(count + 1, sizeof *table->local);
    table->stores = calloc(count + 1, sizeof(ikv_store *));
    unsigned char *available = calloc(owners + 1, 1);
    int code = 0;
    if (table->ask == NULL || table->local == NULL || table->stores == NULL || available == NULL)
        code = ikv_mpi_no_memory(err);
    if (code == 0)
        code = open_shards(table, options, available, err);
    code = ikv_mpi_agree(table->comm, code, err);
    if (code == 0) {
        (void)MPI_Allreduce(MPI_IN_PLACE, available, (int)owners, MPI_UINT8_T, MPI_MAX,
                            table->comm);
        remove_owners(table, available);
        for (size_t s = 0; s < count; s++)
            table->ask[s] = choose_owner(table, s);
    }
    free(available);
    return code;
}

/* ---------------------------------------------------------------- rounds */

size_t ikv_mpi_answer_head(const ikv_mpi *table)
{
    return 4 + table->key_width * (table->manifest->has_ranges ? 2 : 1);
}

/* How many keys a rank sends in a round. Three rounds are in memory, in which it may receive more
 * than it sends, see ikv_mpi_take_limit. */
static void choose_round(ikv_mpi *table)
{
    for (size_t i = 0; i < table->local_count; i++) {
        ikv_info info;
        ikv_store_info(table->stores[i], &info);
        if (table->value_size_p99 < info.value_size_p99)
            table->value_size_p99 = info.value_size_p99;
    }
    (void)MPI_Allreduce(MPI_IN_PLACE, &table->value_size_p99, 1, MPI_UINT32_T, MPI_MAX,
                        table->comm);
    const uint64_t answer = ikv_mpi_answer_head(table) + table->value_size_p99,
                   key = 3 * table->key_width + 5 * sizeof(uint32_t) + sizeof(ikv_mpi_item),
                   keys = table->memory / 3 * 4 / 5 / (key + 3 * answer);
    table->round_keys = keys < 1 ? 1 : keys > ROUND_KEYS_MAX ? ROUND_KEYS_MAX : (size_t)keys;
}

static int open_table(ikv_mpi *table, const char *path, const ikv_mpi_open_options *options,
                      ikv_error *err)
{
    ikv_mpi_open_options copy;
    int code = ikv_mpi_agree(table->comm, copy_options(options, &copy, err), err);
    if (code == 0)
        code = ikv_nodes_init(&table->nodes, table->comm, copy.hosts, err);
    if (code == 0)
        code = read_manifest(table, path, err);
    if (code == 0) {
        table->memory = copy.memory;
        table->key_width = ikv_key_width(table->manifest->key_type);
        code = ikv_mpi_agree(table->comm, place_shards(table, err), err);
    }
    if (code == 0)
        code = open_all(table, &copy, err);
    if (code == 0)
        choose_round(table);
    return code;
}

/* Collective: whether another manifest has taken the place of the one that was read. */
static bool was_replaced(const ikv_mpi *table, const char *path)
{
    struct ikv_manifest *now;
    int replaced = 0;
    if (table->manifest != NULL && table->nodes.rank == 0 &&
        ikv_manifest_read(path, &now, NULL) == 0) {
        replaced = now->checksum != table->manifest->checksum;
        ikv_manifest_free(now);
    }
    (void)MPI_Bcast(&replaced, 1, MPI_INT, 0, table->comm);
    return replaced != 0;
}

/* Open the table once. *ret_replaced: it was replaced meanwhile, so it may lack shards. */
static int try_open(MPI_Comm comm, const char *path, const ikv_mpi_open_options *options,
                    ikv_mpi **ret_table, bool *ret_replaced, ikv_error *err)
{
    ikv_mpi *table = calloc(1, sizeof *table);
    if (table != NULL)
        table->comm = MPI_COMM_NULL;
    *ret_replaced = false;
    int code = ikv_mpi_agree(comm, table == NULL ? ikv_mpi_no_memory(err) : 0, err);
    if (code == 0) {
        (void)MPI_Comm_dup(comm, &table->comm);
        (void)MPI_Comm_set_errhandler(table->comm, MPI_ERRORS_ARE_FATAL);
        code = open_table(table, path, options, err);
        if (code != 0 || table->missing_count > 0)
            *ret_replaced = was_replaced(table, path);
    }
    *ret_table = table;
    return code;
}

int ikv_mpi_open(MPI_Comm comm, const char *path, const ikv_mpi_open_options *options,
                 ikv_mpi **ret_table, ikv_error *err)
{
    for (int tries = 0;; tries++) {
        ikv_error error = {0};
        ikv_mpi *table;
        bool replaced;
        const int code = try_open(comm, path, options, &table, &replaced, &error);
        if (code == 0 && (!replaced || tries == REPLACED_MAX)) {
            *ret_table = table;
            return 0;
        }
        ikv_mpi_close(table);
        if (!replaced || tries == REPLACED_MAX)
            return ikv_mpi_return(code, &error, err);
    }
}

void ikv_mpi_close(ikv_mpi *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->local_count; i++)
        ikv_close(table->stores[i]);
    ikv_engine_close(table->engine);
    for (size_t i = 0; i < table->values_capacity; i++)
        ikv_bytes_free(&table->values[i]);
    free(table->values);
    free(table->items);
    free(table->stores);
    free(table->local);
    free(table->ask);
    ikv_placement_free(&table->placement);
    ikv_manifest_free(table->manifest);
    ikv_nodes_free(&table->nodes);
    if (table->comm != MPI_COMM_NULL)
        (void)MPI_Comm_free(&table->comm);
    free(table);
}

/* ---------------------------------------------------------------- facts */

size_t ikv_mpi_local_of(const ikv_mpi *table, size_t shard)
{
    size_t low = 0, high = table->local_count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (table->local[middle] <= shard)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void ikv_mpi_get_info(const ikv_mpi *table, ikv_mpi_info *ret_info)
{
    *ret_info = (ikv_mpi_info){
        .key_type = table->manifest->key_type,
        .key_width = (uint32_t)table->key_width,
        .pair_count = table->manifest->pairs,
        .shards = (uint32_t)table->manifest->shard_count,
        .local_shards = (uint32_t)table->local_count,
        .missing_shards = (uint32_t)table->missing_count,
        .node = table->nodes.node,
        .nodes = table->nodes.nodes,
        .has_ranges = table->manifest->has_ranges,
        .value_size_p99 = table->value_size_p99,
        .round_keys = table->round_keys,
    };
}

const ikv_mpi_item *ikv_mpi_items(const ikv_mpi *table)
{
    return table->items;
}

const ikv_error *ikv_mpi_problem(const ikv_mpi *table)
{
    return table->has_problem ? &table->problem : NULL;
}
