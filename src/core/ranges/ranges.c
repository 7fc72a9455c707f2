#include "core/ranges/ranges.h"

#include "core/base/scratch.h"
#include "core/output/tape.h"
#include "core/ranges/ordered.h"
#include "core/sort/pair_sorter.h"

#include <errno.h>
#include <stdlib.h>

#define REPORT_EVERY ((uint64_t)1 << 16)

/* An open range, in ordered form. Its value is on the tape, and if it is not the innermost one, the
 * frame follows the value there. */
struct frame {
    unsigned char start[IKV_RANGE_WIDTH_MAX];
    unsigned char end[IKV_RANGE_WIDTH_MAX];
    unsigned char cursor[IKV_RANGE_WIDTH_MAX]; /* the first key not returned yet */
    uint64_t value_offset;
    uint32_t value_size;
    bool is_done; /* all its keys were returned */
};

struct ikv_ranges {
    struct ikv_ranges_options options;
    uint32_t width;
    struct ikv_pair_sorter *sorter; /* keys: start, then the complement of end */
    struct ikv_tape tape;
    struct frame top; /* the innermost open range, if depth > 0 */
    uint64_t depth;
    struct frame conflict;
    struct ikv_scratch value;
    ikv_range_fn put;
    void *user;
    struct ikv_ranges_stats stats;
};

int ikv_ranges_new(const struct ikv_ranges_options *options, struct ikv_ranges **ret)
{
    struct ikv_ranges *ranges = calloc(1, sizeof *ranges);
    struct ikv_pair_sorter_options sorter = {
        .memory = options->memory,
        .dir = options->dir,
        .latest_first = options->on_duplicate == IKV_DUPLICATES_LAST,
    };

    if (!ranges)
        return -ENOMEM;
    ranges->options = *options;
    ranges->width = options->key.width;
    ikv_tape_init(&ranges->tape, options->dir);
    (void)ikv_key_describe(IKV_KEY_BYTES(2 * ranges->width), &sorter.key);
    const int code = ikv_pair_sorter_new(&sorter, &ranges->sorter);
    if (code < 0)
        ikv_ranges_free(ranges);
    else
        *ret = ranges;
    return code;
}

void ikv_ranges_free(struct ikv_ranges *ranges)
{
    if (!ranges)
        return;
    ikv_pair_sorter_free(ranges->sorter);
    ikv_tape_free(&ranges->tape);
    ikv_scratch_free(&ranges->value);
    free(ranges);
}

int ikv_ranges_add(struct ikv_ranges *ranges, const unsigned char *start, const unsigned char *end,
                   const void *value, uint32_t size)
{
    const uint32_t width = ranges->width;
    unsigned char key[2 * IKV_RANGE_WIDTH_MAX];

    ikv_ordered_load(&ranges->options.key, start, key);
    ikv_ordered_load(&ranges->options.key, end, key + width);
    for (uint32_t i = width; i < 2 * width; i++)
        key[i] = (unsigned char)~key[i];
    ranges->stats.ranges++;
    return ikv_pair_sorter_add(ranges->sorter, key, value, size);
}

/* ---------------------------------------------------------------- the stack */

/* Return keys [cursor, last] of the innermost range, whose value is at the end of the tape. */
static int put_top(struct ikv_ranges *ranges, const unsigned char *last)
{
    const struct ikv_key_info *key = &ranges->options.key;
    const struct frame *top = &ranges->top;
    struct ikv_range range;
    void *value = ikv_scratch_get(&ranges->value, (size_t)top->value_size + 1); /* never NULL */

    if (!value)
        return -ENOMEM;
    const int code = ikv_tape_read(&ranges->tape, top->value_offset, value, top->value_size);
    if (code < 0)
        return code;
    ikv_ordered_store(key, top->cursor, range.first);
    ikv_ordered_store(key, last, range.last);
    return ranges->put(ranges->user, &range, value, top->value_size);
}

/* Copy a value from the sorter to the tape. */
static int copy_value(struct ikv_ranges *ranges, const struct ikv_sorted_pair *pair)
{
    if (pair->value)
        return ikv_tape_append(&ranges->tape, pair->value, pair->size);
    for (uint32_t at = 0, n = 0; at < pair->size; at += n) {
        n = (uint32_t)ikv_min(IKV_PAIR_VALUE_MAX, pair->size - at);
        void *piece = ikv_scratch_get(&ranges->value, n);
        int code = piece ? ikv_pair_sorter_read(ranges->sorter, pair, at, piece, n) : -ENOMEM;
        if (code == 0)
            code = ikv_tape_append(&ranges->tape, piece, n);
        if (code < 0)
            return code;
    }
    return 0;
}

static int push(struct ikv_ranges *ranges, const struct frame *next,
                const struct ikv_sorted_pair *pair)
{
    int code = 0;

    if (ranges->depth > 0)
        code = ikv_tape_append(&ranges->tape, &ranges->top, sizeof ranges->top);
    if (code < 0)
        return code;
    ranges->top = *next;
    ranges->top.value_offset = ikv_tape_size(&ranges->tape);
    ranges->top.value_size = pair->size;
    ranges->depth++;
    return copy_value(ranges, pair);
}

/* Close the innermost range: return what is left of it, and go on with the one around it. */
static int pop(struct ikv_ranges *ranges)
{
    const uint32_t width = ranges->width;
    const struct frame closed = ranges->top;
    struct frame *top = &ranges->top;
    uint64_t offset = closed.value_offset;
    int code = closed.is_done ? 0 : put_top(ranges, closed.end);

    ranges->depth--;
    if (code == 0 && ranges->depth > 0) {
        offset -= sizeof *top;
        code = ikv_tape_read(&ranges->tape, offset, top, sizeof *top);
        memcpy(top->cursor, closed.end, width);
        ikv_ordered_next(top->cursor, width);
        top->is_done = memcmp(closed.end, top->end, width) == 0;
    }
    return code == 0 ? ikv_tape_truncate(&ranges->tape, offset) : code;
}

/* ---------------------------------------------------------------- sweeping */

/* Whether the next range, which does not start before the innermost one, fits into it. */
static int check(const struct ikv_ranges *ranges, const struct frame *next)
{
    const int order = memcmp(next->end, ranges->top.end, ranges->width);

    if (order == 0 && memcmp(next->start, ranges->top.start, ranges->width) == 0)
        return IKV_E_DUPLICATE;
    return order > 0 || ranges->options.on_overlap == IKV_OVERLAP_ERROR ? IKV_E_OVERLAP : 0;
}

static int open_range(struct ikv_ranges *ranges, const struct ikv_sorted_pair *pair)
{
    const uint32_t width = ranges->width;
    struct frame next = {.value_size = 0};
    unsigned char last[IKV_RANGE_WIDTH_MAX];
    int code = 0;

    memcpy(next.start, pair->key, width);
    memcpy(next.cursor, pair->key, width);
    for (uint32_t i = 0; i < width; i++)
        next.end[i] = (unsigned char)~pair->key[width + i];
    while (code == 0 && ranges->depth > 0 && memcmp(ranges->top.end, next.start, width) < 0)
        code = pop(ranges);
    if (code == 0 && ranges->depth > 0) {
        code = check(ranges, &next);
        if (code == IKV_E_DUPLICATE && ranges->options.on_duplicate != IKV_DUPLICATES_ERROR) {
            ranges->stats.dropped++;
            return 0;
        }
        ranges->conflict = next;
        if (code == 0 && memcmp(ranges->top.cursor, next.start, width) < 0) {
            memcpy(last, next.start, width);
            ikv_ordered_previous(last, width);
            code = put_top(ranges, last);
        }
    }
    return code == 0 ? push(ranges, &next, pair) : code;
}

int ikv_ranges_finish(struct ikv_ranges *ranges, ikv_range_fn put, void *user,
                      ikv_progress_fn progress, void *progress_user)
{
    struct ikv_sorted_pair pair;
    uint64_t seen = 0;
    int more = 0;

    ranges->put = put;
    ranges->user = user;
    int code = ikv_pair_sorter_finish(ranges->sorter, progress, progress_user);
    while (code == 0 && (more = ikv_pair_sorter_next(ranges->sorter, &pair)) == 1) {
        const struct ikv_progress now = {"ranges", seen, ranges->stats.ranges, "ranges"};
        if (seen++ % REPORT_EVERY == 0 && progress && progress(progress_user, &now) != 0)
            code = IKV_E_CANCELED;
        else
            code = open_range(ranges, &pair);
    }
    if (code == 0)
        code = more;
    while (code == 0 && ranges->depth > 0)
        code = pop(ranges);
    return code;
}

void ikv_ranges_conflict(const struct ikv_ranges *ranges, struct ikv_range *ret_outer,
                         struct ikv_range *ret_inner)
{
    const struct ikv_key_info *key = &ranges->options.key;

    ikv_ordered_store(key, ranges->top.start, ret_outer->first);
    ikv_ordered_store(key, ranges->top.end, ret_outer->last);
    ikv_ordered_store(key, ranges->conflict.start, ret_inner->first);
    ikv_ordered_store(key, ranges->conflict.end, ret_inner->last);
}

void ikv_ranges_stats(const struct ikv_ranges *ranges, struct ikv_ranges_stats *ret)
{
    struct ikv_pair_sorter_stats sorted;

    ikv_pair_sorter_stats(ranges->sorter, &sorted);
    *ret = ranges->stats;
    ret->runs = sorted.runs;
    ret->spilled_bytes = sorted.spilled_bytes;
    ret->passes = sorted.passes;
}
