#include "table/table.h"

#include "base/descriptors.h"
#include "base/exit_status.h"
#include "base/message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_MEMORY_DEFAULT ((uint64_t)64 << 20)
/* Descriptors that a store may use, see ikv_backend. */
enum { STORE_DESCRIPTORS = 16 };
/* Times that a table is read again which was replaced while its shards were opened. */
enum { REPLACED_MAX = 8 };

bool table_is_directory(const char *path)
{
    return ikv_is_directory(path);
}

int table_refuse_directory(const struct command_syntax *syntax, const char *path)
{
    if (!table_is_directory(path))
        return OPTIONS_CONTINUE;
    message("%s: a directory: %s takes one store, or one shard of a table", path, syntax->name);
    return STATUS_NOT_STORE;
}

void table_close(struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        ikv_close(table->stores[i].store);
        free(table->stores[i].path);
    }
    free(table->stores);
    free(table->whole.path);
    ikv_engine_close(table->engine);
    ikv_manifest_free(table->manifest);
    *table = (struct table){.count = 0};
}

static bool reserve(struct table *table, const char *path, size_t count)
{
    table->whole.path = strdup(path);
    table->stores = calloc(count + 1, sizeof *table->stores);
    return table->whole.path != NULL && table->stores != NULL;
}

/* ---------------------------------------------------------------- one store */

static int open_store(const struct store_options *options, const char *path, struct table *table)
{
    if (!reserve(table, path, 1))
        return out_of_memory();
    table->count = 1;
    table->stores[0].path = strdup(path);
    if (table->stores[0].path == NULL)
        return out_of_memory();
    int status = store_open(options, path, &table->stores[0].store, &table->info);
    table->whole.layout = table->stores[0].layout = table->info.layout;
    return status;
}

/* ---------------------------------------------------------------- a sharded table */

/* The facts that do not depend on how the shards were opened. */
static void describe(struct table *table)
{
    const struct ikv_manifest *manifest = table->manifest;
    table->info = (ikv_info){.key_type = manifest->key_type,
                             .key_width = (uint32_t)ikv_key_width(manifest->key_type),
                             .has_trailer = 1,
                             .in_key_order = 1,
                             .pair_count = manifest->pairs,
                             .value_size_min = manifest->value_size_min,
                             .value_size_max = manifest->value_size_max,
                             .value_bytes = manifest->value_bytes,
                             .layout = manifest->layout,
                             .has_ranges = manifest->has_ranges,
                             .has_v2_index = 1,
                             .backend = "none"};
    memcpy(table->info.store_id, manifest->table_id, sizeof table->info.store_id);
    table->whole.layout = manifest->layout;
}

static void add_info(struct table *table, const ikv_store *store)
{
    ikv_info *sum = &table->info, one;
    ikv_store_info(store, &one);
    sum->file_size += one.file_size;
    sum->records_end += one.records_end;
    sum->in_key_order &= one.in_key_order;
    sum->has_v2_index &= one.has_v2_index;
    sum->index_pages += one.index_pages;
    sum->index_size += one.index_size;
    sum->filter_memory += one.filter_memory;
    sum->fences += one.fences;
    sum->index_memory += one.index_memory;
    sum->open_reads += one.open_reads;
    sum->open_bytes += one.open_bytes;
    sum->mapped += one.mapped;
    sum->backend = one.backend;
    if (one.value_size_p99 > sum->value_size_p99)
        sum->value_size_p99 = one.value_size_p99;
}

static int open_shard(const struct store_options *options, const ikv_open_options *open,
                      struct table *table, size_t shard, ikv_error *error)
{
    struct table_store *to = &table->stores[shard];
    size_t place = 0;
    const int code = ikv_shard_open(table->manifest, shard, 0, open, &to->store, &place, error);
    to->layout = table->manifest->layout;
    to->path = ikv_shard_path(table->manifest, shard, place);
    if (to->path == NULL) {
        *error = (ikv_error){.code = -ENOMEM};
        return -ENOMEM;
    }
    if (code == 0) {
        add_info(table, to->store);
        return 0;
    }
    if (!options->report_missing_shards || code == -ENOMEM || code == IKV_E_INVALID)
        return code;
    message("%s", error->message);
    to->missing = true;
    table->missing++;
    table->missing_pairs += table->manifest->shards[shard].pairs;
    return 0;
}

static int open_shards(const struct store_options *options, struct table *table, ikv_error *error)
{
    const size_t count = table->manifest->shard_count;
    ikv_open_options open = options->open;
    if (!reserve(table, table->manifest->dir, count)) {
        *error = (ikv_error){.code = -ENOMEM};
        return -ENOMEM;
    }
    descriptors_allow((uint64_t)count * STORE_DESCRIPTORS + 256);
    if (open.engine == NULL) {
        const int code = ikv_engine_new(NULL, &table->engine, error);
        if (code < 0)
            return code;
        open.engine = table->engine;
    }
    if (count > 1) {
        open.index_memory =
            (open.index_memory == 0 ? INDEX_MEMORY_DEFAULT : open.index_memory) / count;
        if (open.index_memory == 0)
            open.index_memory = 1;
    }
    for (; table->count < count; table->count++) {
        const int code = open_shard(options, &open, table, table->count, error);
        if (code < 0) {
            table->count++;
            return code;
        }
    }
    return 0;
}

/* The manifest, and a check of --key-type, which an empty table has, too. */
static int read_manifest(const struct store_options *options, const char *path, struct table *table,
                         ikv_error *error)
{
    const int code = ikv_manifest_read(path, &table->manifest, error);
    if (code < 0)
        return code;
    const ikv_key_type wanted = options->open.key_type, type = table->manifest->key_type;
    char name[16], other[16];
    if (wanted != IKV_KEY_NONE && wanted != type)
        return ikv_shards_fail(error, IKV_E_KEY_TYPE_MISMATCH, path,
                               "the table has keys of type %s, not %s",
                               ikv_key_type_name(type, name, sizeof name),
                               ikv_key_type_name(wanted, other, sizeof other));
    describe(table);
    return 0;
}

/* Whether another manifest has taken the place of the one that was read. */
static bool was_replaced(const struct table *table, const char *path)
{
    struct ikv_manifest *now;
    if (table->manifest == NULL || ikv_manifest_read(path, &now, NULL) < 0)
        return false;
    const bool replaced = now->checksum != table->manifest->checksum;
    ikv_manifest_free(now);
    return replaced;
}

static int open_sharded(const struct store_options *options, const char *path, struct table *table)
{
    ikv_error error;
    for (int tries = 0;; tries++) {
        int code = read_manifest(options, path, table, &error);
        if (code == 0)
            code = open_shards(options, table, &error);
        if (code == 0 && table->missing == 0)
            break;
        if (tries < REPLACED_MAX && was_replaced(table, path)) {
            table_close(table);
            continue;
        }
        if (code < 0)
            return store_open_error(&error);
        break;
    }
    int status = check_key_syntax(options->syntax, table->info.key_type, options->key_syntax);
    return status == OPTIONS_CONTINUE ? STATUS_DONE : status;
}

/* ---------------------------------------------------------------- both */

int table_open(const struct store_options *options, const char *path, struct table *ret_table)
{
    *ret_table = (struct table){.count = 0};
    const int status = table_is_directory(path) ? open_sharded(options, path, ret_table)
                                                : open_store(options, path, ret_table);
    if (status != STATUS_DONE)
        table_close(ret_table);
    return status;
}

int table_report_missing(const struct table *table)
{
    if (table->missing == 0)
        return STATUS_DONE;
    message("%s: %zu of %zu shards are missing, with %" PRIu64 " of %" PRIu64 " pairs",
            table->whole.path, table->missing, table->count, table->missing_pairs,
            table->manifest->pairs);
    return STATUS_IO;
}

ikv_store **table_all_stores(const struct table *tables, size_t count, size_t *ret_count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += tables[i].count;
    ikv_store **stores = calloc(total + 1, sizeof *stores);
    if (stores == NULL) {
        (void)out_of_memory();
        return NULL;
    }
    *ret_count = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < tables[i].count; j++)
            stores[(*ret_count)++] = tables[i].stores[j].store;
    return stores;
}
