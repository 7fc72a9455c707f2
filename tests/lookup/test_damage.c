/*
 * Random damage of more than single bits: ranges overwritten, copied to the wrong place, or zeroed.
 * No key may be missing or get a wrong value, and ikv_verify must find the damage. Then forgeries,
 * random changes with all checksums corrected: they may hide keys, but must not cause a crash or
 * return a value that belongs to no key.
 */
#include "indexkv.h"

#include "bad_files.h"
#include "hostkey.h"
#include "model.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const ikv_key_type TYPES[] = {IKV_KEY_U64, IKV_KEY_I8, IKV_KEY_U128, IKV_KEY_BYTES(20)};

#define TYPE_COUNT (sizeof(TYPES) / sizeof(TYPES[0]))

typedef struct damaged_store {
    char *path;
    store_model model;
    store_image intact;
} damaged_store;

static void set_up(void **state, ikv_key_type type, damaged_store *ret)
{
    ikv_writer_options options = store_options(type);
    rng_state random = {type};

    ret->path = tmpdir_file(*state, "damaged");
    options.metadata = "metadata";
    options.metadata_size = 8;
    model_init(&ret->model, type);
    model_fill(&ret->model, &random, 600, MODEL_KEYS_UNIFORM, MODEL_SIZES_MIXED);
    store_write(ret->path, &ret->model, &options);
    image_load(ret->path, &ret->intact);
}

static void tear_down(damaged_store *damaged)
{
    image_free(&damaged->intact);
    model_free(&damaged->model);
    free(damaged->path);
}

/* ---------------------------------------------------------------- damage */

/* A random offset, half of the time one where a part of the file begins. */
static size_t random_place(rng_state *rng, const store_image *image)
{
    const bool is_clustered = image_has(image, EDIT_LEAVES);
    const size_t leaf =
        is_clustered ? image_leaf(image, (size_t)rng_below(rng, image_leaf_count(image))) : 0;
    size_t places[] = {0,
                       24,
                       image_index_start(image),
                       image_index_end(image),
                       image_directory(image),
                       image_footer(image),
                       leaf,
                       is_clustered ? leaf + image_leaf_size(image) - 16 : 24};
    size_t chosen = (size_t)rng_below(rng, 16);

    return chosen < 8 ? places[chosen] : (size_t)rng_below(rng, image->size);
}

static size_t random_length(rng_state *rng, size_t max)
{
    size_t length = 1 + (size_t)rng_below(rng, UINT64_C(1) << rng_below(rng, 14));

    return length < max ? length : max;
}

static void damage(rng_state *rng, store_image *image)
{
    size_t place = random_place(rng, image);
    size_t length = random_length(rng, image->size - place);
    size_t other = random_place(rng, image);
    unsigned char *at = image->bytes + place;

    switch (rng_below(rng, 5)) {
    case 0:
        memset(at, 0, length);
        break;
    case 1:
        memset(at, 0xff, length);
        break;
    case 2: /* a write to the wrong place */
        if (length > image->size - other)
            length = image->size - other;
        memmove(at, image->bytes + other, length);
        break;
    case 3: /* a few single bytes */
        for (size_t i = 0; i < 3; i++)
            image->bytes[random_place(rng, image)] = (unsigned char)rng_next(rng);
        break;
    default:
        rng_fill(rng, at, length);
        break;
    }
}

static void damage_is_always_detected(void **state)
{
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        damaged_store damaged;
        rng_state random = {t + 100};

        set_up(state, TYPES[t], &damaged);
        for (size_t round = 0; round < test_scaled(600); round++) {
            store_image image = image_copy(&damaged.intact);
            int is_changed;
            int code;

            damage(&random, &image);
            is_changed = memcmp(image.bytes, damaged.intact.bytes, image.size) != 0;
            image_save(&image, damaged.path);
            code = ikv_verify(damaged.path, NULL, NULL, NULL, NULL);
            if ((code < 0) != is_changed)
                fail_msg("round %zu: verify returned %d", round, code);
            assert_never_wrong(damaged.path, &damaged.model, IKV_KEY_NONE);
            image_free(&image);
        }
        tear_down(&damaged);
    }
}

/* ---------------------------------------------------------------- forgeries */

/* A place among keys, and positions or places. */
static size_t random_entry(rng_state *rng, const store_image *image)
{
    const size_t start = image_index_start(image);

    if (image_has(image, EDIT_LEAVES) &&
        (image_index_end(image) == start || rng_below(rng, 4) > 0)) {
        const size_t leaf = (size_t)rng_below(rng, image_leaf_count(image));

        return image_leaf(image, leaf) + image_leaf_size(image) - 8 - (size_t)rng_below(rng, 300);
    }
    return start + (size_t)rng_below(rng, image_index_end(image) - start - 8);
}

/* Change one field or bit, mostly in the index, leaves, trailer or header. */
static void forge(rng_state *rng, const store_image *intact, store_image *image)
{
    size_t trailer = image_section(intact, EDIT_PROPERTIES); /* the first section */
    size_t start = image_index_start(intact) > 24 ? image_index_start(intact) : trailer;
    size_t place;

    switch (rng_below(rng, 4)) {
    case 0: /* a position, or a key */
        place = random_entry(rng, intact);
        break;
    case 1:
        place = trailer + (size_t)rng_below(rng, image->size - trailer - 8);
        break;
    case 2:
        place = (size_t)rng_below(rng, 16);
        break;
    default:
        place = (size_t)rng_below(rng, start);
        break;
    }
    switch (rng_below(rng, 4)) {
    case 0:
        edit_store(image->bytes + place, 8, rng_below(rng, image->size));
        break;
    case 1:
        edit_store(image->bytes + place, 8, 0 - rng_below(rng, 100));
        break;
    case 2:
        edit_store(image->bytes + place, 4, rng_below(rng, 200));
        break;
    default:
        image->bytes[place] ^= (unsigned char)(1u << rng_below(rng, 8));
        break;
    }
}

/* Whether the parts of the two files that say where leaves are have the same bytes. */
static bool has_same_leaves(const store_image *image, const store_image *intact)
{
    static const uint32_t types[] = {EDIT_PROPERTIES, EDIT_LEAVES, EDIT_EXTENTS};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (image_has(intact, types[i]) && memcmp(image->bytes + image_section(intact, types[i]),
                                                  intact->bytes + image_section(intact, types[i]),
                                                  image_section_length(intact, types[i])) != 0)
            return false;
    return true;
}

/* Repairs rely on these fields, so all of them must be intact. */
static int can_repair(const store_image *image, const store_image *intact)
{
    size_t footer = image_footer(intact);

    return memcmp(image->bytes + footer + 12, intact->bytes + footer + 12, 4) == 0 &&
           memcmp(image->bytes + 3, intact->bytes + 3, 16) == 0 &&
           memcmp(image->bytes + image_directory(intact), intact->bytes + image_directory(intact),
                  footer - image_directory(intact)) == 0;
}

static void repair(store_image *image, const store_image *intact)
{
    if (can_repair(image, intact)) {
        if (!image_has(intact, EDIT_LEAVES) || has_same_leaves(image, intact)) {
            image_repair_pages(image);
            image_repair_blocks(image);
        }
        image_repair_sections(image);
        image_repair_directory(image);
        image_repair_header(image);
        image_repair_footer(image);
        return;
    }
    if (memcmp(image->bytes + image_footer(intact) + 12, intact->bytes + image_footer(intact) + 12,
               4) == 0)
        image_repair_directory(image);
    image_repair_header(image);
    image_repair_footer(image);
}

/* Lookups may fail, but a value that is found must belong to its key. */
static void read_forged(const char *path, const store_model *model, ikv_key_type type)
{
    ikv_open_options open_options = IKV_OPEN_OPTIONS_INIT;
    size_t width = hostkey_width(model->type);
    ikv_result *result = NULL;
    ikv_store *store = NULL;

    open_options.key_type = type;
    if (ikv_open(path, &open_options, &store, NULL) != 0)
        return;
    assert_ok(ikv_result_new(&result), NULL);
    for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
        ikv_get_options options = IKV_GET_OPTIONS_INIT;

        options.match = (ikv_match)match;
        for (size_t i = 0; i < model->count; i += 1 + model->count / 50) {
            const model_pair *pair = &model->pairs[i];

            if (ikv_get(store, pair->key, &options, result, NULL) == 0 && match == IKV_EXACT)
                assert_item(model, pair->key, IKV_EXACT, ikv_result_items(result));
        }
    }
    for (int order = IKV_ORDER_KEY; order <= IKV_ORDER_STORAGE; order++) {
        ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
        ikv_scan *scan = NULL;
        ikv_item item;
        size_t items = 0;

        options.order = (ikv_order)order;
        options.from = order == IKV_ORDER_KEY && width > 1 ? model->pairs[0].key : NULL;
        if (ikv_scan_open(store, &options, &scan, NULL) == 0)
            while (ikv_scan_next(scan, &item, NULL) == 0)
                items++;
        assert_true(items <= 100000);
        ikv_scan_close(scan);
    }
    ikv_result_free(result);
    ikv_close(store);
}

static void forgeries_never_crash(void **state)
{
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        damaged_store damaged;
        rng_state random = {t + 200};

        set_up(state, TYPES[t], &damaged);
        for (size_t round = 0; round < test_scaled(2000); round++) {
            store_image image = image_copy(&damaged.intact);

            for (uint64_t i = rng_below(&random, 3) + 1; i > 0; i--)
                forge(&random, &damaged.intact, &image);
            repair(&image, &damaged.intact);
            image_save(&image, damaged.path);
            read_forged(damaged.path, &damaged.model, IKV_KEY_NONE);
            (void)!ikv_verify(damaged.path, NULL, NULL, NULL, NULL);
            image_free(&image);
        }
        tear_down(&damaged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_always_detected),
        cmocka_unit_test(forgeries_never_crash),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
