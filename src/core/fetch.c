/*
 * The query driver: keeps a window of reads in flight until the batch is done.
 *
 * Whenever a slot is free, the next read is planned: the rest of a long record, else pages that the
 * search waits for, else records whose positions are known. There is no barrier between levels or
 * between index and records: what a finished read makes possible is planned at once. Records are
 * taken in generations: all positions known when the pages have run out, sorted, so that neighbours
 * share a read; positions that turn up later make the next generation.
 */
#include "file_io.h"
#include "result.h"
#include "sort.h"

#include <errno.h>
#include <stdlib.h>

/* Two records are read together if no more than this lies between them: about what one more read
 * costs, and less than a device reads anyway. */
#define GAP_MAX 4096

/* One read of a tail; any size does. */
#define TAIL_READ_MAX ((uint32_t)1 << 30)

/* A held page is looked for in batches up to this size; for larger ones it is not worth the search.
 */
#define CACHE_LOOKUP_KEYS 8

/* ---------------------------------------------------------------- slots */

int ikv_fetch_open(struct ikv_result *result)
{
    const struct ikv_io_backend *backend = result->store->backend;

    if (result->io && result->backend == backend)
        return 0;
    ikv_fetch_close(result);
    const unsigned count = backend->depth;
    result->slots = calloc(count, sizeof *result->slots);
    result->slot_buffers = malloc(count * IKV_SLOT_BYTES);
    result->free_slots = malloc(count * sizeof *result->free_slots);
    const struct ikv_io_options options = {.depth = 2 * count, /* a slot has at most two requests */
                                           .memory = result->slot_buffers,
                                           .memory_size = count * IKV_SLOT_BYTES};
    int code = result->slots && result->slot_buffers && result->free_slots
                   ? backend->create(&options, &result->io)
                   : -ENOMEM;
    result->backend = backend;
    if (code < 0) {
        result->io = NULL;
        ikv_fetch_close(result);
        return code;
    }
    result->slot_count = result->free_count = count;
    result->free_head = 0;
    for (unsigned i = 0; i < count; i++) {
        result->free_slots[i] = i;
        result->slots[i].buffer = result->slot_buffers + i * IKV_SLOT_BYTES;
    }
    return 0;
}

void ikv_fetch_close(struct ikv_result *result)
{
    if (result->io)
        result->backend->destroy(result->io);
    free(result->slots);
    free(result->slot_buffers);
    free(result->free_slots);
    result->io = NULL;
    result->slots = NULL;
    result->slot_buffers = NULL;
    result->free_slots = NULL;
    result->slot_count = result->free_count = 0;
}

static struct ikv_slot *take_slot(struct ikv_result *result, enum ikv_slot_use use)
{
    struct ikv_slot *slot = &result->slots[result->free_slots[result->free_head]];

    result->free_head = (result->free_head + 1) % result->slot_count;
    result->free_count--;
    slot->use = use;
    slot->waiting = 0;
    if (use != IKV_SLOT_TAIL_READ)
        slot->holds_pages = false;
    return slot;
}

static void release_slot(struct ikv_result *result, const struct ikv_slot *slot)
{
    unsigned tail = (result->free_head + result->free_count) % result->slot_count;
    result->free_slots[tail] = (uint32_t)(slot - result->slots);
    result->free_count++;
}

static void complete(struct ikv_result *result, struct ikv_slot *slot);

static void submit(struct ikv_result *result, struct ikv_slot *slot, struct ikv_io_request *request,
                   void *buffer, uint64_t offset, uint32_t length)
{
    *request = (struct ikv_io_request){.file = &result->store->file,
                                       .offset = offset,
                                       .length = length,
                                       .need = length,
                                       .buffer = buffer,
                                       .owner = slot};
    int code = result->backend->submit(result->io, request);
    if (code == 0)
        slot->waiting++;
    else
        request->code = code; /* as if it had been tried */
}

/* All requests of the slot are submitted; if none was taken it is complete already. */
static void submitted(struct ikv_result *result, struct ikv_slot *slot)
{
    if (slot->waiting == 0)
        complete(result, slot);
}

/* ---------------------------------------------------------------- pages */

static uint64_t page_offset(const struct ikv_store *store, uint64_t page)
{
    return ikv_entry_offset(&store->index, ikv_page_first_entry(&store->index, page));
}

static struct ikv_level_stats *level_of(struct ikv_result *result, uint32_t chunk)
{
    uint32_t level = result->search.chunks[chunk].level;

    if (level >= IKV_LEVELS_MAX)
        level = IKV_LEVELS_MAX - 1;
    if (result->stats.levels <= level)
        result->stats.levels = level + 1;
    return &result->stats.level[level];
}

/* Hand one page to the search. `sums` are the checksums from first_page on; NULL: none. */
static void feed_page(struct ikv_result *result, uint32_t chunk, uint64_t number,
                      const unsigned char *entries, const unsigned char *sum)
{
    const struct ikv_geometry *index = &result->store->index;
    uint64_t first = ikv_page_first_entry(index, number);
    struct ikv_page page = {
        .number = number,
        .entries = entries,
        .count = (uint32_t)(ikv_page_first_entry(index, number + 1) - first),
        .has_checksum = sum != NULL,
        .checksum = sum ? ikv_load32(sum) : 0,
    };
    uint32_t corrupt = result->search.corrupt_pages;

    ikv_search_feed(&result->search, chunk, &page);
    if (result->search.corrupt_pages != corrupt) {
        unsigned char stored[IKV_KEY_WIDTH_MAX];
        ikv_key_store(&index->key,
                      result->search.keys.entries + (size_t)chunk * result->search.keys.stride,
                      stored);
        ikv_result_note(result, IKV_E_INDEX, page_offset(result->store, number), stored,
                        "an index page");
    }
}

static void feed_from_slot(struct ikv_result *result, const struct ikv_slot *slot, uint32_t chunk,
                           uint64_t page)
{
    const struct ikv_store *store = result->store;
    const unsigned char *sum = NULL;

    if (store->page_sums)
        sum = store->page_sums + page * IKV_PAGE_CHECKSUM_SIZE;
    else if (store->page_sums_offset)
        sum = slot->sums_buffer + (page - slot->first_page) * IKV_PAGE_CHECKSUM_SIZE;
    feed_page(result, chunk, page,
              slot->buffer + (page_offset(store, page) - page_offset(store, slot->first_page)),
              sum);
}

/* A page that was read a short while ago and still lies in its slot. */
static bool feed_cached(struct ikv_result *result, uint64_t page)
{
    const struct ikv_store *store = result->store;

    if (result->search.keys.count > CACHE_LOOKUP_KEYS)
        return false;
    for (unsigned i = 0; i < result->free_count; i++) {
        unsigned at = (result->free_head + i) % result->slot_count;
        const struct ikv_slot *slot = &result->slots[result->free_slots[at]];
        if (slot->holds_pages && slot->held_store == store &&
            slot->held_serial == store->file.serial && page >= slot->first_page &&
            page - slot->first_page < slot->page_count) {
            uint32_t chunk = ikv_search_next(&result->search, &page);
            level_of(result, chunk)->probes++;
            result->stats.probes++;
            result->stats.cached++;
            feed_from_slot(result, slot, chunk, page);
            return true;
        }
    }
    return false;
}

/* The next page the search waits for, and its neighbours if they are waited for next. */
static bool plan_pages(struct ikv_result *result)
{
    const struct ikv_store *store = result->store;
    uint64_t page = ikv_search_peek(&result->search);
    struct ikv_stats *stats = &result->stats;

    if (page == UINT64_MAX)
        return false;
    if (feed_cached(result, page))
        return true;
    struct ikv_slot *slot = take_slot(result, IKV_SLOT_PAGES_READ);
    slot->first_page = page;
    slot->chunk_count = 0;
    uint64_t last = page;
    do {
        uint32_t chunk = ikv_search_next(&result->search, &last);
        slot->chunks[slot->chunk_count++] = chunk;
        level_of(result, chunk)->probes++;
        page = ikv_search_peek(&result->search);
    } while (slot->chunk_count < IKV_SLOT_PAGES && (page == last || page == last + 1));
    slot->page_count = (uint32_t)(last - slot->first_page + 1);

    uint64_t offset = page_offset(store, slot->first_page);
    uint32_t length = (uint32_t)(page_offset(store, last + 1) - offset);
    struct ikv_level_stats *level = level_of(result, slot->chunks[0]);
    level->reads++;
    level->bytes += length;
    stats->probes += slot->chunk_count;
    stats->merged += slot->chunk_count - 1;
    stats->index_reads++;
    stats->index_bytes += length;
    submit(result, slot, &slot->data, slot->buffer, offset, length);
    slot->sums.code = 0;
    slot->sums.retries = 0;
    if (store->page_sums_offset && !store->page_sums) {
        uint32_t size = slot->page_count * IKV_PAGE_CHECKSUM_SIZE;
        stats->index_reads++;
        stats->index_bytes += size;
        submit(result, slot, &slot->sums, slot->sums_buffer,
               store->page_sums_offset + slot->first_page * IKV_PAGE_CHECKSUM_SIZE, size);
    }
    submitted(result, slot);
    return true;
}

/* The page of a chunk that was taken: it has not changed since. */
static uint64_t page_of(const struct ikv_result *result, uint32_t chunk)
{
    const struct ikv_chunk *c = &result->search.chunks[chunk];
    return c->page_begin + (c->page_end - c->page_begin) / 2;
}

/* A read of several pages failed: each by itself, so that the good ones answer. */
static void reread_pages(struct ikv_result *result, struct ikv_slot *slot)
{
    const struct ikv_store *store = result->store;

    for (uint32_t i = 0; i < slot->chunk_count; i++) {
        uint64_t page = page_of(result, slot->chunks[i]);
        uint64_t offset = page_offset(store, page);
        size_t length = (size_t)(page_offset(store, page + 1) - offset);
        const unsigned char *sum =
            store->page_sums ? store->page_sums + page * IKV_PAGE_CHECKSUM_SIZE : NULL;

        result->stats.retries++;
        int code = ikv_pread_all(store->file.fd, slot->buffer, length, offset, NULL);
        if (code == 0 && !sum && store->page_sums_offset) {
            sum = slot->sums_buffer;
            code = ikv_pread_all(store->file.fd, slot->sums_buffer, IKV_PAGE_CHECKSUM_SIZE,
                                 store->page_sums_offset + page * IKV_PAGE_CHECKSUM_SIZE, NULL);
        }
        if (code == 0) {
            feed_page(result, slot->chunks[i], page, slot->buffer, sum);
        } else {
            ikv_search_fail(&result->search, slot->chunks[i], IKV_UNREADABLE);
            ikv_result_note(result, code, offset, NULL, "reading an index page");
        }
    }
}

static void complete_pages(struct ikv_result *result, struct ikv_slot *slot)
{
    int code = slot->data.code < 0 ? slot->data.code : slot->sums.code;

    if (code == 0) {
        for (uint32_t i = 0; i < slot->chunk_count; i++)
            feed_from_slot(result, slot, slot->chunks[i], page_of(result, slot->chunks[i]));
        slot->holds_pages = true;
        slot->held_store = result->store;
        slot->held_serial = result->store->file.serial;
    } else if (slot->chunk_count == 1) {
        ikv_search_fail(&result->search, slot->chunks[0], IKV_UNREADABLE);
        ikv_result_note(result, code, slot->data.offset, NULL, "reading an index page");
    } else {
        reread_pages(result, slot);
    }
}

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
        skip_impossible(result);
    }
    return result->hits_planned < result->hits_sorted;
}

static uint64_t first_read_end(const struct ikv_store *store, uint64_t position)
{
    return ikv_min(position + ikv_min(store->first_read, IKV_SLOT_SIZE), store->records_end);
}

/* The next record, and those behind it that fit into the same read. */
static bool plan_records(struct ikv_result *result)
{
    const struct ikv_store *store = result->store;
    const struct ikv_hit *hits = ikv_result_hits(result);

    if (!next_hit(result))
        return false;
    uint32_t begin = result->hits_planned;
    uint32_t end = begin + 1;
    const uint64_t start = hits[begin].position;
    uint64_t read_end = first_read_end(store, start);
    while (end < result->hits_sorted && ikv_position_possible(store, hits[end].position) &&
           hits[end].position <= read_end + GAP_MAX &&
           first_read_end(store, hits[end].position) - start <= IKV_SLOT_SIZE) {
        read_end = first_read_end(store, hits[end].position);
        end++;
    }
    result->hits_planned = end;

    struct ikv_slot *slot = take_slot(result, IKV_SLOT_RECORDS_READ);
    slot->hit_begin = begin;
    slot->hit_end = end;
    result->stats.merged += end - begin - 1;
    result->stats.record_reads++;
    result->stats.record_bytes += read_end - start;
    submit(result, slot, &slot->data, slot->buffer, start, (uint32_t)(read_end - start));
    submitted(result, slot);
    return true;
}

static void fail_hits(struct ikv_result *result, uint32_t begin, uint32_t end, int code,
                      uint64_t offset)
{
    for (uint32_t i = begin; i < end; i++)
        result->search.status[ikv_result_hits(result)[i].key] = IKV_UNREADABLE;
    ikv_result_note(result, code, offset, NULL, "reading a record");
}

/* A read of several records failed: each by itself, so that the good ones answer. */
static void reread_records(struct ikv_result *result, struct ikv_slot *slot)
{
    const struct ikv_hit *hits = ikv_result_hits(result);

    for (uint32_t i = slot->hit_begin; i < slot->hit_end; i++) {
        uint64_t position = hits[i].position;
        size_t length = (size_t)(first_read_end(result->store, position) - position);

        result->stats.retries++;
        int code = ikv_pread_all(result->store->file.fd, slot->buffer, length, position, NULL);
        if (code == 0)
            ikv_deliver_records(result, i, i + 1, slot->buffer, length);
        else
            fail_hits(result, i, i + 1, code, position);
    }
}

static void complete_records(struct ikv_result *result, struct ikv_slot *slot)
{
    const uint64_t start = ikv_result_hits(result)[slot->hit_begin].position;

    if (slot->data.code == 0)
        ikv_deliver_records(result, slot->hit_begin, slot->hit_end, slot->buffer,
                            slot->data.length);
    else if (slot->hit_end - slot->hit_begin == 1)
        fail_hits(result, slot->hit_begin, slot->hit_end, slot->data.code, start);
    else
        reread_records(result, slot);
}

/* ---------------------------------------------------------------- rests of long records */

static void submit_tail(struct ikv_result *result, struct ikv_slot *slot)
{
    uint64_t position = ikv_result_hits(result)[slot->hit_begin].position;
    uint32_t left = slot->record_size - slot->record_have;
    uint32_t length = left < TAIL_READ_MAX ? left : TAIL_READ_MAX;

    result->stats.record_reads++;
    result->stats.record_bytes += length;
    submit(result, slot, &slot->data, slot->record + slot->record_have,
           position + IKV_RECORD_HEADER_SIZE + slot->record_have, length);
}

static bool plan_tail(struct ikv_result *result)
{
    const struct ikv_tail *tails = result->tails.bytes;

    if (result->tail_next == result->tail_count)
        return false;
    const struct ikv_tail *tail = &tails[result->tail_next++];
    struct ikv_slot *slot = take_slot(result, IKV_SLOT_TAIL_READ);
    slot->hit_begin = tail->hit_begin;
    slot->hit_end = tail->hit_end;
    slot->record = tail->record;
    slot->record_size = tail->size;
    slot->record_have = tail->have;
    submit_tail(result, slot);
    submitted(result, slot);
    return true;
}

/* Whether the slot goes on with the next piece. */
static bool complete_tail(struct ikv_result *result, struct ikv_slot *slot)
{
    if (slot->data.code < 0) {
        fail_hits(result, slot->hit_begin, slot->hit_end, slot->data.code, slot->data.offset);
        return false;
    }
    slot->record_have += slot->data.length;
    if (slot->record_have < slot->record_size) {
        submit_tail(result, slot);
        return true;
    }
    ikv_deliver_whole(result, slot->hit_begin, slot->hit_end, slot->record, slot->record_size);
    return false;
}

/* ---------------------------------------------------------------- the window */

static void complete(struct ikv_result *result, struct ikv_slot *slot)
{
    result->stats.retries += slot->data.retries;
    if (!result->fatal) {
        switch (slot->use) {
        case IKV_SLOT_PAGES_READ:
            result->stats.retries += slot->sums.retries;
            complete_pages(result, slot);
            break;
        case IKV_SLOT_RECORDS_READ:
            complete_records(result, slot);
            break;
        case IKV_SLOT_TAIL_READ:
            if (complete_tail(result, slot)) {
                submitted(result, slot);
                return;
            }
            break;
        }
    }
    release_slot(result, slot);
}

static bool plan(struct ikv_result *result)
{
    return plan_tail(result) || plan_pages(result) || plan_records(result);
}

int ikv_fetch_run(struct ikv_result *result)
{
    ikv_search_begin(&result->search);
    return ikv_fetch_records(result);
}

int ikv_fetch_records(struct ikv_result *result)
{
    result->hits_sorted = result->hits_planned = 0;
    result->tail_count = result->tail_next = 0;
    for (;;) {
        while (result->free_count > 0 && !result->fatal && plan(result))
            ;
        if (result->free_count == result->slot_count)
            break; /* nothing is in flight, nothing could be planned */
        struct ikv_io_request *request = result->backend->reap(result->io);
        struct ikv_slot *slot = request->owner;
        if (--slot->waiting == 0)
            complete(result, slot);
    }
    return result->fatal;
}
