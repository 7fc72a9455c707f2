/* An open store as a table, and its keys as SQL values. */
#ifndef TABLE_H
#define TABLE_H

#include <indexkv.h>
#include <sqlite3ext.h>

struct table {
    sqlite3_vtab base;
    ikv_store *store;
    ikv_info info;
    int text; /* values are TEXT, otherwise BLOB */
};

/* Open the store that the arguments of CREATE VIRTUAL TABLE name: 'PATH', then key_type=T,
 * backend=B, value=text. Returns an SQLite status; *ret_message is for sqlite3_free. */
int table_open(int argc, const char *const *argv, struct table **ret_table, char **ret_message);
void table_close(struct table *table);

/* The CREATE TABLE statement that describes it. */
const char *table_declaration(const struct table *table);

/*
 * Keys are INTEGER if they fit into 64 signed bits; larger u64, and all u128 and i128, are TEXT, in
 * decimal; byte strings are BLOB.
 */
void return_key(const struct table *table, sqlite3_context *context, const void *key);

/* Whether SQLite orders these values as the store does. */
int keys_in_sql_order(const struct table *table);

/* The only key that can be equal to a value. Returns 0 if there is none. */
int key_of_value(const struct table *table, sqlite3_value *value, void *ret_key);

/* The key with which a scan begins (`lower`) or ends, so that it has all keys on that side of a
 * value. */
enum bound { BOUND_NONE, BOUND_KEY, BOUND_NOTHING };
enum bound bound_of_value(const struct table *table, sqlite3_value *value, int lower,
                          void *ret_key);

#endif
