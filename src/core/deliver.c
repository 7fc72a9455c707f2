/* Records that were read: verify, copy, hand to every place where the caller asked for them. */
#include "checksum.h"
#include "result.h"

#include <errno.h>

void ikv_deliver_item(struct ikv_result *result, uint32_t key, struct ikv_item item)
{
    const uint32_t *callers = result->callers.bytes;
    const uint32_t *starts = result->starts.bytes;
    struct ikv_item *items = result->items.bytes;
    const size_t width = result->store->index.key.width;
    const bool exact = result->search.match == IKV_EXACT;

    for (uint32_t i = starts[key]; i < starts[key + 1]; i++) {
        if (exact && item.status == IKV_FOUND)
            item.key = result->caller_keys + callers[i] * width;
        items[callers[i]] = item;
    }
}

static void set_status(struct ikv_result *result, uint32_t begin, uint32_t end, int32_t status)
{
    for (uint32_t i = begin; i < end; i++)
        result->search.status[ikv_result_hits(result)[i].key] = status;
}

static bool over_budget(const struct ikv_result *result, uint32_t size)
{
    return result->value_budget && result->arena.allocated &&
           result->arena.allocated + size > result->value_budget;
}

const unsigned char *ikv_stored_key(const struct ikv_result *result, uint32_t key,
                                    unsigned char room[IKV_KEY_WIDTH_MAX])
{
    const struct ikv_search *search = &result->search;

    if (search->match != IKV_EXACT)
        return search->matched + (size_t)key * search->index->key.width;
    ikv_key_store(&search->index->key, search->keys.entries + (size_t)key * search->keys.stride,
                  room);
    return room;
}

static bool is_intact(const struct ikv_result *result, const unsigned char *key,
                      const unsigned char *record, uint32_t size)
{
    const struct ikv_store *store = result->store;

    if (store->surplus == 0)
        return true;
    uint32_t value_size = size - store->surplus;
    return ikv_load32(record + value_size) ==
           ikv_record_checksum(store->record_seed, key, store->index.key.width, record, value_size);
}

/* hits[begin..end) point to this record. `value` is where its value stays; NULL: not copied yet. */
static void deliver(struct ikv_result *result, uint32_t begin, uint32_t end,
                    const unsigned char *record, uint32_t size, const void *value)
{
    const struct ikv_hit *hits = ikv_result_hits(result);
    const struct ikv_store *store = result->store;
    const uint32_t value_size = size - store->surplus;
    unsigned char room[IKV_KEY_WIDTH_MAX];

    result->stats.records++;
    for (uint32_t i = begin; i < end; i++) {
        uint32_t key = (uint32_t)hits[i].key;
        const unsigned char *stored = ikv_stored_key(result, key, room);
        if (!is_intact(result, stored, record, size)) {
            result->search.status[key] = IKV_CORRUPT;
            ikv_result_note(result, IKV_E_RECORD, hits[i].position, stored,
                            "its checksum is wrong");
            continue;
        }
        if (!value) {
            unsigned char *copy = ikv_arena_alloc(&result->arena, value_size);
            if (!copy) {
                result->fatal = -ENOMEM;
                return;
            }
            memcpy(copy, record, value_size);
            value = copy;
        }
        struct ikv_item item = {value, NULL, value_size, IKV_FOUND};
        if (result->search.match != IKV_EXACT) {
            unsigned char *matched = result->search.matched + (size_t)key * store->index.key.width;
            if (IKV_BIG_ENDIAN) {
                ikv_key_swap_host(&store->index.key, stored, room);
                memcpy(matched, room, store->index.key.width);
            }
            item.key = matched;
        }
        ikv_deliver_item(result, key, item);
    }
}

void ikv_deliver_whole(struct ikv_result *result, uint32_t hit_begin, uint32_t hit_end,
                       const unsigned char *record, uint32_t size)
{
    deliver(result, hit_begin, hit_end, record, size, record);
}

/* Only the beginning is here: what is missing is read into the arena, behind what is there. */
static void add_tail(struct ikv_result *result, uint32_t begin, uint32_t end,
                     const unsigned char *bytes, size_t have, uint32_t size)
{
    const size_t used = result->tail_count * sizeof(struct ikv_tail);
    struct ikv_tail *tails = ikv_scratch_keep(&result->tails, used, used + sizeof *tails);

    if (!tails) {
        result->fatal = -ENOMEM;
        return;
    }
    unsigned char *record = ikv_arena_alloc(&result->arena, size);
    if (!record) {
        result->fatal = -ENOMEM;
        return;
    }
    memcpy(record, bytes, have);
    tails[result->tail_count++] = (struct ikv_tail){begin, end, record, size, (uint32_t)have};
}

void ikv_deliver_records(struct ikv_result *result, uint32_t hit_begin, uint32_t hit_end,
                         const unsigned char *bytes, size_t size)
{
    const struct ikv_hit *hits = ikv_result_hits(result);
    const uint64_t start = hits[hit_begin].position;

    for (uint32_t begin = hit_begin; begin < hit_end && !result->fatal;) {
        uint64_t position = hits[begin].position;
        const unsigned char *at = bytes + (position - start);
        size_t have = size - (size_t)(position - start) - IKV_RECORD_HEADER_SIZE;
        uint32_t end = begin + 1;
        while (end < hit_end && hits[end].position == position)
            end++;

        uint32_t record_size = ikv_load32(at);
        result->fetched += record_size;
        if (!ikv_record_size_possible(result->store, position, record_size) ||
            result->fetched > result->fetched_most) {
            unsigned char room[IKV_KEY_WIDTH_MAX];
            result->fetched -= record_size;
            set_status(result, begin, end, IKV_CORRUPT);
            ikv_result_note(result, IKV_E_RECORD, position,
                            ikv_stored_key(result, (uint32_t)hits[begin].key, room),
                            "its size is impossible");
        } else if (over_budget(result, record_size)) {
            set_status(result, begin, end, IKV_DEFERRED);
        } else if (record_size <= have) {
            deliver(result, begin, end, at + IKV_RECORD_HEADER_SIZE, record_size, NULL);
        } else {
            add_tail(result, begin, end, at + IKV_RECORD_HEADER_SIZE, have, record_size);
        }
        begin = end;
    }
}
