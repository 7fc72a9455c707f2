/* Records: which are read together, and the rest of those that are longer than expected. */
#include "fetch.h"
#include "sort.h"

/* Two records are read together if no more than this lies between them: about what one more read
 * costs, and less than a device reads anyway. */
#define GAP_MAX 4096

/* One read of a tail that goes straight to its place. */
#define TAIL_READ_MAX ((uint32_t)1 << 30)

/* ---------------------------------------------------------------- records */

static void skip_impossible(struct ikv_result *result)
{
    const struct ikv_hit *hits = ikv_result_hits(result);
    unsigned char room[IKV_KEY_WIDTH_MAX];

    for (; result->hits_planned < result->hits_sorted; result->hits_planned++) {
        const struct ikv_hit *hit = &hits[result->hits_planned];
        if (ikv_position_possible(result->store, hit->position))
            return;
        result->search.status[hit->key] = IKV_CORRUPT;
        ikv_result_note(result, IKV_E_INDEX, IKV_NO_OFFSET,
                        ikv_stored_key(result, (uint32_t)hit->key, room),
                        "an entry points outside the records");
    }
}

/* Is there a hit to be read? Begins a new generation if the last one is used up. */
static bool next_hit(struct ikv_result *result)
{
    struct ikv_hit *hits = ikv_result_hits(result);
    const uint32_t known = result->search.hit_count;

    skip_impossible(result);
    if (result->hits_planned == result->hits_sorted && known > result->hits_sorted) {
        uint32_t n = known - result->hits_sorted;
        if (n > 1)
            ikv_sort_entries((uint64_t *)(void *)(hits + result->hits_sorted),
                             result->sorting.bytes, n, 2);
        result->hits_sorted = known;
        result->fetched_most += result->store->records_end;
        skip_impossible(result);
    }
    return result->hits_planned < result->hits_sorted;
}

static uint64_t first_read_end(const struct ikv_result *result, uint64_t position)
{
    const struct ikv_store *store = result->store;
    return ikv_min(position + ikv_min(store->first_read, result->window.slot_size),
                   store->records_end);
}

static void read_records(struct ikv_result *result, uint32_t begin, uint32_t end, uint64_t read_end)
{
    const uint64_t start = ikv_result_hits(result)[begin].position;
    struct ikv_slot *slot = ikv_window_take(&result->window, IKV_SLOT_RECORDS);

    slot->hit_begin = begin;
    slot->hit_end = end;
    result->stats.record_reads++;
    result->stats.record_bytes += read_end - start;
    ikv_window_read(&result->window, slot, &slot->data, result->store->reads, slot->data_buffer,
                    start, (uint32_t)(read_end - start));
    ikv_window_launch(&result->window, slot);
}

/* The next record, and those behind it that fit into the same read. */
bool ikv_plan_records(struct ikv_result *result)
{
    const struct ikv_store *store = result->store;
    const struct ikv_hit *hits = ikv_result_hits(result);

    if (!next_hit(result))
        return false;
    uint32_t begin = result->hits_planned;
    uint32_t end = begin + 1;
    const uint64_t start = hits[begin].position;
    uint64_t read_end = first_read_end(result, start);
    while (end < result->hits_sorted && ikv_position_possible(store, hits[end].position) &&
           hits[end].position <= read_end + GAP_MAX &&
           first_read_end(result, hits[end].position) - start <= result->window.slot_size) {
        read_end = first_read_end(result, hits[end].position);
        end++;
    }
    result->hits_planned = end;
    result->stats.merged += end - begin - 1;
    read_records(result, begin, end, read_end);
    return true;
}

void ikv_read_record_alone(struct ikv_result *result, uint32_t hit)
{
    /* Hits of one record come one by one now, and each counts. */
    result->fetched_most += result->store->records_end;
    read_records(result, hit, hit + 1,
                 first_read_end(result, ikv_result_hits(result)[hit].position));
}

static void fail_hits(struct ikv_result *result, uint32_t begin, uint32_t end, int code,
                      uint64_t offset)
{
    for (uint32_t i = begin; i < end; i++)
        result->search.status[ikv_result_hits(result)[i].key] = IKV_UNREADABLE;
    ikv_result_note(result, code, offset, NULL, "reading a record");
}

void ikv_complete_records(struct ikv_result *result, struct ikv_slot *slot)
{
    const uint64_t start = ikv_result_hits(result)[slot->hit_begin].position;
    const int code = slot->data.request.code;

    if (code == 0)
        ikv_deliver_records(result, slot->hit_begin, slot->hit_end, slot->data.bytes,
                            slot->data.size);
    else if (slot->hit_end - slot->hit_begin == 1)
        fail_hits(result, slot->hit_begin, slot->hit_end, code, start);
    else
        for (uint32_t i = slot->hit_begin; i < slot->hit_end; i++)
            ikv_read_alone(result, IKV_SLOT_RECORDS, i);
}

/* ---------------------------------------------------------------- rests of long records */

/* The next piece: straight to its place, or through the slot's buffer if it has to be aligned. */
static void read_tail(struct ikv_result *result, struct ikv_slot *slot)
{
    const uint64_t position = ikv_result_hits(result)[slot->hit_begin].position;
    const uint64_t offset = position + IKV_RECORD_HEADER_SIZE + slot->record_have;
    const struct ikv_io_file *file = result->store->reads;
    const uint32_t most = file->direct ? result->window.slot_size : TAIL_READ_MAX;
    const uint32_t size = (uint32_t)ikv_min(slot->record_size - slot->record_have, most);

    result->stats.record_reads++;
    result->stats.record_bytes += size;
    ikv_window_read(&result->window, slot, &slot->data, file,
                    file->direct ? slot->data_buffer : slot->record + slot->record_have, offset,
                    size);
    ikv_window_launch(&result->window, slot);
}

bool ikv_plan_tail(struct ikv_result *result)
{
    const struct ikv_tail *tails = result->tails.bytes;

    if (result->tail_next == result->tail_count)
        return false;
    const struct ikv_tail *tail = &tails[result->tail_next++];
    struct ikv_slot *slot = ikv_window_take(&result->window, IKV_SLOT_TAIL);
    slot->hit_begin = tail->hit_begin;
    slot->hit_end = tail->hit_end;
    slot->record = tail->record;
    slot->record_size = tail->size;
    slot->record_have = tail->have;
    read_tail(result, slot);
    return true;
}

bool ikv_complete_tail(struct ikv_result *result, struct ikv_slot *slot)
{
    const uint64_t position = ikv_result_hits(result)[slot->hit_begin].position;
    const int code = slot->data.request.code;

    if (code < 0) {
        fail_hits(result, slot->hit_begin, slot->hit_end, code, position);
        return false;
    }
    if (slot->data.bytes != slot->record + slot->record_have)
        memcpy(slot->record + slot->record_have, slot->data.bytes, slot->data.size);
    slot->record_have += slot->data.size;
    if (slot->record_have < slot->record_size) {
        slot->waiting = 0;
        read_tail(result, slot);
        return true;
    }
    ikv_deliver_whole(result, slot->hit_begin, slot->hit_end, slot->record, slot->record_size);
    return false;
}
