/*
 * A loadable extension for SQLite: a store as a virtual table.
 *
 *     .load ./indexkv_sqlite
 *     CREATE VIRTUAL TABLE temp.users USING indexkv('users.ikv');
 *     SELECT value FROM users WHERE key = 4711;
 *     SELECT key, value FROM users WHERE key BETWEEN 1000 AND 1999;
 *     SELECT count(*) FROM users WHERE key IN (SELECT user FROM log);      -- one batch
 *
 * Equality, IN and ranges of keys become lookups, batches and scans. SQLite checks every row again,
 * so a plan may return too many rows, but never too few.
 */
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

#include "table.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMN_KEY, COLUMN_VALUE };

/* What a plan does; the arguments of xFilter are in the order of these bits. */
enum { PLAN_EQUAL = 1, PLAN_IN = 2, PLAN_FROM = 4, PLAN_TO = 8 };

/* Keys looked up in one call. */
enum { BATCH = 65536 };

struct cursor {
    sqlite3_vtab_cursor base;
    ikv_scan *scan; /* NULL: the rows are those of `keys` */
    unsigned char *keys;
    size_t count, capacity; /* of keys */
    size_t begin, end;      /* the keys that `result` answers */
    size_t next;            /* the next one to return */
    ikv_result *result;
    ikv_item item; /* the current row */
    sqlite3_int64 row;
    int at_end;
};

static int fail(sqlite3_vtab *base, int code, const ikv_error *err)
{
    sqlite3_free(base->zErrMsg);
    base->zErrMsg =
        sqlite3_mprintf("%s", err != NULL && err->code == code ? err->message : ikv_strerror(code));
    if (code <= IKV_E_HEADER && code >= IKV_E_PADDING)
        return SQLITE_CORRUPT_VTAB;
    return code > -1000 ? SQLITE_IOERR : SQLITE_ERROR;
}

/* ---- tables */

static int connect(sqlite3 *db, void *user, int argc, const char *const *argv,
                   sqlite3_vtab **ret_base, char **ret_message)
{
    struct table *table = NULL;
    (void)user;
    int status = table_open(argc - 3, argv + 3, &table, ret_message);
    if (status != SQLITE_OK)
        return status;
    status = sqlite3_declare_vtab(db, table_declaration(table));
    if (status != SQLITE_OK) {
        table_close(table);
        return status;
    }
    *ret_base = &table->base;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *base)
{
    table_close((struct table *)base);
    return SQLITE_OK;
}

/* Take a constraint: its value becomes the next argument of xFilter. */
static void take(sqlite3_index_info *info, int constraint, int *arguments)
{
    info->aConstraintUsage[constraint].argvIndex = ++*arguments;
}

static int first_of(const sqlite3_index_info *info, int one, int other)
{
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].usable && info->aConstraint[i].iColumn == COLUMN_KEY &&
            (info->aConstraint[i].op == one || info->aConstraint[i].op == other))
            return i;
    return -1;
}

static int all_at_once(sqlite3_index_info *info, int constraint)
{
    return sqlite3_libversion_number() >= 3038000 && sqlite3_vtab_in(info, constraint, -1) &&
           sqlite3_vtab_in(info, constraint, 1);
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct table *table = (struct table *)base;
    const double pairs = (double)table->info.pair_count + 1;
    const int equal = first_of(info, SQLITE_INDEX_CONSTRAINT_EQ, SQLITE_INDEX_CONSTRAINT_EQ);
    const int from = first_of(info, SQLITE_INDEX_CONSTRAINT_GT, SQLITE_INDEX_CONSTRAINT_GE);
    const int to = first_of(info, SQLITE_INDEX_CONSTRAINT_LT, SQLITE_INDEX_CONSTRAINT_LE);
    int arguments = 0;

    if (equal >= 0) {
        take(info, equal, &arguments);
        const int in = all_at_once(info, equal);
        info->idxNum = in ? PLAN_IN : PLAN_EQUAL;
        info->estimatedRows = in ? 100 : 1;
        info->estimatedCost = in ? 100 : 5;
        if (!in)
            info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
        return SQLITE_OK;
    }
    double rows = pairs;
    if (from >= 0) {
        take(info, from, &arguments);
        info->idxNum |= PLAN_FROM;
        rows /= 4;
    }
    if (to >= 0) {
        take(info, to, &arguments);
        info->idxNum |= PLAN_TO;
        rows /= 4;
    }
    info->estimatedRows = (sqlite3_int64)rows + 1;
    info->estimatedCost = 20 + rows;
    info->orderByConsumed = info->nOrderBy == 1 && info->aOrderBy[0].iColumn == COLUMN_KEY &&
                            !info->aOrderBy[0].desc && keys_in_sql_order(table);
    return SQLITE_OK;
}

/* ---- cursors */

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **ret_cursor)
{
    struct cursor *cursor = calloc(1, sizeof *cursor);
    (void)base;
    if (cursor == NULL || ikv_result_new(&cursor->result) < 0) {
        free(cursor);
        return SQLITE_NOMEM;
    }
    *ret_cursor = &cursor->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    ikv_scan_close(cursor->scan);
    ikv_result_free(cursor->result);
    free(cursor->keys);
    free(cursor);
    return SQLITE_OK;
}

static int add_key(struct cursor *cursor, const struct table *table, sqlite3_value *value)
{
    const size_t width = table->info.key_width;
    unsigned char key[IKV_KEY_WIDTH_MAX];
    if (!key_of_value(table, value, key))
        return SQLITE_OK; /* no key can be equal to it */
    if (cursor->count == cursor->capacity) {
        size_t capacity = cursor->capacity == 0 ? 16 : cursor->capacity * 2;
        unsigned char *keys = realloc(cursor->keys, capacity * width);
        if (keys == NULL)
            return SQLITE_NOMEM;
        cursor->keys = keys;
        cursor->capacity = capacity;
    }
    memcpy(cursor->keys + cursor->count++ * width, key, width);
    return SQLITE_OK;
}

static int compare_wide(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

/* 5 and '5' are one key of 128 bits, but may both be in a list. */
static void drop_repeated(struct cursor *cursor, const struct table *table)
{
    const size_t width = table->info.key_width;
    if (width != 16 || cursor->count == 0)
        return;
    qsort(cursor->keys, cursor->count, width, compare_wide);
    size_t kept = 1;
    for (size_t i = 1; i < cursor->count; i++)
        if (memcmp(cursor->keys + i * width, cursor->keys + (kept - 1) * width, width) != 0)
            memmove(cursor->keys + kept++ * width, cursor->keys + i * width, width);
    cursor->count = kept;
}

static int add_list(struct cursor *cursor, const struct table *table, sqlite3_value *list)
{
    sqlite3_value *value = NULL;
    int status = sqlite3_vtab_in_first(list, &value);
    while (status == SQLITE_OK && value != NULL) {
        status = add_key(cursor, table, value);
        if (status == SQLITE_OK)
            status = sqlite3_vtab_in_next(list, &value);
    }
    drop_repeated(cursor, table);
    return status == SQLITE_DONE ? SQLITE_OK : status;
}

static int next_of_batch(struct cursor *cursor)
{
    struct table *table = (struct table *)cursor->base.pVtab;
    for (;;) {
        if (cursor->next == cursor->end) {
            ikv_error err;
            cursor->begin = cursor->end;
            if (cursor->begin == cursor->count) {
                cursor->at_end = 1;
                return SQLITE_OK;
            }
            const size_t left = cursor->count - cursor->begin;
            const size_t count = left < BATCH ? left : BATCH;
            int code =
                ikv_get_many(table->store, cursor->keys + cursor->begin * table->info.key_width,
                             count, NULL, cursor->result, &err);
            const ikv_error *problem = ikv_result_problem(cursor->result);
            if (code < 0 || problem != NULL)
                return fail(&table->base, problem != NULL ? problem->code : code,
                            problem != NULL ? problem : &err);
            cursor->end += count;
        }
        cursor->item = ikv_result_items(cursor->result)[cursor->next++ - cursor->begin];
        if (cursor->item.status == IKV_FOUND)
            return SQLITE_OK;
    }
}

static int next_of_scan(struct cursor *cursor)
{
    ikv_error err;
    int code = ikv_scan_next(cursor->scan, &cursor->item, &err);
    if (code == IKV_E_END)
        cursor->at_end = 1;
    else if (code < 0)
        return fail(cursor->base.pVtab, code, &err);
    else if (cursor->item.status != IKV_FOUND)
        return fail(cursor->base.pVtab, err.code, &err);
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    cursor->row++;
    return cursor->scan != NULL ? next_of_scan(cursor) : next_of_batch(cursor);
}

/* Bounds that SQLite orders in another way than the store are left out. */
static int start_scan(struct cursor *cursor, int plan, sqlite3_value **argv)
{
    struct table *table = (struct table *)cursor->base.pVtab;
    unsigned char from[IKV_KEY_WIDTH_MAX], to[IKV_KEY_WIDTH_MAX];
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    ikv_error err;
    if (plan & PLAN_FROM) {
        const enum bound bound = bound_of_value(table, *argv++, 1, from);
        if (bound == BOUND_NOTHING)
            return SQLITE_OK;
        options.from = bound == BOUND_KEY ? from : NULL;
    }
    if (plan & PLAN_TO) {
        const enum bound bound = bound_of_value(table, *argv, 0, to);
        if (bound == BOUND_NOTHING)
            return SQLITE_OK;
        options.to = bound == BOUND_KEY ? to : NULL;
    }
    int code = ikv_scan_open(table->store, &options, &cursor->scan, &err);
    return code < 0 ? fail(&table->base, code, &err) : SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int plan, const char *name, int argc,
                  sqlite3_value **argv)
{
    struct cursor *cursor = (struct cursor *)base;
    const struct table *table = (struct table *)base->pVtab;
    (void)name;
    (void)argc;
    ikv_scan_close(cursor->scan);
    cursor->scan = NULL;
    cursor->count = cursor->begin = cursor->end = cursor->next = 0;
    cursor->row = 0;
    cursor->at_end = 0;
    int status;
    if (plan & PLAN_EQUAL)
        status = add_key(cursor, table, argv[0]);
    else if (plan & PLAN_IN)
        status = add_list(cursor, table, argv[0]);
    else
        status = start_scan(cursor, plan, argv);
    return status == SQLITE_OK ? next(base) : status;
}

static int at_end(sqlite3_vtab_cursor *base)
{
    return ((struct cursor *)base)->at_end;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index)
{
    const struct cursor *cursor = (struct cursor *)base;
    const struct table *table = (struct table *)base->pVtab;
    if (index == COLUMN_KEY)
        return_key(table, context, cursor->item.key);
    else if (table->text)
        sqlite3_result_text64(context, cursor->item.value, cursor->item.size, SQLITE_TRANSIENT,
                              SQLITE_UTF8);
    else
        sqlite3_result_blob64(context, cursor->item.value, cursor->item.size, SQLITE_TRANSIENT);
    return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret_row)
{
    *ret_row = ((struct cursor *)base)->row;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xCreate = connect,
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xDestroy = disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = rowid,
};

/* SQLite finds it by the name of the file. */
__attribute__((visibility("default"))) int sqlite3_indexkvsqlite_init(
    sqlite3 *db, char **ret_message, const sqlite3_api_routines *api);

int sqlite3_indexkvsqlite_init(sqlite3 *db, char **ret_message, const sqlite3_api_routines *api)
{
    SQLITE_EXTENSION_INIT2(api);
    (void)ret_message;
    return sqlite3_create_module(db, "indexkv", &module, NULL);
}
