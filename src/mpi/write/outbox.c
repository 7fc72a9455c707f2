#include "mpi/write/outbox.h"

#include "mpi/agree.h"

#include <errno.h>

int ikv_outbox_init(struct outbox *outbox, const struct build *build)
{
    *outbox = (struct outbox){
        .build = build, .cursors = calloc((size_t)build->nodes.ranks, sizeof *outbox->cursors)};
    return outbox->cursors == NULL ? -ENOMEM : 0;
}

void ikv_outbox_free(struct outbox *outbox)
{
    for (int i = 0; outbox->cursors != NULL && i < outbox->build->nodes.ranks; i++)
        ikv_scan_close(outbox->cursors[i].scan);
    free(outbox->cursors);
    ikv_bytes_free(&outbox->out);
    *outbox = (struct outbox){0};
}

/* Read the next pair. Without one, the item has no key. */
static int advance(const struct build *build, struct cursor *cursor, ikv_error *err)
{
    const int code = ikv_scan_next(cursor->scan, &cursor->item, err);
    if (code == IKV_E_END) {
        cursor->item.key = NULL;
        return 0;
    }
    if (code != 0)
        return code;
    if (cursor->item.status != IKV_FOUND) /* the sorted pairs were damaged */
        return err->code != 0 ? err->code : IKV_E_RECORD;
    if (cursor->end != NULL &&
        ikv_key_compare(build->writer.key_type, cursor->item.key, cursor->end) >= 0)
        cursor->item.key = NULL;
    return 0;
}

int ikv_outbox_open(struct outbox *outbox, size_t shard, int rank, ikv_error *err)
{
    const struct build *build = outbox->build;
    struct cursor *cursor = &outbox->cursors[rank];
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    if (shard > 0)
        options.from = build->splitters + (shard - 1) * build->width;
    ikv_scan_close(cursor->scan);
    *cursor = (struct cursor){0};
    if (shard + 1 < build->shards)
        options.to = cursor->end = build->splitters + shard * build->width;
    options.memory = build->memory / 8 / (uint64_t)build->nodes.ranks;
    options.memory = options.memory < 65536 ? 65536 : options.memory;
    int code = ikv_scan_open(build->run, &options, &cursor->scan, err);
    return code == 0 ? advance(build, cursor, err) : code;
}

/* Append one pair, or the end mark. */
static int put(struct outbox *outbox, const struct cursor *cursor, const struct wire_pair *pair,
               ikv_error *err)
{
    const struct build *build = outbox->build;
    unsigned char last[IKV_KEY_WIDTH_MAX] = {0};
    struct wire_pair copy = *pair;
    if (ikv_bytes_reserve(&outbox->out, outbox->out.size + copy.bytes) != 0)
        return ikv_mpi_no_memory(err);
    if (build->has_ranges) {
        copy.last = last;
        if (copy.size != PAIR_END && ikv_range_last(build->run, &cursor->item, last) != 0)
            return ikv_mpi_fail(err, IKV_E_RECORD, build->run_path, "a range without a last key");
    }
    wire_encode(&outbox->out, build->width, &copy);
    return 0;
}

int ikv_outbox_fill(struct outbox *outbox, int rank, size_t room, size_t empty, uint64_t *ret_pairs,
                    ikv_error *err)
{
    static const unsigned char no_key[IKV_KEY_WIDTH_MAX] = {0};
    const struct build *build = outbox->build;
    struct cursor *cursor = &outbox->cursors[rank];
    const size_t head = wire_head(build->width, build->has_ranges), begin = outbox->out.size;
    int code = 0;
    *ret_pairs = 0;
    while (cursor->scan != NULL && !cursor->ended && code == 0) {
        const ikv_item *item = &cursor->item;
        struct wire_pair pair = {.key = no_key, .size = PAIR_END, .bytes = head};
        if (item->key != NULL)
            pair = (struct wire_pair){.key = item->key,
                                      .value = item->value,
                                      .size = item->size,
                                      .bytes = head + item->size};
        const size_t used = outbox->out.size - begin;
        if (pair.bytes > room - (used < room ? used : room) && !(used == 0 && room == empty))
            break;
        code = put(outbox, cursor, &pair, err);
        if (code != 0)
            break;
        if (item->key == NULL) {
            cursor->ended = true;
            break;
        }
        ++*ret_pairs;
        code = advance(build, cursor, err);
    }
    return code;
}
