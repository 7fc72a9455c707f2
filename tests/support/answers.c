#include "answers.h"

#include "checks.h"
#include "hostkey.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- items */

/* Values found equal to a pair's. Items of one result often share a value, which may be large: each
 * is compared once. */
#define COMPARED 256

typedef struct compared {
    const model_pair *pair;
    const void *value;
} compared;

static int value_is_right(const model_pair *pair, const ikv_item *item, compared *seen)
{
    compared *last = seen ? &seen[pair->arrival % COMPARED] : NULL;

    if (item->size != pair->size)
        return 0;
    if (last && last->pair == pair && last->value == item->value)
        return 1;
    if (memcmp(item->value, pair->value, pair->size) != 0)
        return 0;
    if (last)
        *last = (compared){pair, item->value};
    return 1;
}

static int check_item(const store_model *model, const void *key, ikv_match match,
                      const ikv_item *item, compared *seen)
{
    const size_t width = hostkey_width(model->type);
    size_t rank = model_answer(model, key, match);
    unsigned char ordered[IKV_KEY_WIDTH_MAX];

    if (rank == model->sorted_count)
        return item->status == IKV_MISSING && item->value == NULL && item->key == NULL;
    if (item->status != IKV_FOUND || item->key == NULL || item->value == NULL ||
        (uintptr_t)item->value % 8 != 0)
        return 0;
    if (match == IKV_EXACT && item->key != key)
        return 0;
    hostkey_to_ordered(model->type, item->key, ordered);
    for (; rank < model->sorted_count; rank++) {
        const model_pair *copy = model->sorted[rank];

        if (memcmp(copy->ordered, ordered, width) != 0)
            return 0;
        if (value_is_right(copy, item, seen))
            return 1;
    }
    return 0;
}

int item_is_right(const store_model *model, const void *key, ikv_match match, const ikv_item *item)
{
    return check_item(model, key, match, item, NULL);
}

static void key_to_hex(ikv_key_type type, const void *key, char *ret_text)
{
    unsigned char ordered[IKV_KEY_WIDTH_MAX];

    hostkey_to_ordered(type, key, ordered);
    for (size_t i = 0; i < hostkey_width(type); i++)
        snprintf(ret_text + 2 * i, 3, "%02x", ordered[i]);
}

static void fail_item(const store_model *model, const void *key, ikv_match match,
                      const ikv_item *item)
{
    const model_pair *pair = model_find(model, key, match);
    char asked[2 * IKV_KEY_WIDTH_MAX + 1];
    char matched[2 * IKV_KEY_WIDTH_MAX + 1] = "none";
    char name[HOSTKEY_NAME_MAX];

    key_to_hex(model->type, key, asked);
    if (item->key != NULL)
        key_to_hex(model->type, item->key, matched);
    fail_msg("%s key %s (ordered form), match %d: status %d, matched %s, %lu bytes; the model has "
             "%s of %zu bytes",
             hostkey_name(model->type, name), asked, (int)match, (int)item->status, matched,
             (unsigned long)item->size, pair != NULL ? "a value" : "nothing",
             pair != NULL ? pair->size : 0);
}

void assert_item(const store_model *model, const void *key, ikv_match match, const ikv_item *item)
{
    if (!item_is_right(model, key, match, item))
        fail_item(model, key, match, item);
}

/* ---------------------------------------------------------------- batches */

/* The index of the first wrong item, `count` if all are right. */
static size_t first_wrong(const store_model *model, const void *keys, size_t count, ikv_match match,
                          const ikv_item *items)
{
    const size_t width = hostkey_width(model->type);
    compared seen[COMPARED] = {{NULL, NULL}};
    size_t i = 0;

    while (i < count &&
           check_item(model, (const unsigned char *)keys + i * width, match, &items[i], seen))
        i++;
    return i;
}

int batch_is_right(const store_model *model, const void *keys, size_t count, ikv_match match,
                   const ikv_result *result)
{
    return ikv_result_code(result) == 0 && ikv_result_count(result) == count &&
           ikv_result_problem(result) == NULL &&
           first_wrong(model, keys, count, match, ikv_result_items(result)) == count;
}

/* Zero-padded ordered forms: qsort does not pass the width to the comparison. */
#define SHORT_FORM 16

static int by_short_form(const void *a, const void *b)
{
    return memcmp(a, b, SHORT_FORM);
}

static int by_long_form(const void *a, const void *b)
{
    return memcmp(a, b, IKV_KEY_WIDTH_MAX);
}

static size_t count_distinct(ikv_key_type type, const unsigned char *keys, size_t count)
{
    const size_t width = hostkey_width(type);
    const int is_short = width <= SHORT_FORM;
    const size_t size = is_short ? SHORT_FORM : IKV_KEY_WIDTH_MAX;
    unsigned char *forms = must_malloc(count * size);
    size_t distinct = 0;

    memset(forms, 0, count * size);
    for (size_t i = 0; i < count; i++)
        hostkey_to_ordered(type, keys + i * width, forms + i * size);
    qsort(forms, count, size, is_short ? by_short_form : by_long_form);
    for (size_t i = 0; i < count; i++)
        distinct += i == 0 || memcmp(forms + (i - 1) * size, forms + i * size, size) != 0;
    free(forms);
    return distinct;
}

/* The counters that follow from batch and model, and those that follow from each other. */
static void assert_batch_stats(const ikv_stats *stats, size_t keys, size_t found, size_t distinct)
{
    uint64_t level_probes = 0;
    uint64_t level_reads = 0;
    uint64_t level_bytes = 0;

    assert_int_equal(stats->keys, keys);
    assert_int_equal(stats->found, found);
    assert_int_equal(stats->missing, keys - found);
    assert_int_equal(stats->corrupt, 0);
    assert_int_equal(stats->unreadable, 0);
    /* Equal keys that are answered from the mapping are not merged. */
    if (stats->mapped == 0)
        assert_int_equal(stats->distinct, distinct);
    assert_in_range(stats->distinct, distinct, keys);
    assert_true(stats->records <= stats->distinct);
    assert_true(stats->mapped <= stats->probes + stats->records);
    assert_true(stats->records > 0 || found == 0);
    assert_non_null(stats->backend); /* test_backends checks which one */
    assert_true(stats->levels <= IKV_LEVELS_MAX);
    for (uint32_t i = 0; i < stats->levels; i++) {
        level_probes += stats->level[i].probes;
        level_reads += stats->level[i].reads;
        level_bytes += stats->level[i].bytes;
    }
    assert_int_equal(level_probes, stats->probes);
    assert_true(level_reads <= stats->index_reads);
    assert_true(level_bytes <= stats->index_bytes);
    assert_true(stats->cached <= stats->probes);
}

void assert_batch(ikv_store *store, const store_model *model, const void *keys, size_t count,
                  ikv_match match, ikv_result *result)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    const size_t width = hostkey_width(model->type);
    const ikv_item *items;
    size_t found = 0;
    ikv_error err;

    options.match = match;
    assert_ok(ikv_get_many(store, keys, count, &options, result, &err), &err);
    assert_int_equal(ikv_result_count(result), count);
    assert_null(ikv_result_problem(result));
    items = ikv_result_items(result);
    const size_t wrong = first_wrong(model, keys, count, match, items);
    if (wrong < count)
        fail_item(model, (const unsigned char *)keys + wrong * width, match, &items[wrong]);
    for (size_t i = 0; i < count; i++)
        found += items[i].status == IKV_FOUND;
    assert_batch_stats(ikv_result_stats(result), count, found,
                       count_distinct(model->type, keys, count));
}

void assert_get(ikv_store *store, const store_model *model, const void *key, ikv_match match,
                ikv_result *result)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    int expected = model_find(model, key, match) != NULL ? 0 : IKV_E_NOT_FOUND;
    ikv_error err;
    int code;

    options.match = match;
    code = ikv_get(store, key, &options, result, &err);
    if (expected == 0)
        assert_ok(code, &err);
    assert_int_equal(code, expected);
    assert_int_equal(ikv_result_code(result), code);
    assert_int_equal(ikv_result_count(result), 1);
    assert_item(model, key, match, ikv_result_items(result));
}
