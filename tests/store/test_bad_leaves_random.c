/*
 * Clustered stores with random forged numbers and valid checksums: footers, places and positions of
 * leaves, sizes of records, sections of leaves and filters. Keys may be lost, but no access is
 * outside the file (checked by sanitizers), no call takes forever, and a returned value is that of
 * its key.
 */
#include "indexkv.h"

#include "checks.h"
#include "decoder.h"
#include "hostkey.h"
#include "model.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define LEAF_SIZE       4096u
#define FOOTER          (LEAF_SIZE - 16u)
#define EDIT_FILTER     8
#define ROUNDS          600

typedef struct forgery {
    rng_state rng;
    store_image image;
    size_t leaves;
    size_t width; /* of keys */
} forgery;

/* ---------------------------------------------------------------- stores */

/* Some values are too long for a leaf. */
static void fill(store_model *model, ikv_key_type type)
{
    static unsigned char value[9000];
    rng_state rng = {(uint64_t)type};
    unsigned char key[DECODER_KEY_WIDTH_MAX];

    rng_fill(&rng, value, sizeof value);
    model_init(model, type);
    for (size_t i = 0; i < 250; i++) {
        const int is_long = i % 40 == 7 || i % 100 > 94;
        rng_fill(&rng, key, sizeof key);
        model_add(model, key, value + i, (size_t)(is_long ? 4000 + rng_below(&rng, 4500) : i));
    }
    model_sort(model, MODEL_KEEP_FIRST);
}

static void write_store(const char *path, const store_model *model, int with_index)
{
    ikv_writer_options options = store_options(model->type);

    options.layout = IKV_LAYOUT_CLUSTERED;
    options.leaf_size = LEAF_SIZE;
    options.filter_bits = 8;
    options.on_duplicate = IKV_DUPLICATES_FIRST;
    options.flags = with_index ? 0 : IKV_WRITE_NO_V2_INDEX;
    store_write(path, model, &options);
}

/* ---------------------------------------------------------------- forging */

static unsigned char *leaf_at(const forgery *forger, size_t number)
{
    return forger->image.bytes + image_leaf(&forger->image, number);
}

/* A number close to the given one or not, or the same. */
static uint64_t wrong_number(rng_state *rng, uint64_t number)
{
    static const uint64_t numbers[] = {
        0,      1,      2,      3,      23,   24,      25,         4095,       4096,     0x7fff,
        0x8000, 0x8001, 0xffff, 0x8fff, 8192, 1 << 20, UINT32_MAX, UINT64_MAX, INT64_MAX};

    switch (rng_below(rng, 4)) {
    case 0:
        return numbers[rng_below(rng, COUNT_OF(numbers))];
    case 1:
        return number + rng_below(rng, 33) - 16;
    case 2:
        return number ^ (uint64_t)1 << rng_below(rng, 64);
    default:
        return rng_next(rng) >> rng_below(rng, 64);
    }
}

static void forge(forgery *forger, unsigned char *at, size_t width)
{
    edit_store(at, width, wrong_number(&forger->rng, edit_load(at, width)));
}

static void forge_leaf(forgery *forger)
{
    rng_state *rng = &forger->rng;
    const size_t number = (size_t)rng_below(rng, forger->leaves);
    unsigned char *leaf = leaf_at(forger, number);
    const size_t stride = forger->width + 2;
    const size_t entries = (size_t)edit_load(leaf + FOOTER, 2);
    const size_t outside = (size_t)edit_load(leaf + FOOTER + 2, 2);

    if (entries * stride + outside * 8 > FOOTER || entries == 0)
        return; /* already forged */
    unsigned char *directory = leaf + FOOTER - entries * stride - outside * 8;
    unsigned char *entry = leaf + FOOTER - (size_t)(1 + rng_below(rng, entries)) * stride;
    const size_t place = (size_t)edit_load(entry + forger->width, 2);

    switch (rng_below(rng, 6)) {
    case 0:
        forge(forger, leaf + FOOTER + 2 * rng_below(rng, 3), 2);
        break;
    case 1:
        forge(forger, entry + forger->width, 2);
        break;
    case 2:
        if (outside > 0)
            forge(forger, directory + 8 * rng_below(rng, outside), 8);
        break;
    case 3:
        if (place < LEAF_SIZE - 4)
            forge(forger, leaf + place, 4);
        break;
    case 4: /* another key */
        forge(forger, entry, forger->width < 8 ? forger->width : 8);
        break;
    default: /* a record outside: its size, or that before the extent */
        if (outside > 0) {
            const uint64_t position = edit_load(directory + 8 * rng_below(rng, outside), 8);
            if (position < forger->image.size - 8)
                forge(forger,
                      rng_below(rng, 2) ? forger->image.bytes + position : leaf_at(forger, 0) - 8,
                      4);
        }
    }
    if (rng_below(rng, 8) > 0)
        image_repair_pages(&forger->image);
}

static void forge_section(forgery *forger)
{
    static const uint32_t types[] = {EDIT_PROPERTIES, EDIT_FENCES, EDIT_LEAVES, EDIT_EXTENTS,
                                     EDIT_FILTER};
    const uint32_t type = types[rng_below(&forger->rng, COUNT_OF(types))];
    const size_t size = image_section_length(&forger->image, type);
    const size_t width = type == EDIT_FENCES ? 1 : 4;

    forge(forger,
          forger->image.bytes + image_section(&forger->image, type) +
              width * rng_below(&forger->rng, size / width),
          type == EDIT_EXTENTS ? 8 : width);
    image_repair_sections(&forger->image);
    image_repair_directory(&forger->image);
    image_repair_footer(&forger->image);
}

/* ---------------------------------------------------------------- reading */

static void assert_is_true(const store_model *model, const ikv_item *item, const void *key)
{
    const model_pair *pair = model_find(model, key, IKV_EXACT);

    if (pair == NULL)
        fail_msg("an absent key is found");
    assert_int_equal(item->size, pair->size);
    assert_memory_equal(item->value, pair->value, pair->size);
}

static void look_up(ikv_store *store, const store_model *model, const unsigned char *keys,
                    size_t count)
{
    const size_t width = ikv_key_width(model->type);
    ikv_result *result = NULL;
    ikv_error err;

    assert_int_equal(ikv_result_new(&result), 0);
    for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
        ikv_get_options options = IKV_GET_OPTIONS_INIT;
        options.match = (ikv_match)match;
        if (ikv_get_many(store, keys, count, &options, result, &err) < 0)
            continue;
        for (size_t i = 0; i < count; i++) {
            const ikv_item *item = &ikv_result_items(result)[i];
            if (item->status == IKV_FOUND)
                assert_is_true(model, item, match == IKV_EXACT ? keys + i * width : item->key);
        }
    }
    ikv_result_free(result);
}

static void scan_all(ikv_store *store, const store_model *model, ikv_order order, const void *from)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    ikv_scan *scan = NULL;
    ikv_error err;
    ikv_item item;

    options.order = order;
    options.from = from;
    if (ikv_scan_open(store, &options, &scan, &err) < 0)
        return;
    while (ikv_scan_next(scan, &item, &err) == 0) {
        if (item.status == IKV_FOUND && order == IKV_ORDER_KEY)
            assert_is_true(model, &item, item.key);
    }
    ikv_scan_close(scan);
}

static void read_all(const char *path, const store_model *model, const unsigned char *keys,
                     size_t count)
{
    static const ikv_backend backends[] = {IKV_BACKEND_PREAD, IKV_BACKEND_MMAP};
    static const uint64_t memories[] = {1, 100, 0};
    ikv_error err;

    for (size_t i = 0; i < COUNT_OF(backends); i++) {
        for (size_t m = 0; m < COUNT_OF(memories); m++) {
            ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
            ikv_store *store = NULL;
            options.backend = backends[i];
            options.index_memory = memories[m];
            if (ikv_open(path, &options, &store, &err) < 0)
                continue;
            look_up(store, model, keys, count);
            if (m == 0 && i == 0) {
                scan_all(store, model, IKV_ORDER_KEY, NULL);
                scan_all(store, model, IKV_ORDER_KEY, keys);
                scan_all(store, model, IKV_ORDER_STORAGE, NULL);
            }
            ikv_close(store);
        }
    }
    if (ikv_verify(path, NULL, NULL, NULL, &err) < 0)
        assert_true(err.message[0] != 0);
}

/* ---------------------------------------------------------------- tests */

static void forge_and_read(void **state, ikv_key_type type, int with_index)
{
    char *path = tmpdir_file(*state, "forged");
    const size_t width = ikv_key_width(type);
    const size_t rounds = test_scaled_min(ROUNDS, 200);
    store_model model;
    store_image sound;

    fill(&model, type);
    write_store(path, &model, with_index);
    image_load(path, &sound);
    /* All present keys, and as many random ones. */
    const size_t count = 2 * model.sorted_count;
    unsigned char *keys = must_malloc(count * width);
    rng_state rng = {1};
    rng_fill(&rng, keys, count * width);
    for (size_t i = 0; i < model.sorted_count; i++)
        memcpy(keys + 2 * i * width, model.sorted[i]->key, width);
    read_all(path, &model, keys, count);

    for (size_t round = 0; round < rounds; round++) {
        forgery forger = {
            .rng = {round},
            .image = image_copy(&sound),
            .leaves = image_leaf_count(&sound),
            .width = width,
        };
        for (uint64_t n = 1 + rng_below(&forger.rng, 3); n > 0; n--) {
            if (rng_below(&forger.rng, 3) > 0)
                forge_leaf(&forger);
            else if (n == 1) /* last, since the offsets of leaves are needed before */
                forge_section(&forger);
        }
        image_save(&forger.image, path);
        read_all(path, &model, keys, count);
        image_free(&forger.image);
    }
    free(keys);
    image_free(&sound);
    model_free(&model);
    free(path);
}

static void numbers_of_u64(void **state)
{
    forge_and_read(state, IKV_KEY_U64, 1);
}

static void numbers_of_u64_without_index(void **state)
{
    forge_and_read(state, IKV_KEY_U64, 0);
}

static void numbers_of_i16(void **state)
{
    forge_and_read(state, IKV_KEY_I16, 1);
}

static void numbers_of_u128(void **state)
{
    forge_and_read(state, IKV_KEY_U128, 1);
}

static void numbers_of_strings(void **state)
{
    forge_and_read(state, IKV_KEY_BYTES(20), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_u64),     cmocka_unit_test(numbers_of_u64_without_index),
        cmocka_unit_test(numbers_of_i16),     cmocka_unit_test(numbers_of_u128),
        cmocka_unit_test(numbers_of_strings),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
