#include "core/sort/sort.h"

#include "core/key/key.h"

#include <stdbool.h>

#define SMALL           32
#define DIGITS          8 /* of a word */
#define BUCKETS         256
#define PASS_DIGITS_MAX 5 /* digits of one radix sort */

/* Inlined where `words` is a constant, so that a copy is a few moves. */
static inline __attribute__((always_inline)) void copy_entry(uint64_t *to, const uint64_t *from,
                                                             uint32_t words)
{
    memcpy(to, from, words * sizeof *to);
}

static bool is_sorted(const uint64_t *entries, size_t n, uint32_t words, uint32_t from)
{
    for (size_t i = 1; i < n; i++) {
        const uint64_t *entry = entries + i * words;
        if (ikv_words_compare(entry - words + from, entry + from, words - from) > 0)
            return false;
    }
    return true;
}

static void insertion_sort(uint64_t *entries, size_t n, uint32_t words, uint32_t from)
{
    uint64_t held[IKV_ENTRY_WORDS_MAX];

    for (size_t i = 1; i < n; i++) {
        size_t at = i;
        copy_entry(held, entries + i * words, words);
        while (at > 0 && ikv_words_compare(entries + (at - 1) * words + from, held + from,
                                           words - from) > 0) {
            copy_entry(entries + at * words, entries + (at - 1) * words, words);
            at--;
        }
        copy_entry(entries + at * words, held, words);
    }
}

static inline __attribute__((always_inline)) void scatter(const uint64_t *from, uint64_t *to,
                                                          size_t n, uint32_t words, uint32_t word,
                                                          unsigned shift, size_t *start)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t *entry = from + i * words;
        size_t place = start[(entry[word] >> shift) & (BUCKETS - 1)]++;
        copy_entry(to + place * words, entry, words);
    }
}

static void scatter_entries(const uint64_t *from, uint64_t *to, size_t n, uint32_t words,
                            uint32_t word, unsigned shift, size_t *start)
{
    if (words == 2)
        scatter(from, to, n, 2, word, shift, start);
    else if (words == 3)
        scatter(from, to, n, 3, word, shift, start);
    else
        scatter(from, to, n, words, word, shift, start);
}

/* The highest digit of a word in which entries differ; DIGITS: none. */
static unsigned top_digit(const uint64_t *entries, size_t n, uint32_t words, uint32_t word)
{
    uint64_t differ = 0;

    for (size_t i = 1; i < n; i++)
        differ |= entries[i * words + word] ^ entries[word];
    return differ ? (63u - (unsigned)__builtin_clzll(differ)) / 8 : DIGITS;
}

/* Stable sort by the digits [low, high] of a word. */
static void radix_sort(uint64_t *entries, uint64_t *scratch, size_t n, uint32_t words,
                       uint32_t word, unsigned low, unsigned high)
{
    size_t count[PASS_DIGITS_MAX][BUCKETS];
    uint64_t *from = entries;
    uint64_t *to = scratch;

    memset(count, 0, sizeof count);
    for (size_t i = 0; i < n; i++) {
        const uint64_t value = entries[i * words + word] >> (8 * low);
        for (unsigned digit = 0; digit < PASS_DIGITS_MAX; digit++)
            count[digit][(value >> (8 * digit)) & (BUCKETS - 1)]++;
    }
    for (unsigned digit = low; digit <= high; digit++) {
        size_t *start = count[digit - low];
        const unsigned shift = 8 * digit;
        size_t total = 0;
        if (start[(from[word] >> shift) & (BUCKETS - 1)] == n)
            continue;
        for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
            size_t here = start[bucket];
            start[bucket] = total;
            total += here;
        }
        scatter_entries(from, to, n, words, word, shift, start);
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries)
        memcpy(entries, from, n * words * sizeof *entries);
}

/* The lowest digit of a radix sort of n entries whose highest differing digit is `high`. With fewer
 * digits, more entries are equal in them and must be sorted again; with more digits, there are more
 * passes that change little. */
static unsigned low_digit(size_t n, unsigned high)
{
    const unsigned digits = n <= 512 ? 2 : n <= (size_t)1 << 20 ? 3 : 4;

    return high <= digits ? 0 : high + 1 - digits;
}

/* Sort by the words from `from` on. The recursion depth is at most 4 * `words`. */
static void sort_from(uint64_t *entries, uint64_t *scratch, size_t n, uint32_t words, uint32_t from)
{
    if (n <= SMALL) {
        insertion_sort(entries, n, words, from);
        return;
    }
    if (is_sorted(entries, n, words, from))
        return;
    unsigned high = top_digit(entries, n, words, from);
    while (high == DIGITS) /* Entries equal in all words would be sorted. */
        high = top_digit(entries, n, words, ++from);
    const unsigned low = low_digit(n, high);
    radix_sort(entries, scratch, n, words, from, low, high);
    if (low == 0 && from + 1 == words)
        return;
    for (size_t begin = 0; begin < n;) {
        size_t end = begin + 1;
        const uint64_t value = entries[begin * words + from] >> (8 * low);
        while (end < n && entries[end * words + from] >> (8 * low) == value)
            end++;
        if (end - begin > 1)
            sort_from(entries + begin * words, scratch, end - begin, words, from);
        begin = end;
    }
}

void ikv_sort_entries(uint64_t *entries, uint64_t *scratch, size_t n, uint32_t words)
{
    if (n > 1)
        sort_from(entries, scratch, n, words, 0);
}
