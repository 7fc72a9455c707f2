/* Tables of real stores: publishing, replacing, opening shards, and stores that are not the listed
 * ones. */
#include "checks.h"
#include "tmpdir.h"

#include "shards/manifest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SHARDS = 3, KEYS = 10 };

static const unsigned char table_id[16] = {0xa1, 2, 3, 4, 5, 6, 7, 8, 9};

static char *in_dir(const char *dir, const char *name)
{
    const size_t size = strlen(dir) + strlen(name) + 2;
    char *path = must_malloc(size);
    (void)snprintf(path, size, "%s/%s", dir, name);
    return path;
}

/* A store of the keys first, first + 2, ...; `value` is each value. */
static void write_store(const char *path, uint32_t first, size_t count, const char *value,
                        const unsigned char id[16])
{
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    ikv_writer *writer;
    ikv_error err;
    options.key_type = IKV_KEY_U32;
    options.layout = IKV_LAYOUT_ARRIVAL;
    options.store_id = id;
    assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
    for (size_t i = 0; i < count; i++, first += 2)
        assert_ok(ikv_writer_add(writer, &first, value, strlen(value), &err), &err);
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
}

/* A table in `dir` whose shard i has the keys 1000 * i + 1, + 3, ... */
static struct ikv_manifest *make_table(const char *dir, const unsigned char id[16])
{
    struct ikv_manifest *m;
    ikv_error err;
    assert_ok(ikv_manifest_new(dir, IKV_KEY_U32, IKV_LAYOUT_ARRIVAL, false, id, &m, &err), &err);
    for (size_t i = 0; i < SHARDS; i++) {
        char name[IKV_SHARD_NAME_SIZE];
        unsigned char store_id[16];
        ikv_shard_name(m->table_id, i, name);
        ikv_shard_store_id(m->table_id, i, store_id);
        char *path = in_dir(dir, name);
        write_store(path, (uint32_t)(1000 * i + 1), KEYS, "value", store_id);
        ikv_store *store;
        struct ikv_shard_facts facts;
        assert_ok(ikv_open(path, NULL, &store, &err), &err);
        assert_ok(ikv_shard_facts_of(store, &facts, &err), &err);
        ikv_close(store);
        const char *paths[] = {name};
        assert_ok(ikv_manifest_add(m, &facts, paths, 1, &err), &err);
        free(path);
    }
    return m;
}

static void test_publish(void **state)
{
    tmpdir dir;
    tmpdir_make_inside(*state, &dir);
    ikv_error err;
    struct ikv_manifest *m = make_table(dir.path, table_id), *read;
    assert_failed(ikv_manifest_read(dir.path, &read, &err), IKV_E_NOT_REGULAR, &err, dir.path);
    assert_ok(ikv_manifest_publish(m, &err), &err);
    assert_int_equal(tmpdir_count(&dir), SHARDS + 1);
    assert_ok(ikv_manifest_read(dir.path, &read, &err), &err);
    assert_int_equal(read->pairs, SHARDS * KEYS);
    assert_int_equal(read->value_bytes, SHARDS * KEYS * 5);
    assert_int_equal(read->value_size_min, 5);
    assert_int_equal(read->value_size_max, 5);
    for (size_t i = 0; i < SHARDS; i++) {
        uint32_t first, last;
        ikv_store *store;
        size_t place = 7;
        memcpy(&first, read->shards[i].first, sizeof first);
        memcpy(&last, read->shards[i].last, sizeof last);
        assert_int_equal(first, 1000 * i + 1);
        assert_int_equal(last, 1000 * i + 1 + 2 * (KEYS - 1));
        assert_ok(ikv_shard_open(read, i, 0, NULL, &store, &place, &err), &err);
        assert_int_equal(place, 0);
        ikv_close(store);
    }
    ikv_manifest_free(read);
    ikv_manifest_free(m);

    /* A table in its place: the files of the one before are gone, those of others stay. */
    char *other = in_dir(dir.path, "other.ikv");
    write_store(other, 1, 1, "", table_id);
    m = make_table(dir.path, NULL);
    assert_ok(ikv_manifest_publish(m, &err), &err);
    assert_int_equal(tmpdir_count(&dir), SHARDS + 2);
    assert_true(file_exists(other));
    ikv_manifest_free(m);
    free(other);
    tmpdir_remove(&dir);
}

/* A publication that fails leaves the table before. */
static void test_publish_fails(void **state)
{
    tmpdir dir;
    tmpdir_make_inside(*state, &dir);
    ikv_error err;
    struct ikv_manifest *m = make_table(dir.path, table_id), *read;
    assert_ok(ikv_manifest_publish(m, &err), &err);
    char *names = tmpdir_list(&dir);
    m->pairs++; /* not the sum */
    assert_failed(ikv_manifest_publish(m, &err), IKV_E_HEADER, &err, dir.path);
    m->pairs--;
    free(m->dir);
    m->dir = in_dir(dir.path, "none");
    assert_failed(ikv_manifest_publish(m, &err), -ENOENT, &err, m->dir);
    char *after = tmpdir_list(&dir);
    assert_string_equal(names, after);
    assert_ok(ikv_manifest_read(dir.path, &read, &err), &err);
    ikv_manifest_free(read);
    ikv_manifest_free(m);
    free(names);
    free(after);
    tmpdir_remove(&dir);
}

static void expect(const struct ikv_manifest *m, size_t shard, int code, const char *what)
{
    ikv_store *store = NULL;
    ikv_error err = {0};
    const int got = ikv_shard_open(m, shard, 0, NULL, &store, NULL, &err);
    if (got != code || strstr(err.message, what) == NULL)
        fail_msg("%d, not %d: %s", got, code, err.message);
    char text[40];
    (void)snprintf(text, sizeof text, "shard %zu of %d", shard, SHARDS);
    assert_non_null(strstr(err.message, text));
    char *path = ikv_shard_path(m, shard, 0);
    assert_failed(got, code, &err, path);
    free(path);
    assert_null(store);
}

static void test_wrong_shards(void **state)
{
    tmpdir dir;
    tmpdir_make_inside(*state, &dir);
    struct ikv_manifest *m = make_table(dir.path, table_id);
    char *path = ikv_shard_path(m, 1, 0);
    unsigned char id[16];
    ikv_shard_store_id(m->table_id, 1, id);

    write_store(path, 1001, KEYS, "value", table_id);
    expect(m, 1, IKV_E_CHANGED, "store id differs");
    write_store(path, 1001, 4096, "value", id);
    expect(m, 1, IKV_E_CHANGED, "size differs");
    write_store(path, 1001, KEYS - 1, "value", id); /* records fill a page: the same size */
    m->shards[1].size = file_size(path);
    expect(m, 1, IKV_E_CHANGED, "number of pairs differs");
    write_store(path, 1001, KEYS, "valu", id);
    m->shards[1].size = file_size(path);
    expect(m, 1, IKV_E_CHANGED, "sum of value sizes differs");
    write_store(path, 1001, KEYS, "value", id);
    m->shards[1].size = file_size(path);
    m->layout = IKV_LAYOUT_CLUSTERED;
    expect(m, 1, IKV_E_CHANGED, "layout differs");
    m->layout = IKV_LAYOUT_ARRIVAL;
    m->key_type = IKV_KEY_I32;
    expect(m, 1, IKV_E_CHANGED, "key type differs");
    m->key_type = IKV_KEY_U32;

    file_truncate(path, 100);
    expect(m, 1, IKV_E_TRUNCATED, "truncated");
    assert_int_equal(remove(path), 0);
    expect(m, 1, -ENOENT, path);
    free(path);
    ikv_manifest_free(m);
    tmpdir_remove(&dir);
}

static void test_replicas(void **state)
{
    tmpdir dir;
    tmpdir_make_inside(*state, &dir);
    struct ikv_manifest *m = make_table(dir.path, table_id);
    struct ikv_shard *shard = &m->shards[0];
    char *original = ikv_shard_path(m, 0, 0), *copy = in_dir(dir.path, "copy.ikv");
    file_copy(original, copy);
    char *paths[] = {shard->paths[0], copy, (char[]){"none.ikv"}};
    char **before = shard->paths;
    shard->paths = paths;
    shard->path_count = 3;
    ikv_store *store;
    ikv_error err;
    size_t place;
    assert_ok(ikv_shard_open(m, 0, 0, NULL, &store, &place, &err), &err);
    assert_int_equal(place, 0);
    ikv_close(store);
    assert_ok(ikv_shard_open(m, 0, 1, NULL, &store, &place, &err), &err);
    assert_int_equal(place, 1);
    ikv_close(store);
    assert_ok(ikv_shard_open(m, 0, 2, NULL, &store, &place, &err), &err);
    assert_int_equal(place, 0);
    ikv_close(store);
    file_truncate(original, 50);
    assert_ok(ikv_shard_open(m, 0, 2, NULL, &store, &place, &err), &err);
    assert_int_equal(place, 1);
    ikv_close(store);
    assert_int_equal(remove(copy), 0);
    expect(m, 0, IKV_E_TRUNCATED, "truncated");
    shard->paths = before;
    shard->path_count = 1;
    free(original);
    free(copy);
    ikv_manifest_free(m);
    tmpdir_remove(&dir);
}

/* The least and the greatest key of every type. */
static void test_extremes(void **state)
{
    static const char *const types[] = {"u8",  "u16", "u32", "u64",  "u128",   "i8",
                                        "i16", "i32", "i64", "i128", "bytes1", "bytes128"};
    tmpdir dir;
    tmpdir_make_inside(*state, &dir);
    char *path = in_dir(dir.path, "s.ikv");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
        ikv_writer *writer;
        ikv_error err = {0};
        unsigned char low[IKV_KEY_WIDTH_MAX], high[IKV_KEY_WIDTH_MAX];
        assert_ok(ikv_key_type_parse(types[i], &options.key_type), &err);
        const size_t width = ikv_key_width(options.key_type);
        memset(low, 0, sizeof low);
        memset(high, 0xff, sizeof high);
        if (types[i][0] == 'i') { /* little-endian hosts: the highest byte is last */
            const uint16_t one = 1;
            const size_t top = *(const unsigned char *)&one ? width - 1 : 0;
            low[top] = 0x80;
            high[top] = 0x7f;
        }
        assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
        assert_ok(ikv_writer_add(writer, high, "", 0, &err), &err);
        assert_ok(ikv_writer_add(writer, low, "", 0, &err), &err);
        assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
        ikv_store *store;
        struct ikv_shard_facts facts;
        assert_ok(ikv_open(path, NULL, &store, &err), &err);
        assert_ok(ikv_shard_facts_of(store, &facts, &err), &err);
        assert_memory_equal(facts.first, low, width);
        assert_memory_equal(facts.last, high, width);
        ikv_close(store);
    }
    free(path);
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_publish),      cmocka_unit_test(test_publish_fails),
        cmocka_unit_test(test_wrong_shards), cmocka_unit_test(test_replicas),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
