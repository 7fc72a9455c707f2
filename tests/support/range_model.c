#include "range_model.h"

#include "hostkey.h"
#include "tmpdir.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- keys */

/* `keys` consecutive keys: the least ones, the greatest ones, or others. */
static void make_keys(range_model *model, rng_state *rng, size_t keys)
{
    const uint64_t place = rng_below(rng, 3);
    unsigned char at[IKV_KEY_WIDTH_MAX];

    if (place == 0)
        hostkey_least(model->type, at);
    else if (place == 1)
        hostkey_greatest(model->type, at);
    else
        model_random_key(rng, model->type, MODEL_KEYS_UNIFORM, at);
    for (size_t i = 0; place > 0 && i < keys; i++) /* back, as far as there are keys */
        if (!hostkey_previous(model->type, at))
            break;
    model->key = must_malloc(keys * model->width);
    do
        memcpy(model->key + model->keys++ * model->width, at, model->width);
    while (model->keys < keys && hostkey_next(model->type, at));
}

const unsigned char *range_model_key(const range_model *model, size_t index)
{
    return model->key + index * model->width;
}

/* ---------------------------------------------------------------- ranges */

static void add_range(range_model *model, rng_state *rng, size_t first, size_t last,
                      size_t size_max)
{
    model->ranges =
        must_realloc(model->ranges, (model->range_count + 1) * sizeof(model->ranges[0]));
    model_range *range = &model->ranges[model->range_count++];
    *range = (model_range){first, last, NULL, (size_t)rng_below(rng, size_max + 1)};
    range->value = must_malloc(range->size + 1);
    rng_fill(rng, range->value, range->size);
}

/* Disjoint ranges in [begin, end), with gaps and without, and if `depth` > 0 ranges inside. */
static void add_ranges(range_model *model, rng_state *rng, size_t begin, size_t end, unsigned depth,
                       size_t size_max)
{
    while (begin < end) {
        const size_t room = end - begin;
        const size_t longest = room < 60 ? room : 60;
        size_t length = 1 + (size_t)rng_below(rng, longest);
        if (depth > 0 && rng_below(rng, 8) == 0)
            length = room; /* up to the end of the range around it */
        add_range(model, rng, begin, begin + length - 1, size_max);
        if (depth > 0 && length > 1) {
            const size_t inset = (size_t)rng_below(rng, 2);
            /* Not all of it: that would be the same range. */
            add_ranges(model, rng, begin + inset, begin + length - !inset, depth - 1, size_max);
        }
        begin += length;
        if (rng_below(rng, 2) == 0)
            begin += (size_t)rng_below(rng, 5);
    }
}

/* ---------------------------------------------------------------- who owns a key */

static int wider_first(const void *a, const void *b)
{
    const model_range *x = a;
    const model_range *y = b;
    const size_t wide_x = x->last - x->first;
    const size_t wide_y = y->last - y->first;
    return (wide_x < wide_y) - (wide_x > wide_y);
}

static void paint(range_model *model)
{
    model->owner = must_malloc(model->keys * sizeof(model->owner[0]));
    for (size_t i = 0; i < model->keys; i++)
        model->owner[i] = RANGE_NONE;
    qsort(model->ranges, model->range_count, sizeof(model->ranges[0]), wider_first);
    for (size_t r = 0; r < model->range_count; r++)
        for (size_t i = model->ranges[r].first; i <= model->ranges[r].last; i++)
            model->owner[i] = r;
}

static void add_piece(range_model *model, size_t first, size_t last)
{
    const model_range *range = &model->ranges[model->owner[first]];
    unsigned char *content = must_malloc(range->size + model->width);

    model->pieces[model->piece_count++] = (range_piece){first, last, range};
    memcpy(content, range->value, range->size);
    hostkey_to_file(model->type, range_model_key(model, last), content + range->size);
    model_add(&model->pairs, range_model_key(model, first), content, range->size + model->width);
    free(content);
}

static void cut(range_model *model)
{
    model->pieces = must_malloc(model->keys * sizeof(model->pieces[0]));
    model_init(&model->pairs, model->type);
    for (size_t i = 0, end; i < model->keys; i = end) {
        for (end = i + 1; end < model->keys && model->owner[end] == model->owner[i]; end++)
            ;
        if (model->owner[i] != RANGE_NONE)
            add_piece(model, i, end - 1);
    }
    (void)model_sort(&model->pairs, MODEL_KEEP_ALL);
}

void range_model_make(range_model *ret, ikv_key_type type, rng_state *rng, size_t keys, bool nested,
                      size_t size_max)
{
    *ret = (range_model){.type = type, .width = hostkey_width(type)};
    make_keys(ret, rng, keys);
    add_ranges(ret, rng, (size_t)rng_below(rng, 3), ret->keys - (size_t)rng_below(rng, 3),
               nested ? 4 : 0, size_max);
    paint(ret);
    cut(ret);
}

void range_model_free(range_model *model)
{
    for (size_t i = 0; i < model->range_count; i++)
        free(model->ranges[i].value);
    free(model->ranges);
    free(model->pieces);
    free(model->owner);
    free(model->key);
    model_free(&model->pairs);
}

const range_piece *range_model_find(const range_model *model, size_t index)
{
    for (size_t i = 0; i < model->piece_count; i++)
        if (model->pieces[i].first <= index && index <= model->pieces[i].last)
            return &model->pieces[i];
    return NULL;
}
