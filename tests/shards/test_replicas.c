/* replicate on a file system without locks: a manifest that was changed meanwhile is not replaced.
 */
#include "checks.h"
#include "http_server.h"
#include "tmpdir.h"

#include "base/exit_status.h"
#include "table/replicas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A table of one shard with one key, listed at `place`. */
static void make_table(const char *dir, const char *store, const char *place)
{
    static const unsigned char id[16] = "the only table";
    const char *const paths[] = {place};
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    ikv_writer *writer;
    ikv_store *opened;
    struct ikv_shard_facts facts;
    struct ikv_manifest *manifest;
    ikv_error err;
    const uint32_t key = 7;
    options.key_type = IKV_KEY_U32;
    assert_ok(ikv_writer_new(store, &options, &writer, &err), &err);
    assert_ok(ikv_writer_add(writer, &key, "", 0, &err), &err);
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
    assert_ok(ikv_open(store, NULL, &opened, &err), &err);
    assert_ok(ikv_shard_facts_of(opened, &facts, &err), &err);
    ikv_close(opened);
    assert_ok(ikv_manifest_new(dir, IKV_KEY_U32, IKV_LAYOUT_DEFAULT, false, id, &manifest, &err),
              &err);
    assert_ok(ikv_manifest_add(manifest, &facts, paths, 1, &err), &err);
    assert_ok(ikv_manifest_publish(manifest, &err), &err);
    ikv_manifest_free(manifest);
}

static void test_changed_meanwhile(void **state)
{
    tmpdir dir, copies, more;
    struct progress progress;
    struct ikv_manifest *now;
    ikv_error err;
    tmpdir_make_inside(*state, &dir);
    tmpdir_make_inside(*state, &copies);
    tmpdir_make_inside(*state, &more);
    char *store = tmpdir_file(&dir, "shard-one.ikv");
    make_table(dir.path, store, "shard-one.ikv");
    progress_start(&progress, PROGRESS_NEVER, true, false);
    struct replicas first = {.dir = copies.path, .progress = &progress};
    struct replicas second = {.dir = more.path, .progress = &progress};
    assert_ok(ikv_manifest_read(dir.path, &first.manifest, &err), &err);
    assert_ok(ikv_manifest_read(dir.path, &second.manifest, &err), &err);
    assert_int_equal(replicas_copy(&first, 0), STATUS_DONE);
    assert_int_equal(replicas_copy(&second, 0), STATUS_DONE);
    assert_int_equal(replicas_publish(&first), STATUS_DONE);
    assert_int_equal(replicas_publish(&second), STATUS_IO);
    assert_ok(ikv_manifest_read(dir.path, &now, &err), &err);
    assert_int_equal(now->shards[0].path_count, 2);
    assert_int_equal(strncmp(now->shards[0].paths[1], copies.path, strlen(copies.path)), 0);
    ikv_manifest_free(now);
    ikv_manifest_free(first.manifest);
    ikv_manifest_free(second.manifest);
    free(store);
}

/* Whether the library can read URLs. */
static int has_http(void)
{
    ikv_http_options http = IKV_HTTP_OPTIONS_INIT;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    http.attempts = 1;
    options.http = &http;
    return ikv_open("http://127.0.0.1:1/", &options, &store, NULL) != IKV_E_UNSUPPORTED;
}

/* A shard at a URL is downloaded. URLs of several shards may have the same last part, so the copy
 * is named after the table's id, "the only table", and the shard. */
static void test_shard_at_url(void **state)
{
    tmpdir dir, copies;
    struct progress progress;
    ikv_error err;
    if (!has_http())
        skip();
    tmpdir_make_inside(*state, &dir);
    tmpdir_make_inside(*state, &copies);
    char *store = tmpdir_file(&dir, "shard-one.ikv");
    char *copy = tmpdir_file(&copies, "shard-746865206f6e6c79-00000.ikv");
    file_write(store, "", 0);
    http_server *server = http_server_start(&(http_plan){.choose = NULL});
    char *url = http_server_url(server, store);
    char *signed_url = must_malloc(strlen(url) + 20);
    (void)strcat(strcpy(signed_url, url), "?key=a/b");
    make_table(dir.path, store, signed_url);
    progress_start(&progress, PROGRESS_NEVER, true, false);
    struct replicas replicas = {.dir = copies.path, .progress = &progress};
    assert_ok(ikv_manifest_read(dir.path, &replicas.manifest, &err), &err);
    assert_int_equal(replicas_copy(&replicas, 0), STATUS_DONE);
    assert_int_equal(replicas.bytes, file_size(store));
    assert_string_equal(replicas.manifest->shards[0].paths[1], copy);
    assert_int_equal(file_size(copy), file_size(store));
    ikv_manifest_free(replicas.manifest);
    http_server_stop(server);
    free(signed_url);
    free(url);
    free(copy);
    free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_changed_meanwhile),
                                       cmocka_unit_test(test_shard_at_url)};
    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
