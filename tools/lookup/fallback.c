#include "lookup/fallback.h"

#include "base/exit_status.h"
#include "base/message.h"

#include <stdlib.h>
#include <string.h>

int fallback_init(struct fallback *fallback, ikv_store *const *stores, size_t count, size_t width)
{
    *fallback = (struct fallback){.width = width};
    if (count == 0)
        return STATUS_DONE;
    fallback->stores = calloc(count, sizeof *fallback->stores);
    if (fallback->stores == NULL)
        return out_of_memory();
    for (; fallback->count < count; fallback->count++) {
        struct fallback_store *next = &fallback->stores[fallback->count];
        next->store = stores[fallback->count];
        if (ikv_result_new(&next->result) != 0)
            return out_of_memory();
    }
    return STATUS_DONE;
}

void fallback_free(struct fallback *fallback)
{
    for (size_t i = 0; i < fallback->count; i++)
        ikv_result_free(fallback->stores[i].result);
    free(fallback->stores);
    buffer_free(&fallback->keys);
    buffer_free(&fallback->places);
    buffer_free(&fallback->items);
    buffer_free(&fallback->origins);
    *fallback = (struct fallback){.width = 0};
}

/* Begin with the answers of the first store. */
static bool copy_items(struct fallback *fallback, const ikv_result *result)
{
    const size_t count = ikv_result_count(result);
    fallback->items.size = fallback->origins.size = 0;
    if (!buffer_append(&fallback->items, ikv_result_items(result), count * sizeof(ikv_item)) ||
        !buffer_reserve(&fallback->origins, count * sizeof(uint32_t)))
        return false;
    if (count > 0)
        memset(fallback->origins.data, 0, count * sizeof(uint32_t));
    return true;
}

/* Collect the keys that are still missing. */
static bool collect_missing(struct fallback *fallback, const struct key_batch *keys, size_t count)
{
    const ikv_item *items = fallback_items(fallback);
    fallback->keys.size = fallback->places.size = 0;
    for (size_t i = 0; i < count; i++) {
        const char *key = keys->keys.data + i * fallback->width;
        if (items[i].status == IKV_MISSING &&
            (!buffer_append(&fallback->keys, key, fallback->width) ||
             !buffer_append(&fallback->places, &i, sizeof i)))
            return false;
    }
    return true;
}

/* Ask store number `origin`. */
static int ask(struct fallback *fallback, uint32_t origin, const ikv_get_options *options,
               ikv_stats *stats)
{
    const struct fallback_store *next = &fallback->stores[origin - 1];
    const size_t *places = (const size_t *)(const void *)fallback->places.data;
    const size_t count = fallback->places.size / sizeof *places;
    ikv_item *items = (ikv_item *)(void *)fallback->items.data;
    uint32_t *origins = (uint32_t *)(void *)fallback->origins.data;
    ikv_error error;

    int code = ikv_get_many(next->store, fallback->keys.data, count, options, next->result, &error);
    const ikv_error *problem = code != 0 ? &error : ikv_result_problem(next->result);
    const int status = problem != NULL ? library_error(problem) : STATUS_DONE;
    const ikv_item *answers = ikv_result_items(next->result);
    ikv_stats_add(stats, ikv_result_stats(next->result));
    for (size_t i = 0; i < ikv_result_count(next->result); i++) {
        items[places[i]] = answers[i];
        origins[places[i]] = origin;
    }
    /* If the lookup failed as a whole, nothing is known about its keys. */
    for (size_t i = ikv_result_count(next->result); i < count; i++) {
        items[places[i]].status = IKV_UNREADABLE;
        origins[places[i]] = origin;
    }
    return status;
}

static int no_memory(struct fallback *fallback)
{
    fallback->items.size = 0;
    return out_of_memory();
}

int fallback_look_up(struct fallback *fallback, const struct key_batch *keys,
                     const ikv_result *result, const ikv_get_options *options, ikv_stats *stats)
{
    int status = STATUS_DONE;
    if (!copy_items(fallback, result))
        return no_memory(fallback);
    for (uint32_t origin = 1; origin <= fallback->count; origin++) {
        if (!collect_missing(fallback, keys, ikv_result_count(result)))
            return no_memory(fallback);
        if (fallback->places.size == 0)
            break;
        status = exit_status_worse(status, ask(fallback, origin, options, stats));
    }
    return status;
}
