/*
 * Keys that arrive in order are written to leaves at once, after a first part that decides on the
 * leaf size. With IKV_DUPLICATES_LAST the writer holds the last pair back, since another one may
 * replace it. Nothing is lost at the end, and the last of equal keys is kept, wherever it arrives.
 */
#include "indexkv.h"

#include "checks.h"
#include "model.h"
#include "stores.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VALUE_SIZE 3000

static void write_and_check(const char *path, uint64_t count, ikv_duplicates policy,
                            uint64_t repeat_from)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    static unsigned char value[VALUE_SIZE];
    ikv_writer *writer = NULL;
    ikv_build_stats stats;
    ikv_result *result = NULL;
    ikv_error err;
    uint64_t repeats = 0;

    options.layout = IKV_LAYOUT_CLUSTERED;
    options.flags = 0;
    options.on_duplicate = policy;
    assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
    for (uint64_t key = 0; key < count; key++)
        for (unsigned copy = 0; copy < (key >= repeat_from ? 2 : 1); copy++) {
            memset(value, (int)(key * 3 + copy), sizeof(value));
            assert_ok(ikv_writer_add(writer, &key, value, sizeof(value), &err), &err);
            repeats += copy;
        }
    assert_ok(ikv_writer_finish(writer, &stats, &err), &err);
    assert_int_equal(stats.pairs, count);
    assert_int_equal(stats.dropped, repeats);
    assert_true(stats.input_sorted);

    ikv_store *store = store_open(path, IKV_KEY_U64, 0, 0);
    assert_ok(ikv_result_new(&result), NULL);
    for (uint64_t key = 0; key < count; key++) {
        const unsigned copy = key >= repeat_from && policy == IKV_DUPLICATES_LAST;
        memset(value, (int)(key * 3 + copy), sizeof(value));
        assert_ok(ikv_get(store, &key, NULL, result, &err), &err);
        assert_int_equal(ikv_result_items(result)->size, sizeof(value));
        assert_memory_equal(ikv_result_items(result)->value, value, sizeof(value));
    }
    ikv_result_free(result);
    ikv_close(store);
}

static void last_pair_is_kept(void **state)
{
    static const ikv_duplicates policies[] = {IKV_DUPLICATES_FIRST, IKV_DUPLICATES_LAST};
    const uint64_t count = ((uint64_t)6 << 20) / VALUE_SIZE;
    char *path = tmpdir_file(*state, "store");

    for (size_t i = 0; i < 2; i++) {
        write_and_check(path, count, policies[i], UINT64_MAX); /* no repeats */
        write_and_check(path, count, policies[i], count - 1);  /* of the last key only */
        write_and_check(path, count, policies[i], count - 20);
    }
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(last_pair_is_kept)};

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
