/*
 * A page that was cached after an exact hit has not been verified: the hit is proven by its record.
 * A later lookup whose answer depends on the page verifies it, so damage is not taken for absence.
 */
#include "indexkv.h"

#include "checks.h"
#include "model.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define PAIRS   600
#define DAMAGED 7 /* the key whose entry is changed */

/* Offset of the entry of key DAMAGED in the first page, or leaf. */
static uint64_t entry_offset(const char *path)
{
    store_image image;
    uint64_t offset;

    image_load(path, &image);
    if (image_has(&image, EDIT_LEAVES)) {
        const size_t end = image_leaf(&image, 0) + image_leaf_size(&image) - 16;
        const size_t entries = (size_t)edit_load(image.bytes + end, 2);
        offset = end - (entries - DAMAGED) * 10; /* u64 and u16 place */
    } else {
        offset = image_index_start(&image) + DAMAGED * (uint64_t)image.stride;
    }
    image_free(&image);
    return offset;
}

static int get(ikv_store *store, uint64_t key, ikv_match match, ikv_result *result)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;

    options.match = match;
    return ikv_get(store, &key, &options, result, NULL);
}

static void damage_in_a_cached_page_is_found(void **state)
{
    const ikv_writer_options options = store_options(IKV_KEY_U64);
    const unsigned char wrong = 0x6f; /* low byte of the key: no longer in order */
    char *path = tmpdir_file(*state, "store");
    ikv_result *result = NULL;
    store_model model;
    ikv_info info;

    model_init(&model, IKV_KEY_U64);
    for (uint64_t key = 0; key < PAIRS; key++)
        model_add(&model, &key, &key, sizeof(key));
    store_write(path, &model, &options);
    model_free(&model);
    file_patch(path, entry_offset(path), &wrong, 1);
    assert_ok(ikv_result_new(&result), NULL);
    for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
        ikv_store *store = store_open(path, IKV_KEY_U64, 0, 0);

        for (int round = 0; round < 3; round++) /* leaves are not cached at their first visit */
            assert_ok(get(store, DAMAGED - 2, IKV_EXACT, result), NULL);
        ikv_store_info(store, &info);
        assert_true(info.cached_pages > 0);
        assert_int_equal(get(store, DAMAGED, (ikv_match)match, result), IKV_E_INDEX);
        assert_ok(get(store, DAMAGED - 2, IKV_EXACT, result), NULL);
        ikv_close(store);
    }
    ikv_result_free(result);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_in_a_cached_page_is_found),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
