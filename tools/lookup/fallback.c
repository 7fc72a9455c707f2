#include "lookup/fallback.h"

#include "base/exit_status.h"
#include "base/message.h"

#include <stdlib.h>
#include <string.h>

int fallback_init(struct fallback *fallback, const struct table *tables, size_t count, size_t width)
{
    *fallback = (struct fallback){.width = width};
    if (count == 0)
        return STATUS_DONE;
    fallback->tables = calloc(count, sizeof *fallback->tables);
    if (fallback->tables == NULL)
        return out_of_memory();
    for (; fallback->count < count; fallback->count++)
        if (table_batch_init(&fallback->tables[fallback->count].batch, &tables[fallback->count]) !=
            STATUS_DONE)
            return STATUS_IO;
    return STATUS_DONE;
}

void fallback_free(struct fallback *fallback)
{
    for (size_t i = 0; i < fallback->count; i++)
        table_batch_free(&fallback->tables[i].batch);
    free(fallback->tables);
    buffer_free(&fallback->keys);
    buffer_free(&fallback->places);
    buffer_free(&fallback->items);
    buffer_free(&fallback->origins);
    *fallback = (struct fallback){.width = 0};
}

static const struct table_store *origin_of(const struct table_batch *batch, size_t i)
{
    const struct table_store *const *origins = table_batch_origins(batch);
    return origins != NULL ? origins[i] : &batch->table->stores[0];
}

/* Begin with the answers of the first table. */
static bool copy_items(struct fallback *fallback, const struct table_batch *batch)
{
    fallback->items.size = fallback->origins.size = 0;
    if (!buffer_append(&fallback->items, table_batch_items(batch), batch->count * sizeof(ikv_item)))
        return false;
    for (size_t i = 0; i < batch->count; i++) {
        const struct table_store *origin = origin_of(batch, i);
        if (!buffer_append(&fallback->origins, &origin, sizeof origin))
            return false;
    }
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

/* Ask the next table. */
static void ask(struct fallback *fallback, struct fallback_table *next,
                const ikv_get_options *options, ikv_stats *stats)
{
    const size_t *places = (const size_t *)(const void *)fallback->places.data;
    const size_t count = fallback->places.size / sizeof *places;
    ikv_item *items = (ikv_item *)(void *)fallback->items.data;
    const struct table_store **origins =
        (const struct table_store **)(void *)fallback->origins.data;
    struct table_batch *batch = &next->batch;

    table_batch_start(batch, fallback->keys.data, count, options, count);
    const int code = table_batch_wait(batch, &next->error);
    next->asked = true;
    next->problem = code != 0 ? &next->error : table_batch_problem(batch);
    table_batch_add_stats(batch, stats, NULL);
    const ikv_item *answers = table_batch_items(batch);
    for (size_t i = 0; i < count; i++) {
        /* If the lookup failed as a whole, nothing is known about its keys. */
        const ikv_item unknown = {.status = IKV_UNREADABLE};
        items[places[i]] = table_batch_failed(batch) ? unknown : answers[i];
        origins[places[i]] = table_batch_failed(batch) ? &batch->table->whole : origin_of(batch, i);
    }
}

bool fallback_look_up(struct fallback *fallback, const struct key_batch *keys,
                      const struct table_batch *batch, const ikv_get_options *options,
                      ikv_stats *stats)
{
    for (size_t i = 0; i < fallback->count; i++)
        fallback->tables[i].asked = false;
    if (!copy_items(fallback, batch))
        return false;
    for (size_t i = 0; i < fallback->count; i++) {
        if (!collect_missing(fallback, keys, batch->count))
            return false;
        if (fallback->places.size == 0)
            break;
        ask(fallback, &fallback->tables[i], options, stats);
    }
    return true;
}

uint64_t fallback_unavailable(const struct fallback *fallback)
{
    uint64_t keys = 0;
    for (size_t i = 0; i < fallback->count; i++)
        if (fallback->tables[i].asked)
            keys += fallback->tables[i].batch.unavailable;
    return keys;
}

bool fallback_has_failed(const struct fallback *fallback)
{
    for (size_t i = 0; i < fallback->count; i++) {
        const struct fallback_table *table = &fallback->tables[i];
        if (table->asked && (table->problem != NULL || table->batch.unavailable > 0))
            return true;
    }
    return false;
}

int fallback_report(const struct fallback *fallback)
{
    int status = STATUS_DONE;
    for (size_t i = 0; i < fallback->count; i++)
        if (fallback->tables[i].asked && fallback->tables[i].problem != NULL)
            status = exit_status_worse(status, library_error(fallback->tables[i].problem));
    return status;
}
