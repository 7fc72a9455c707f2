#include "core/fences/fence_lines.h"

#include "core/base/huge.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert(sizeof(struct ikv_fence_line) == 64, "a line is one cache line");

static uint64_t count_lines(uint64_t fences)
{
    return fences / IKV_LINE_FENCES + (fences % IKV_LINE_FENCES != 0);
}

uint64_t ikv_fence_lines_memory(uint64_t count)
{
    const uint64_t lines = count_lines(count);

    return ikv_huge_size(lines * sizeof(struct ikv_fence_line)) + lines;
}

int ikv_fence_lines_new(struct ikv_fence_lines *lines, uint64_t count, const uint64_t *first,
                        const uint64_t *last, uint32_t words)
{
    const size_t n = (size_t)count_lines(count);
    uint32_t word = 0;

    *lines = (struct ikv_fence_lines){0};
    while (word + 1 < words && first[word] == last[word])
        word++;
    lines->word = word;
    memcpy(lines->first, first, words * sizeof first[0]);
    lines->lines = ikv_huge_alloc(n * sizeof *lines->lines);
    lines->shifts = malloc(n);
    if (lines->lines && lines->shifts)
        return 0;
    ikv_fence_lines_free(lines);
    return -ENOMEM;
}

void ikv_fence_lines_free(struct ikv_fence_lines *lines)
{
    ikv_huge_free(lines->lines);
    free(lines->shifts);
    *lines = (struct ikv_fence_lines){0};
}

/* ---------------------------------------------------------------- building */

/* Write the last line from what was collected for it; `n` fences. */
static void put_line(struct ikv_fence_lines *lines, uint32_t n)
{
    const uint64_t number = (lines->count - 1) / IKV_LINE_FENCES;
    struct ikv_fence_line *line = &lines->lines[number];
    const uint64_t widest = lines->filling[n - 1] - lines->filling[0];
    uint32_t shift = 0;

    while (widest >> shift > UINT32_MAX)
        shift++;
    line->base = lines->filling[0];
    lines->shifts[number] = (uint8_t)shift;
    for (uint32_t i = 1; i < IKV_LINE_FENCES; i++)
        line->delta[i - 1] =
            i < n ? (uint32_t)((lines->filling[i] - line->base) >> shift) : UINT32_MAX;
}

void ikv_fence_lines_add(struct ikv_fence_lines *lines, const uint64_t *fence)
{
    const uint32_t at = (uint32_t)(lines->count++ % IKV_LINE_FENCES);

    lines->filling[at] = fence[lines->word];
    if (at == IKV_LINE_FENCES - 1)
        put_line(lines, IKV_LINE_FENCES);
}

void ikv_fence_lines_end(struct ikv_fence_lines *lines)
{
    const uint32_t n = (uint32_t)(lines->count % IKV_LINE_FENCES);

    if (n > 0)
        put_line(lines, n);
}

/* ---------------------------------------------------------------- searching */

/* Lines whose base is <= word, or with `below`, < word; at least `from` of them are. Gallops. */
static uint64_t lines_not_above(const struct ikv_fence_lines *lines, uint64_t word, bool below,
                                uint64_t from)
{
    const uint64_t count = count_lines(lines->count);
    const uint64_t bound = below ? word - (word > 0) : word;
    uint64_t low = from;
    uint64_t step = 1;

    if (below && word == 0)
        return 0;
    while (low + step <= count && lines->lines[low + step - 1].base <= bound) {
        low += step;
        step *= 2;
    }
    for (uint64_t left = ikv_min(step - 1, count - low); left > 0;) {
        const uint64_t half = (left + 1) / 2;
        low += lines->lines[low + half - 1].base <= bound ? half : 0;
        left -= half;
    }
    return low;
}

/* Fences of a line, of which there are n, that are at a rounded place <= that of the word, or with
 * `below`, < it. The base, which is not rounded, is <= the word. */
static uint64_t rank_in_line(const struct ikv_fence_lines *lines, uint64_t number, uint64_t word,
                             bool below)
{
    const struct ikv_fence_line *line = &lines->lines[number];
    const uint64_t n = ikv_min(lines->count - number * IKV_LINE_FENCES, IKV_LINE_FENCES);
    const uint64_t away = (word - line->base) >> lines->shifts[number];
    uint64_t rank = 1;

    for (uint32_t i = 0; i < IKV_LINE_FENCES - 1; i++)
        rank += below ? line->delta[i] < away : line->delta[i] <= away;
    return ikv_min(rank, n);
}

/* All fences agree in the words before the one that is held. */
static int compare_prefix(const struct ikv_fence_lines *lines, const uint64_t *key)
{
    return ikv_words_compare(key, lines->first, lines->word);
}

struct ikv_fence_range ikv_fence_lines_rank(const struct ikv_fence_lines *lines,
                                            const uint64_t *key, uint64_t from)
{
    const uint64_t word = key[lines->word];
    const int order = compare_prefix(lines, key);
    struct ikv_fence_range range = {0, 0};

    if (order != 0) {
        range.at_least = range.at_most = order < 0 ? 0 : lines->count;
        return range;
    }
    const uint64_t first = from / IKV_LINE_FENCES;
    const uint64_t upper = lines_not_above(lines, word, false, first);
    if (upper > 0)
        range.at_most = (upper - 1) * IKV_LINE_FENCES + rank_in_line(lines, upper - 1, word, false);
    /* Fences at the same rounded place may be above the key, or have the same word and be above it
     * in a later one. */
    const uint64_t lower = lines_not_above(lines, word, true, first);
    if (lower > 0)
        range.at_least = (lower - 1) * IKV_LINE_FENCES + rank_in_line(lines, lower - 1, word, true);
    return range;
}
