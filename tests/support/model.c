#include "model.h"

#include "hostkey.h"
#include "tmpdir.h"

#include <stdlib.h>
#include <string.h>

void model_init(store_model *ret_model, ikv_key_type type)
{
    memset(ret_model, 0, sizeof(*ret_model));
    ret_model->type = type;
}

static void forget_order(store_model *model)
{
    free(model->sorted);
    model->sorted = NULL;
    model->sorted_count = 0;
}

void model_free(store_model *model)
{
    /* Key, ordered form and value share one allocation, which begins with the key. */
    for (size_t i = 0; i < model->count; i++)
        free((void *)(uintptr_t)model->pairs[i].key);
    free(model->pairs);
    forget_order(model);
    memset(model, 0, sizeof(*model));
}

void model_add(store_model *model, const void *key, const void *value, size_t size)
{
    size_t width = hostkey_width(model->type);
    unsigned char *copy = must_malloc(2 * width + size);
    model_pair *pair;

    forget_order(model);
    if (model->count == model->room) {
        model->room = model->room * 2 + 16;
        model->pairs = must_realloc(model->pairs, model->room * sizeof(*model->pairs));
    }
    memcpy(copy, key, width);
    hostkey_to_ordered(model->type, key, copy + width);
    if (size > 0)
        memcpy(copy + 2 * width, value, size);
    pair = &model->pairs[model->count];
    pair->key = copy;
    pair->ordered = copy + width;
    pair->value = copy + 2 * width;
    pair->size = size;
    pair->arrival = model->count++;
}

/* ---------------------------------------------------------------- sort and search */

/* With the width of the key, which qsort does not pass to the comparison. */
typedef struct sort_item {
    const model_pair *pair;
    size_t width;
} sort_item;

static int by_key_and_arrival(const void *a, const void *b)
{
    const sort_item *x = a;
    const sort_item *y = b;
    int order = memcmp(x->pair->ordered, y->pair->ordered, x->width);

    if (order != 0)
        return order;
    return (x->pair->arrival > y->pair->arrival) - (x->pair->arrival < y->pair->arrival);
}

size_t model_sort(store_model *model, model_keep keep)
{
    size_t width = hostkey_width(model->type);
    sort_item *items = must_malloc(model->count * sizeof(*items));
    size_t kept = 0;
    size_t repeated = 0;

    forget_order(model);
    for (size_t i = 0; i < model->count; i++)
        items[i] = (sort_item){&model->pairs[i], width};
    qsort(items, model->count, sizeof(*items), by_key_and_arrival);

    model->sorted = must_malloc(model->count * sizeof(const model_pair *));
    for (size_t i = 0; i < model->count; i++) {
        if (i > 0 && memcmp(items[i].pair->ordered, items[i - 1].pair->ordered, width) == 0) {
            repeated++;
            if (keep == MODEL_KEEP_FIRST)
                continue;
            if (keep == MODEL_KEEP_LAST)
                kept--;
        }
        model->sorted[kept++] = items[i].pair;
    }
    model->sorted_count = kept;
    free(items);
    return repeated;
}

size_t model_rank(const store_model *model, const void *key)
{
    const size_t width = hostkey_width(model->type);
    unsigned char ordered[IKV_KEY_WIDTH_MAX];
    size_t low = 0;
    size_t high = model->sorted_count;

    hostkey_to_ordered(model->type, key, ordered);
    if (model->sorted == NULL)
        test_die("the model is not sorted");
    /* Pairs before `low` are less than the key; pairs from `high` on are not. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memcmp(model->sorted[middle]->ordered, ordered, width) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t model_answer(const store_model *model, const void *key, ikv_match match)
{
    const size_t count = model->sorted_count;
    const size_t rank = model_rank(model, key);

    if (match == IKV_CEILING)
        return rank;
    if (rank < count && hostkey_compare(model->type, model->sorted[rank]->key, key) == 0)
        return rank;
    if (match == IKV_FLOOR && rank > 0)
        return model_rank(model, model->sorted[rank - 1]->key);
    return count;
}

const model_pair *model_find(const store_model *model, const void *key, ikv_match match)
{
    const size_t rank = model_answer(model, key, match);

    return rank < model->sorted_count ? model->sorted[rank] : NULL;
}

/* ---------------------------------------------------------------- random contents */

void model_random_key(rng_state *rng, ikv_key_type type, model_keys keys, void *ret_key)
{
    size_t width = hostkey_width(type);
    unsigned char ordered[IKV_KEY_WIDTH_MAX];
    size_t varied = width < 2 ? width : 2;

    switch (keys) {
    case MODEL_KEYS_UNIFORM:
        rng_fill(rng, ordered, width);
        break;
    case MODEL_KEYS_DENSE:
    case MODEL_KEYS_PREFIXED:
        memset(ordered, 0x5a, width);
        rng_fill(rng, ordered + width - varied, varied);
        break;
    case MODEL_KEYS_CLUSTERED:
        memset(ordered, (int)(rng_below(rng, 4) * 0x55), width);
        rng_fill(rng, ordered + width - 1, 1);
        ordered[0] = (unsigned char)(ordered[0] ^ rng_below(rng, 8));
        break;
    }
    hostkey_from_ordered(type, ordered, ret_key);
}

void model_probe_key(rng_state *rng, const store_model *model, void *ret_key)
{
    uint64_t choice = rng_below(rng, 16);

    if (model->sorted_count == 0 || choice == 0) {
        model_random_key(rng, model->type, MODEL_KEYS_UNIFORM, ret_key);
        return;
    }
    if (choice == 1) {
        hostkey_least(model->type, ret_key);
        return;
    }
    if (choice == 2) {
        hostkey_greatest(model->type, ret_key);
        return;
    }
    memcpy(ret_key, model->sorted[rng_below(rng, model->sorted_count)]->key,
           hostkey_width(model->type));
    if (choice < 6)
        hostkey_next(model->type, ret_key);
    else if (choice < 9)
        hostkey_previous(model->type, ret_key);
}

static size_t random_size(rng_state *rng, model_sizes sizes)
{
    static const size_t edges[] = {0, 1, 2, 255, 256, 257, 4091, 4092, 4093, 4096};

    if (sizes == MODEL_SIZES_EIGHT)
        return 8;
    if (sizes == MODEL_SIZES_MIXED) {
        uint64_t choice = rng_below(rng, 1000);

        if (choice < 2)
            return 65537;
        if (choice < 10)
            return (size_t)rng_below(rng, 20000);
        if (choice < 60)
            return edges[rng_below(rng, sizeof(edges) / sizeof(edges[0]))];
    }
    return (size_t)rng_below(rng, 33);
}

static void add_random_value(store_model *model, rng_state *rng, const void *key, model_sizes sizes)
{
    size_t size = random_size(rng, sizes);
    unsigned char *value = must_malloc(size);

    rng_fill(rng, value, size);
    model_add(model, key, value, size);
    free(value);
}

static int by_ordered_form(const void *a, const void *b)
{
    /* Ordered forms, zero-padded to the maximum width. */
    return memcmp(a, b, IKV_KEY_WIDTH_MAX);
}

/* `count` keys, not necessarily distinct, as ordered forms of IKV_KEY_WIDTH_MAX bytes each. */
static unsigned char *draw_keys(rng_state *rng, ikv_key_type type, size_t count, model_keys keys)
{
    unsigned char *drawn = must_malloc(count * IKV_KEY_WIDTH_MAX);
    unsigned char key[IKV_KEY_WIDTH_MAX] = {0};

    memset(drawn, 0, count * IKV_KEY_WIDTH_MAX);
    if (keys == MODEL_KEYS_DENSE) {
        /* Around 0 for signed keys, around 0x80... for others. */
        unsigned char middle[IKV_KEY_WIDTH_MAX] = {0x80};

        hostkey_from_ordered(type, middle, key);
        for (size_t i = 0; i < count / 2 && hostkey_previous(type, key); i++)
            ;
    }
    for (size_t i = 0; i < count; i++) {
        if (keys != MODEL_KEYS_DENSE)
            model_random_key(rng, type, keys, key);
        if (keys == MODEL_KEYS_CLUSTERED && i == 0)
            hostkey_least(type, key);
        if (keys == MODEL_KEYS_CLUSTERED && i == 1)
            hostkey_greatest(type, key);
        hostkey_to_ordered(type, key, drawn + i * IKV_KEY_WIDTH_MAX);
        if (keys == MODEL_KEYS_DENSE)
            hostkey_next(type, key);
    }
    return drawn;
}

void model_fill(store_model *model, rng_state *rng, size_t count, model_keys keys,
                model_sizes sizes)
{
    unsigned char *drawn = draw_keys(rng, model->type, count, keys);
    size_t distinct = 0;

    qsort(drawn, count, IKV_KEY_WIDTH_MAX, by_ordered_form);
    for (size_t i = 0; i < count; i++) {
        const unsigned char *key = drawn + i * IKV_KEY_WIDTH_MAX;

        if (distinct == 0 || by_ordered_form(drawn + (distinct - 1) * IKV_KEY_WIDTH_MAX, key) != 0)
            memmove(drawn + distinct++ * IKV_KEY_WIDTH_MAX, key, IKV_KEY_WIDTH_MAX);
    }
    rng_shuffle(rng, drawn, distinct, IKV_KEY_WIDTH_MAX);
    for (size_t i = 0; i < distinct; i++) {
        unsigned char key[IKV_KEY_WIDTH_MAX];

        hostkey_from_ordered(model->type, drawn + i * IKV_KEY_WIDTH_MAX, key);
        add_random_value(model, rng, key, sizes);
    }
    free(drawn);
    model_sort(model, MODEL_KEEP_ALL);
}
