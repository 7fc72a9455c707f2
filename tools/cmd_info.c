/* indexkv info: print the properties of a store. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "base/utf8.h"
#include "command.h"
#include "options/store_options.h"
#include "table/table.h"
#include "text/json.h"
#include "text/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_JSON = OPTION_OWN };

static const struct option_spec specs[] = {{OPTION_JSON, 'j', "json", NULL, "write a JSON object"},
                                           OPTION_SPECS_STORE,
                                           OPTION_SPEC_MISSING_SHARDS,
                                           OPTION_SPECS_URL,
                                           OPTION_SPEC_HELP,
                                           {0}};

static const struct command_syntax syntax = {
    "info", "STORE [OPTION...]",
    "Print the properties of a store: format, key type, number of pairs, sizes, ID,\n"
    "metadata. Reads only a few pages of the file.",
    specs,
    "Exit status: 0 success, 2 usage, 3 not a store or wrong key type, 4 corrupt,\n"
    "5 I/O error."};

struct info_options {
    struct store_options store;
    bool json;
};

static int accept_option(void *user, int id, const char *argument)
{
    struct info_options *options = user;
    if (id == OPTION_JSON) {
        options->json = true;
        return OPTIONS_CONTINUE;
    }
    return store_options_accept(&options->store, id, argument);
}

struct id_text {
    char text[2 * 16 + 1];
};

static struct id_text id_text_of_bytes(const unsigned char bytes[16])
{
    struct id_text id;
    for (size_t i = 0; i < 16; i++)
        snprintf(id.text + 2 * i, 3, "%02x", bytes[i]);
    return id;
}

static struct id_text id_text_of(const ikv_info *info)
{
    return id_text_of_bytes(info->store_id);
}

static void number_line(struct output *output, const char *name, uint64_t number)
{
    output_format(output, "%-20s%" PRIu64 "\n", name, number);
}

static void bytes_line(struct output *output, const char *name, uint64_t bytes)
{
    output_format(output, "%-20s%" PRIu64, name, bytes);
    if (bytes >= 1024)
        output_format(output, " (%s)", human_bytes((double)bytes).text);
    output_text(output, "\n");
}

static void text_line(struct output *output, const char *name, const char *text)
{
    output_format(output, "%-20s%s\n", name, text);
}

static void metadata_line(struct output *output, const ikv_info *info)
{
    enum { SHOWN = 200 };
    if (info->metadata == NULL || info->metadata_size == 0) {
        text_line(output, "metadata", "none");
        return;
    }
    char text[SHOWN * UTF8_ESCAPE_MAX + 1];
    size_t shown = info->metadata_size < SHOWN ? info->metadata_size : SHOWN;
    output_format(output, "%-20s", "metadata");
    output_bytes(output, text, utf8_escape(text, sizeof text, info->metadata, shown));
    output_format(output, "%s (%zu bytes)\n", shown < info->metadata_size ? "..." : "",
                  info->metadata_size);
}

static bool is_clustered(const ikv_info *info)
{
    return info->layout == IKV_LAYOUT_CLUSTERED;
}

static const char *layout_name(const ikv_info *info)
{
    return is_clustered(info) ? "clustered" : "arrival";
}

static double index_bytes_per_key(const ikv_info *info)
{
    return info->pair_count > 0 ? (double)info->index_memory / (double)info->pair_count : 0;
}

/* The index that lookups search: leaves or pages. The leaves of a clustered store have copies of
 * the keys in the v2 index. */
static void index_lines(struct output *output, const ikv_info *info)
{
    if (is_clustered(info)) {
        number_line(output, "leaves", info->index_pages);
        bytes_line(output, "leaf size", info->leaf_size);
        text_line(output, "v2 index", info->has_v2_index ? "yes" : "no");
        if (info->filter_memory)
            bytes_line(output, "filter in memory", info->filter_memory);
    }
    if (info->has_v2_index) {
        bytes_line(output, "index start", info->index_start);
        bytes_line(output, "index size", info->index_size);
    }
    if (!is_clustered(info)) {
        number_line(output, "index pages", info->index_pages);
        number_line(output, "index page size", info->page_size);
    }
    if (info->has_v2_index)
        number_line(output, "stride", info->stride);
}

/* What opening took, of a store or of all shards of a table. */
static void opening_lines(struct output *output, const ikv_info *info)
{
    number_line(output, "fences in memory", info->fences);
    bytes_line(output, "index memory", info->index_memory);
    output_format(output, "%-20s%.3f\n", "index bytes per key", index_bytes_per_key(info));
    number_line(output, "reads to open", info->open_reads);
    bytes_line(output, "bytes to open", info->open_bytes);
    text_line(output, "backend", info->backend);
}

static void write_text(struct output *output, const char *path, const ikv_info *info)
{
    char type[16];
    output_format(output, "%-20s", "store");
    output_untrusted(output, path, strlen(path), false);
    output_text(output, "\n");
    text_line(output, "format", info->has_trailer ? "v2 with trailer" : "plain v2");
    text_line(output, "layout", layout_name(info));
    text_line(output, "checksums", info->has_trailer ? "yes" : "no");
    text_line(output, "key type", ikv_key_type_name(info->key_type, type, sizeof type));
    number_line(output, "key width", info->key_width);
    number_line(output, info->has_ranges ? "ranges" : "pairs", info->pair_count);
    text_line(output, "record order",
              info->in_key_order  ? "key order"
              : info->has_trailer ? "insertion order"
                                  : "not recorded");
    bytes_line(output, "file size", info->file_size);
    bytes_line(output, "records end", info->records_end);
    index_lines(output, info);
    if (info->has_trailer) {
        text_line(output, "store id", id_text_of(info).text);
        bytes_line(output, "value bytes", info->value_bytes);
        number_line(output, "value size min", info->value_size_min);
        number_line(output, "value size max", info->value_size_max);
        number_line(output, "value size p99", info->value_size_p99);
        metadata_line(output, info);
    }
    opening_lines(output, info);
    bytes_line(output, "mapped", info->mapped);
}

static void number_member(struct output *output, const char *name, uint64_t number)
{
    output_format(output, ",\n \"%s\":%" PRIu64, name, number);
}

static void flag_member(struct output *output, const char *name, int flag)
{
    output_format(output, ",\n \"%s\":%s", name, flag ? "true" : "false");
}

static void text_member(struct output *output, const char *name, const char *text)
{
    output_text(output, ",\n ");
    json_text_member(output, name, text);
}

static void opening_members(struct output *output, const ikv_info *info)
{
    number_member(output, "fences", info->fences);
    number_member(output, "index_memory", info->index_memory);
    output_format(output, ",\n \"index_memory_per_key\":%.6f", index_bytes_per_key(info));
    number_member(output, "open_reads", info->open_reads);
    number_member(output, "open_bytes", info->open_bytes);
}

static void write_json(struct output *output, const char *path, const ikv_info *info)
{
    char type[16];
    output_text(output, "{");
    json_text_member(output, "path", path);
    text_member(output, "format", info->has_trailer ? "v2 with trailer" : "plain v2");
    text_member(output, "layout", layout_name(info));
    flag_member(output, "has_trailer", info->has_trailer);
    text_member(output, "key_type", ikv_key_type_name(info->key_type, type, sizeof type));
    number_member(output, "key_width", info->key_width);
    number_member(output, "pair_count", info->pair_count);
    flag_member(output, "in_key_order", info->in_key_order);
    flag_member(output, "has_ranges", info->has_ranges);
    number_member(output, "file_size", info->file_size);
    number_member(output, "records_end", info->records_end);
    number_member(output, "index_start", info->index_start);
    number_member(output, "index_size", info->index_size);
    flag_member(output, "has_v2_index", info->has_v2_index);
    if (is_clustered(info)) {
        number_member(output, "leaves", info->index_pages);
        number_member(output, "leaf_size", info->leaf_size);
        number_member(output, "filter_memory", info->filter_memory);
    } else {
        number_member(output, "index_pages", info->index_pages);
        number_member(output, "page_size", info->page_size);
    }
    number_member(output, "stride", info->stride);
    if (info->has_trailer) {
        text_member(output, "store_id", id_text_of(info).text);
        number_member(output, "value_bytes", info->value_bytes);
        number_member(output, "value_size_min", info->value_size_min);
        number_member(output, "value_size_max", info->value_size_max);
        number_member(output, "value_size_p99", info->value_size_p99);
        output_text(output, ",\n ");
        if (info->metadata != NULL)
            json_bytes_member(output, "metadata", info->metadata, info->metadata_size);
        else
            output_text(output, "\"metadata\":null");
    }
    opening_members(output, info);
    text_member(output, "backend", info->backend);
    number_member(output, "mapped", info->mapped);
    output_text(output, "}\n");
}

/* ---------------------------------------------------------------- sharded tables */

static void key_text(const struct ikv_manifest *manifest, const unsigned char *key,
                     char text[IKV_KEY_TEXT_MAX])
{
    if (ikv_key_format(manifest->key_type, IKV_SYNTAX_AUTO, key, text, IKV_KEY_TEXT_MAX) < 0)
        text[0] = '\0';
}

/* A line for each shard: its number, pairs, size, first and last key, path. */
static void shard_lines(struct output *output, const struct table *table)
{
    const struct ikv_manifest *manifest = table->manifest;
    char first[IKV_KEY_TEXT_MAX], last[IKV_KEY_TEXT_MAX];
    for (size_t i = 0; i < manifest->shard_count; i++) {
        const struct ikv_shard *shard = &manifest->shards[i];
        key_text(manifest, shard->first, first);
        key_text(manifest, shard->last, last);
        output_format(output, "shard %-14zu%" PRIu64 " %s, %" PRIu64 " bytes, keys %s", i,
                      shard->pairs, manifest->has_ranges ? "ranges" : "pairs", shard->size, first);
        output_format(output, " to %s, ", last);
        output_untrusted(output, table->stores[i].path, strlen(table->stores[i].path), false);
        if (shard->path_count > 1)
            output_format(output, ", 1 of %zu places", shard->path_count);
        output_text(output, table->stores[i].store == NULL ? ", missing\n" : "\n");
    }
}

static void write_table_text(struct output *output, const struct table *table)
{
    const ikv_info *info = &table->info;
    char type[16];
    output_format(output, "%-20s", "store");
    output_untrusted(output, table->whole.path, strlen(table->whole.path), false);
    output_text(output, "\n");
    output_format(output, "%-20ssharded table, version %d\n", "format", IKV_MANIFEST_VERSION);
    text_line(output, "layout", layout_name(info));
    text_line(output, "key type", ikv_key_type_name(info->key_type, type, sizeof type));
    number_line(output, "key width", info->key_width);
    number_line(output, info->has_ranges ? "ranges" : "pairs", info->pair_count);
    number_line(output, "shards", table->count);
    number_line(output, "missing shards", table->missing);
    bytes_line(output, "file size", info->file_size);
    text_line(output, "table id", id_text_of(info).text);
    bytes_line(output, "value bytes", info->value_bytes);
    number_line(output, "value size min", info->value_size_min);
    number_line(output, "value size max", info->value_size_max);
    opening_lines(output, info);
    shard_lines(output, table);
}

static void write_shard_json(struct output *output, const struct table *table, size_t i)
{
    const struct ikv_shard *shard = &table->manifest->shards[i];
    char text[IKV_KEY_TEXT_MAX];
    output_text(output, i == 0 ? "\n  {\"paths\":[" : ",\n  {\"paths\":[");
    for (size_t j = 0; j < shard->path_count; j++) {
        if (j > 0)
            output_text(output, ",");
        json_string_literal(output, shard->paths[j], strlen(shard->paths[j]));
    }
    key_text(table->manifest, shard->first, text);
    output_text(output, "],");
    json_text_member(output, "first", text);
    key_text(table->manifest, shard->last, text);
    output_text(output, ",");
    json_text_member(output, "last", text);
    output_format(output, ",\"pairs\":%" PRIu64 ",\"file_size\":%" PRIu64 ",", shard->pairs,
                  shard->size);
    json_text_member(output, "store_id", id_text_of_bytes(shard->store_id).text);
    output_format(output, ",\"missing\":%s}", table->stores[i].store == NULL ? "true" : "false");
}

static void write_table_json(struct output *output, const struct table *table)
{
    const ikv_info *info = &table->info;
    char type[16];
    output_text(output, "{");
    json_text_member(output, "path", table->whole.path);
    text_member(output, "format", "sharded table");
    number_member(output, "version", IKV_MANIFEST_VERSION);
    text_member(output, "layout", layout_name(info));
    text_member(output, "key_type", ikv_key_type_name(info->key_type, type, sizeof type));
    number_member(output, "key_width", info->key_width);
    number_member(output, "pair_count", info->pair_count);
    flag_member(output, "has_ranges", info->has_ranges);
    number_member(output, "file_size", info->file_size);
    text_member(output, "table_id", id_text_of(info).text);
    number_member(output, "value_bytes", info->value_bytes);
    number_member(output, "value_size_min", info->value_size_min);
    number_member(output, "value_size_max", info->value_size_max);
    opening_members(output, info);
    number_member(output, "missing_shards", table->missing);
    output_text(output, ",\n \"shards\":[");
    for (size_t i = 0; i < table->count; i++)
        write_shard_json(output, table, i);
    output_text(output, "]}\n");
}

/* ---------------------------------------------------------------- both */

static void write_info(struct output *output, const struct table *table, bool json)
{
    const char *path = table->whole.path;
    if (table->manifest != NULL)
        (json ? write_table_json : write_table_text)(output, table);
    else
        (json ? write_json : write_text)(output, path, &table->info);
}

int cmd_info(int argc, char **argv)
{
    struct info_options options = {0};
    store_options_init(&options.store, &syntax);
    struct operands operands;
    const char *path;
    int status = options_parse(&syntax, argc, argv, accept_option, &options, &operands);
    if (status == OPTIONS_CONTINUE)
        status = single_operand(&syntax, &operands, &path);
    if (status != OPTIONS_CONTINUE)
        return status;
    struct table table;
    status = table_open(&options.store, path, &table);
    if (status != STATUS_DONE)
        return status;
    struct output output;
    status = output_open(&output);
    if (status == STATUS_DONE) {
        write_info(&output, &table, options.json);
        status = exit_status_worse(table_report_missing(&table), output_close(&output));
    }
    table_close(&table);
    return status;
}
