#include "core/index/learn.h"

#include "core/base/mix.h"
#include "core/sort/sort.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WAITING_USUAL 16384 /* pages that may wait where memory is plenty */
#define SMALL         1024 /* a snapshot of up to so many pages is replaced whenever there is news */
/* A larger one when as many keys were looked up, or pages learned, as are a quarter of it: so that
 * copying costs a key four fences at most. */
#define QUARTER 4

struct snapshot {
    struct ikv_fences fences; /* first: users hold a pointer to it */
    size_t bytes;             /* 0: it is a part of the learner */
    unsigned slot;
    bool last; /* none will follow; not counted */
};

/*
 * Snapshots lie in two slots. `current` says which one is the newest, and how many users it has, in
 * one number, so that to find it and to be counted is one step. Being replaced, it is the retired
 * one: its users are counted in `retired_users` from then on. The number goes below zero where some
 * are given back before those of `current` are carried over; whoever makes it zero after that was
 * the last, and frees it. Only then is there a vacant slot, for the next snapshot.
 *
 * The last snapshot of all (everything known, memory full, or index out of order) is not counted.
 */
struct ikv_learner {
    uint64_t pages;
    uint64_t known_most; /* pages that a snapshot may hold */
    uint64_t bytes_most;
    uint32_t words;

    _Atomic(struct snapshot *) last;
    _Atomic(struct snapshot *) slots[2];
    atomic_size_t current; /* slot + 2 * users */
    atomic_size_t retired_users;
    atomic_bool vacant;
    atomic_size_t bytes;
    struct snapshot first;   /* nothing is known yet */
    struct snapshot nothing; /* nor will be */

    /* Who has set the flag, writes: waiting pages, and new snapshots. */
    atomic_flag writing;
    uint64_t *waiting;   /* entries of 1 + words words, then room to sort as many; NULL: not yet */
    size_t waiting_most; /* entries */
    size_t waiting_count;
    uint64_t keys; /* looked up since the newest snapshot was made */
};

/* ---------------------------------------------------------------- one run */

/* A reservoir: each page seen so far is in it with the same probability. (Vitter, Random Sampling
 * with a Reservoir, 1985: algorithm R.) */
void ikv_learned_page(struct ikv_learned *learned, const struct ikv_geometry *index,
                      const struct ikv_fences *fences, const struct ikv_page *page)
{
    if (ikv_fence_of_page(fences, page->number))
        return;
    uint64_t at = learned->seen++;
    if (at >= learned->room)
        at = ikv_mix(at) % learned->seen;
    if (at >= learned->room || !ikv_page_is_in_order(index, page))
        return;
    /* Pages that were out of order have left their places empty. */
    if (at >= learned->count)
        at = learned->count++;
    uint64_t *entry = learned->entries + at * learned->words;
    entry[0] = page->number;
    ikv_key_load(&index->key, page->entries, entry + 1);
}

/* ---------------------------------------------------------------- memory */

static size_t entry_size(const struct ikv_learner *learner)
{
    return (1 + learner->words) * sizeof(uint64_t);
}

/* Pages, and pages waiting, that the memory is enough for. Waiting takes room for sorting, too. */
static void share_memory(struct ikv_learner *learner, uint64_t memory)
{
    const uint64_t known = 2 * (learner->words * sizeof(uint64_t) + sizeof(uint32_t));
    const uint64_t waiting = 2 * entry_size(learner);
    const uint64_t fixed = sizeof *learner + 2 * sizeof(struct snapshot);

    memory = ikv_min(memory, SIZE_MAX / 4);
    if (memory <= fixed + waiting)
        return;
    /* At least an eighth of the pages may wait, so that few snapshots are made. */
    uint64_t most = (memory - fixed - waiting) / (known + waiting / 8);
    most = ikv_min(most, ikv_min(learner->pages, UINT32_MAX));
    const uint64_t room = (memory - fixed - most * known) / waiting;
    learner->known_most = most;
    learner->waiting_most =
        (size_t)ikv_min(ikv_min(room, most), ikv_max(most / 8 + 1, WAITING_USUAL));
    learner->bytes_most = fixed + most * known + learner->waiting_most * waiting;
}

int ikv_learner_new(const struct ikv_geometry *index, uint64_t memory, struct ikv_learner **ret)
{
    struct ikv_learner sizes = {.pages = index->pages, .words = index->key.words};

    *ret = NULL;
    share_memory(&sizes, memory);
    if (sizes.known_most == 0)
        return 0;
    struct ikv_learner *learner = calloc(1, sizeof *learner);
    if (!learner)
        return -ENOMEM;
    learner->pages = sizes.pages;
    learner->words = sizes.words;
    learner->known_most = sizes.known_most;
    learner->waiting_most = sizes.waiting_most;
    learner->bytes_most = sizes.bytes_most;
    learner->nothing.last = true;
    atomic_init(&learner->last, NULL);
    atomic_init(&learner->slots[0], &learner->first);
    atomic_init(&learner->slots[1], NULL);
    atomic_init(&learner->current, 0);
    atomic_init(&learner->retired_users, 0);
    atomic_init(&learner->vacant, true);
    atomic_init(&learner->bytes, sizeof *learner);
    atomic_flag_clear(&learner->writing);
    *ret = learner;
    return 0;
}

static void *get_memory(struct ikv_learner *learner, size_t size)
{
    void *memory = malloc(size);
    if (memory)
        atomic_fetch_add(&learner->bytes, size);
    return memory;
}

static void free_snapshot(struct ikv_learner *learner, struct snapshot *snapshot)
{
    if (snapshot && snapshot->bytes) {
        atomic_fetch_sub(&learner->bytes, snapshot->bytes);
        free(snapshot);
    }
}

static void free_waiting(struct ikv_learner *learner)
{
    if (learner->waiting)
        atomic_fetch_sub(&learner->bytes, 2 * learner->waiting_most * entry_size(learner));
    free(learner->waiting);
    learner->waiting = NULL;
    learner->waiting_count = 0;
}

void ikv_learner_free(struct ikv_learner *learner)
{
    if (!learner)
        return;
    free_snapshot(learner, atomic_load(&learner->slots[0]));
    free_snapshot(learner, atomic_load(&learner->slots[1]));
    free_waiting(learner);
    free(learner);
}

/* ---------------------------------------------------------------- snapshots */

bool ikv_learner_learns(const struct ikv_learner *learner)
{
    return learner && !atomic_load_explicit(&learner->last, memory_order_relaxed);
}

const struct ikv_fences *ikv_learner_take(struct ikv_learner *learner)
{
    if (!learner)
        return &ikv_no_fences;
    struct snapshot *last = atomic_load_explicit(&learner->last, memory_order_acquire);
    if (last)
        return &last->fences;
    size_t current = atomic_fetch_add(&learner->current, 2);
    return &atomic_load(&learner->slots[current & 1])->fences;
}

/* The retired snapshot has lost its last user. The slot is emptied first, so that a child forked in
 * the middle of this frees nothing twice; it is vacant last, so that there are never three. */
static void free_retired(struct ikv_learner *learner, unsigned slot)
{
    struct snapshot *snapshot = atomic_exchange(&learner->slots[slot], NULL);

    free_snapshot(learner, snapshot);
    atomic_store(&learner->vacant, true);
}

void ikv_learner_give_back(struct ikv_learner *learner, const struct ikv_fences *fences)
{
    if (!learner)
        return;
    const struct snapshot *snapshot = (const struct snapshot *)fences;
    if (snapshot->last)
        return;
    const unsigned slot = snapshot->slot;
    size_t current = atomic_load(&learner->current);
    while ((current & 1) == slot) {
        if (atomic_compare_exchange_weak(&learner->current, &current, current - 2))
            return;
    }
    if (atomic_fetch_sub(&learner->retired_users, 1) == 1)
        free_retired(learner, slot);
}

/* Replace the newest snapshot. The other slot is vacant. */
static void publish(struct ikv_learner *learner, struct snapshot *snapshot)
{
    const unsigned old = atomic_load(&learner->current) & 1;

    snapshot->slot = 1 - old;
    atomic_store(&learner->vacant, false);
    atomic_store(&learner->retired_users, 0);
    atomic_store(&learner->slots[1 - old], snapshot);
    const size_t users = atomic_exchange(&learner->current, 1 - old) >> 1;
    if (snapshot->last)
        atomic_store(&learner->last, snapshot);
    if (atomic_fetch_add(&learner->retired_users, users) + users == 0)
        free_retired(learner, old);
}

static const struct ikv_fences *newest(struct ikv_learner *learner)
{
    return &atomic_load(&learner->slots[atomic_load(&learner->current) & 1])->fences;
}

void ikv_learner_get_info(struct ikv_learner *learner, struct ikv_learner_info *ret)
{
    *ret = (struct ikv_learner_info){0};
    if (!learner)
        return;
    const struct ikv_fences *fences = ikv_learner_take(learner);
    ret->known = fences->count;
    ikv_learner_give_back(learner, fences);
    ret->pages = learner->pages;
    ret->bytes = atomic_load(&learner->bytes);
    ret->bytes_most = learner->bytes_most;
}

/* ---------------------------------------------------------------- merging */

/* The first fence from `from` on whose page is `page` or a later one. Gallops. */
static uint64_t place_of(const struct ikv_fences *fences, uint64_t from, uint64_t page)
{
    uint64_t low = from; /* all before it are of earlier pages */
    uint64_t step = 1;

    while (low + step <= fences->count && fences->pages[low + step - 1] < page) {
        low += step;
        step *= 2;
    }
    uint64_t high = ikv_min(low + step - 1, fences->count);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (fences->pages[middle] < page)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of the waiting pages, sorted, keep one each of those that are not known. False: a page has two
 * first keys, or one that is not between those of the pages around it. */
static bool keep_news(struct ikv_learner *learner)
{
    const struct ikv_fences *known = newest(learner);
    const uint32_t words = learner->words;
    uint64_t *before = NULL; /* the last that was kept */
    size_t kept = 0;
    uint64_t at = 0;

    for (size_t i = 0; i < learner->waiting_count; i++) {
        const uint64_t *entry = learner->waiting + i * (1 + words);
        at = place_of(known, at, entry[0]);
        const bool is_kept = before && before[0] == entry[0];
        const bool is_known = at < known->count && known->pages[at] == entry[0];
        const int order = before ? ikv_words_compare(before + 1, entry + 1, words) : -1;
        const int order_left =
            at > 0 ? ikv_words_compare(ikv_fence(known, at - 1), entry + 1, words) : -1;
        const int order_right =
            at < known->count ? ikv_words_compare(entry + 1, ikv_fence(known, at), words) : -1;

        if (order > 0 || order_left > 0 || order_right > 0 || (is_kept && order != 0) ||
            (is_known && order_right != 0))
            return false;
        if (is_kept || is_known)
            continue;
        before = learner->waiting + kept++ * (1 + words);
        memmove(before, entry, (1 + words) * sizeof *entry);
    }
    learner->waiting_count = kept;
    return true;
}

/* A snapshot with room for `count` fences; of all pages it needs no page numbers. */
static struct snapshot *new_snapshot(struct ikv_learner *learner, uint64_t count)
{
    const size_t keys_size = (size_t)count * learner->words * sizeof(uint64_t);
    const bool all = count == learner->pages;
    const size_t size = sizeof(struct snapshot) + keys_size + (all ? 0 : count * sizeof(uint32_t));
    struct snapshot *snapshot = get_memory(learner, size);

    if (!snapshot)
        return NULL;
    unsigned char *keys = (unsigned char *)(snapshot + 1);
    *snapshot = (struct snapshot){
        .fences = {.keys = (uint64_t *)keys, .step = 1, .words = learner->words},
        .bytes = size,
        .last = count == learner->known_most,
    };
    if (!all)
        snapshot->fences.pages = (uint32_t *)(keys + keys_size);
    return snapshot;
}

/* Append fences of the newest snapshot to the one being made. */
static void copy_known(struct ikv_fences *to, const struct ikv_fences *known, uint64_t from,
                       uint64_t end)
{
    if (from == end)
        return;
    memcpy(to->keys + to->count * to->words, ikv_fence(known, from),
           (size_t)(end - from) * to->words * sizeof(uint64_t));
    if (to->pages)
        memcpy(to->pages + to->count, known->pages + from, (size_t)(end - from) * sizeof(uint32_t));
    to->count += end - from;
}

/* All that is known, and `taken` of the waiting pages, evenly spread. */
static void fill_snapshot(const struct ikv_learner *learner, const struct ikv_fences *known,
                          struct ikv_fences *to, uint64_t taken)
{
    const uint64_t news = learner->waiting_count;
    uint64_t from = 0;

    for (uint64_t i = 0; i < news; i++) {
        const uint64_t *entry = learner->waiting + i * (1 + learner->words);
        if ((i + 1) * taken / news == i * taken / news)
            continue;
        const uint64_t at = place_of(known, from, entry[0]);
        copy_known(to, known, from, at);
        from = at;
        memcpy(to->keys + to->count * to->words, entry + 1, to->words * sizeof *entry);
        if (to->pages)
            to->pages[to->count] = (uint32_t)entry[0];
        to->count++;
    }
    copy_known(to, known, from, known->count);
}

static void forget_all(struct ikv_learner *learner)
{
    publish(learner, &learner->nothing);
    free_waiting(learner);
}

/* Make a snapshot of what is known and what waits, unless the one that it would retire has to wait
 * for users of the one before. */
static void merge_waiting(struct ikv_learner *learner)
{
    const struct ikv_fences *known = newest(learner);

    if (!atomic_load(&learner->vacant))
        return;
    ikv_sort_entries(learner->waiting,
                     learner->waiting + learner->waiting_most * (1 + learner->words),
                     learner->waiting_count, 1 + learner->words);
    if (!keep_news(learner)) {
        forget_all(learner);
        return;
    }
    const uint64_t taken = ikv_min(learner->waiting_count, learner->known_most - known->count);
    struct snapshot *snapshot = taken ? new_snapshot(learner, known->count + taken) : NULL;
    if (snapshot) {
        fill_snapshot(learner, known, &snapshot->fences, taken);
        publish(learner, snapshot);
    }
    learner->waiting_count = 0; /* if there was no memory, forgotten */
    learner->keys = 0;
    if (snapshot && snapshot->last)
        free_waiting(learner);
}

/* ---------------------------------------------------------------- adding */

static bool has_room(struct ikv_learner *learner)
{
    if (learner->waiting_count == learner->waiting_most)
        merge_waiting(learner);
    return ikv_learner_learns(learner) && learner->waiting_count < learner->waiting_most;
}

static void append(struct ikv_learner *learner, const struct ikv_learned *learned)
{
    const uint32_t words = 1 + learner->words;

    assert(learned->count == 0 || learned->words == words);
    for (uint32_t i = 0; i < learned->count; i++) {
        const uint64_t *entry = learned->entries + (size_t)i * words;
        assert(entry[0] < learner->pages);
        if (entry[0] > UINT32_MAX) /* snapshots have no room for such numbers */
            continue;
        if (!has_room(learner))
            return;
        memcpy(learner->waiting + learner->waiting_count++ * words, entry, words * sizeof *entry);
    }
}

static bool is_due(struct ikv_learner *learner)
{
    const uint64_t known = newest(learner)->count;

    return learner->waiting_count > 0 && (known <= SMALL || learner->keys >= known / QUARTER ||
                                          learner->waiting_count >= known / QUARTER);
}

static void add(struct ikv_learner *learner, const struct ikv_learned *learned, uint64_t keys)
{
    if (!ikv_learner_learns(learner))
        return;
    if (!learner->waiting)
        learner->waiting = get_memory(learner, 2 * learner->waiting_most * entry_size(learner));
    if (!learner->waiting)
        return;
    append(learner, learned);
    learner->keys += keys;
    if (ikv_learner_learns(learner) && is_due(learner))
        merge_waiting(learner);
}

void ikv_learner_add(struct ikv_learner *learner, const struct ikv_learned *learned, uint64_t keys)
{
    if (!ikv_learner_learns(learner) || atomic_flag_test_and_set(&learner->writing))
        return;
    add(learner, learned, keys);
    atomic_flag_clear(&learner->writing);
}
