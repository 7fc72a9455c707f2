#include "probe_model.h"

#include "tmpdir.h"

#include <stdlib.h>
#include <string.h>

void probe_model_init(probe_model *ret_model, const unsigned char *keys, size_t width, size_t count,
                      size_t stride, size_t page_size, size_t fence_step)
{
    size_t *page_first = must_malloc((count + 1) * sizeof(*page_first));
    size_t pages = 0;

    for (size_t entry = 0; entry < count; entry++) {
        int begins = entry == 0 || page_size == PROBE_ENTRIES ||
                     entry * stride / page_size != (entry - 1) * stride / page_size;

        if (begins)
            page_first[pages++] = entry;
    }
    page_first[pages] = count;
    *ret_model = (probe_model){keys, width, count, page_size, page_first, pages, fence_step};
}

void probe_model_free(probe_model *model)
{
    free(model->page_first);
    memset(model, 0, sizeof(*model));
}

/* ---------------------------------------------------------------- a batch */

typedef struct batch {
    const probe_model *model;
    const unsigned char *keys;
    size_t count;
    ikv_match match;
    size_t *answers;
    probe_counts *counts;
} batch;

/* Keys and pages of a chunk, ends exclusive. */
typedef struct chunk {
    size_t key_begin;
    size_t key_end;
    size_t page_begin;
    size_t page_end;
    int next_is_known; /* a probe has shown the first entry after the chunk's pages */
    unsigned level;
} chunk;

/* Compares a key of the batch with an entry of the index. */
static int compare(const batch *b, size_t key, size_t entry)
{
    return memcmp(b->keys + key * b->model->width, b->model->keys + entry * b->model->width,
                  b->model->width);
}

static void count_probe(probe_counts *counts, unsigned level)
{
    if (level >= IKV_LEVELS_MAX)
        test_die("the model has no level %u", level);
    counts->total++;
    counts->level[level]++;
    if (counts->levels <= level)
        counts->levels = level + 1;
}

/* The answer to a key between entries `first` and `last`, inclusive. */
static size_t answer_among(const batch *b, size_t key, size_t first, size_t last)
{
    size_t entry = first;

    while (compare(b, key, entry) > 0)
        entry++;
    if (entry > last)
        test_die("key %zu is above entry %zu", key, last);
    if (compare(b, key, entry) == 0 || b->match == IKV_CEILING)
        return entry;
    return b->match == IKV_FLOOR ? entry - 1 : PROBE_NO_ENTRY;
}

/* The keys of a chunk without pages are between entries `next - 1` and `next`. */
static void answer_between(const batch *b, const chunk *c)
{
    const size_t next = b->model->page_first[c->page_begin];
    size_t answer = PROBE_NO_ENTRY;

    if (b->match == IKV_FLOOR && next > 0)
        answer = next - 1;
    if (b->match == IKV_CEILING && next < b->model->count) {
        answer = next;
        if (!c->next_is_known)
            count_probe(b->counts, c->level);
    }
    for (size_t key = c->key_begin; key < c->key_end; key++)
        b->answers[key] = answer;
}

static void search_chunk(const batch *b, const chunk *c)
{
    if (c->key_begin == c->key_end)
        return;
    if (c->page_begin == c->page_end) {
        answer_between(b, c);
        return;
    }
    size_t page = c->page_begin + (c->page_end - c->page_begin) / 2;
    size_t first = b->model->page_first[page];
    size_t last = b->model->page_first[page + 1] - 1;
    size_t left_end = c->key_begin;
    size_t right_begin;

    count_probe(b->counts, c->level);
    while (left_end < c->key_end && compare(b, left_end, first) < 0)
        left_end++;
    right_begin = left_end;
    while (right_begin < c->key_end && compare(b, right_begin, last) <= 0) {
        b->answers[right_begin] = answer_among(b, right_begin, first, last);
        right_begin++;
    }
    chunk left = {c->key_begin, left_end, c->page_begin, page, 1, c->level + 1};
    chunk right = {right_begin, c->key_end, page + 1, c->page_end, c->next_is_known, c->level + 1};
    search_chunk(b, &left);
    search_chunk(b, &right);
}

/* Number of fences not greater than a key. */
static size_t fences_up_to(const batch *b, size_t key)
{
    const size_t step = b->model->fence_step;
    size_t fences = 0;

    while (fences * step < b->model->pages &&
           compare(b, key, b->model->page_first[fences * step]) >= 0)
        fences++;
    return fences;
}

void probe_model_search(const probe_model *model, const unsigned char *keys, size_t count,
                        ikv_match match, size_t *ret_answers, probe_counts *ret_counts)
{
    const batch b = {model, keys, count, match, ret_answers, ret_counts};
    const size_t step = model->fence_step;
    size_t begin = 0;

    memset(ret_counts, 0, sizeof(*ret_counts));
    if (step == 0 || model->pages == 0) {
        search_chunk(&b, &(chunk){0, count, 0, model->pages, 0, 0});
        return;
    }
    while (begin < count) {
        size_t fences = fences_up_to(&b, begin);
        size_t end = begin + 1;
        chunk c = {begin, 0, 0, 0, 0, 0};

        while (end < count && fences_up_to(&b, end) == fences)
            end++;
        c.key_end = end;
        if (fences > 0) {
            c.page_begin = (fences - 1) * step;
            c.page_end = fences * step < model->pages ? fences * step : model->pages;
        }
        search_chunk(&b, &c);
        begin = end;
    }
}

/* ---------------------------------------------------------------- the original */

static void search_as_original(const batch *b, const chunk *c, probe_original how)
{
    if (c->key_begin == c->key_end || c->page_begin == c->page_end)
        return;
    size_t middle = c->page_begin + (c->page_end - c->page_begin) / 2;
    size_t left_end = c->key_begin;
    size_t right_begin;

    count_probe(b->counts, c->level);
    if (c->page_end - c->page_begin == 1)
        return; /* answered, or absent */
    while (left_end < c->key_end && compare(b, left_end, middle) < 0)
        left_end++;
    right_begin = left_end;
    if (right_begin < c->key_end && compare(b, right_begin, middle) == 0)
        right_begin++; /* answered */
    if (left_end > c->key_begin && left_end < c->key_end)
        left_end++; /* the extra key */
    chunk left = {c->key_begin, left_end, c->page_begin, middle, 0, c->level + 1};
    chunk right = {right_begin, c->key_end, middle + (how == ORIGINAL_MIDDLE_AGAIN ? 0 : 1),
                   c->page_end, 0,          c->level + 1};
    search_as_original(b, &left, how);
    search_as_original(b, &right, how);
}

void probe_model_original(const probe_model *model, const unsigned char *keys, size_t count,
                          probe_original how, probe_counts *ret_counts)
{
    const batch b = {model, keys, count, IKV_EXACT, NULL, ret_counts};

    memset(ret_counts, 0, sizeof(*ret_counts));
    if (model->page_size != PROBE_ENTRIES || model->fence_step != 0)
        test_die("the model of the original needs single entries and no fences");
    search_as_original(&b, &(chunk){0, count, 0, model->pages, 0, 0}, how);
}
