/*
 * What a command opens as STORE: a store, or a sharded table, which is a directory of stores. To
 * the commands both are a table of one or more stores in key order.
 */
#ifndef TABLE_H
#define TABLE_H

#include "options/store_options.h"
#include "shards/manifest.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A store, or a shard. */
struct table_store {
    ikv_store *store; /* NULL: a shard that is missing, with --missing-shards report */
    char *path;
    ikv_layout layout;
    bool missing; /* such a shard */
};

struct table {
    struct table_store whole; /* for messages that are about no particular store; `store` is NULL */
    struct table_store *stores;
    size_t count;                  /* 0: a sharded table without pairs */
    struct ikv_manifest *manifest; /* NULL: a store */
    ikv_engine *engine;            /* of all shards, if none was given; NULL: of each store */
    ikv_info info;  /* of the store. Of a sharded table: the manifest's facts and sums over its
                       stores; without metadata */
    size_t missing; /* shards, and their pairs */
    uint64_t missing_pairs;
};

/* Open a store, or a sharded table with all its shards, of which index_memory is the limit
 * together, and check the key syntax. Returns STATUS_DONE, or an exit status after reporting; then
 * there is nothing to close. */
int table_open(const struct store_options *options, const char *path, struct table *ret_table);
void table_close(struct table *table);

/* Whether `path` is a directory: not a single store. */
bool table_is_directory(const char *path);

/* Refuse a directory for a command that measures a file. Returns OPTIONS_CONTINUE, or an exit
 * status after reporting. */
int table_refuse_directory(const struct command_syntax *syntax, const char *path);

/* Report the shards that are missing, if there are any. Returns STATUS_DONE or STATUS_IO. */
int table_report_missing(const struct table *table);

/* For commands that take a list of stores: the pointers of all stores of all tables. Free it with
 * free(). NULL: out of memory, which was reported. */
ikv_store **table_all_stores(const struct table *tables, size_t count, size_t *ret_count);

#endif
