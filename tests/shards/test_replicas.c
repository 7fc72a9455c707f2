/* replicate on a file system without locks: a manifest that was changed meanwhile is not replaced.
 */
#include "checks.h"
#include "tmpdir.h"

#include "base/exit_status.h"
#include "table/replicas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A table of one shard with one key. */
static void make_table(const char *dir, const char *store)
{
    static const unsigned char id[16] = "the only table";
    const char *const paths[] = {strrchr(store, '/') + 1};
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
    make_table(dir.path, store);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_changed_meanwhile)};
    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
