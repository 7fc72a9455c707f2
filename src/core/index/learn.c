#include "core/index/learn.h"

#include "core/base/mix.h"
#include "core/sort/sort.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WAITING_DEFAULT 16384 /* limit of waiting pages if there is enough memory */

/* A snapshot of up to SMALL pages is replaced whenever a page waits. A larger one is replaced when
 * the keys looked up since, or the waiting pages, are a quarter of its pages: so at most four
 * fences are copied per key. */
#define SMALL   1024
#define QUARTER 4

struct snapshot {
    struct ikv_fences fences; /* first member: users hold a pointer to it */
    size_t bytes;             /* allocated; 0: part of the learner */
    unsigned slot;
    bool last; /* none will follow; its users are not counted */
};

/*
 * There are two slots for snapshots. `current` combines the slot of the newest one with the number
 * of its users, so that finding it and being counted is one atomic step. When it is replaced it
 * becomes the retired one, whose users are counted in `retired_users`. That number is negative
 * while users release it before the count in `current` has been transferred; who brings it to zero
 * afterwards is the last user and frees the snapshot. Only then is a slot vacant for the next one.
 *
 * Users of the very last snapshot (all pages known, memory full, or index out of order) are not
 * counted.
 */
struct ikv_learner {
    uint64_t pages;
    uint64_t max_known; /* pages of a snapshot */
    uint64_t max_bytes;
    uint32_t words;

    _Atomic(struct snapshot *) last;
    _Atomic(struct snapshot *) slots[2];
    atomic_size_t current; /* slot + 2 * users */
    atomic_size_t retired_users;
    atomic_bool vacant;
    atomic_size_t bytes;
    struct snapshot first;   /* empty: nothing is known yet */
    struct snapshot nothing; /* empty: nothing will be learned */

    /* A lock, only ever tried, for the fields below and for publishing snapshots. */
    atomic_flag writing;
    uint64_t *waiting;  /* entries of 1 + words words, then scratch for sorting; NULL: not yet */
    size_t max_waiting; /* entries */
    size_t waiting_count;
    uint64_t keys; /* looked up since the newest snapshot was made */
};

/* ---------------------------------------------------------------- one run */

/* A reservoir, which holds each page seen so far with the same probability. (Vitter, Random
 * Sampling with a Reservoir, 1985: algorithm R.) */
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
    /* Pages out of order were counted, but take no place. */
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

/* Divide the memory between known and waiting pages. The latter need scratch for sorting, too. */
static void share_memory(struct ikv_learner *learner, uint64_t memory)
{
    const uint64_t known_size = 2 * (learner->words * sizeof(uint64_t) + sizeof(uint32_t));
    const uint64_t waiting_size = 2 * entry_size(learner);
    const uint64_t fixed = sizeof *learner + 2 * sizeof(struct snapshot);

    memory = ikv_min(memory, SIZE_MAX / 4);
    if (memory <= fixed + waiting_size)
        return;
    /* At least an eighth of the pages may wait, so that few snapshots are made. */
    uint64_t known = (memory - fixed - waiting_size) / (known_size + waiting_size / 8);
    known = ikv_min(known, ikv_min(learner->pages, UINT32_MAX));
    const uint64_t room = (memory - fixed - known * known_size) / waiting_size;
    learner->max_known = known;
    learner->max_waiting =
        (size_t)ikv_min(ikv_min(room, known), ikv_max(known / 8 + 1, WAITING_DEFAULT));
    learner->max_bytes = fixed + known * known_size + learner->max_waiting * waiting_size;
}

int ikv_learner_new(const struct ikv_geometry *index, uint64_t memory, struct ikv_learner **ret)
{
    struct ikv_learner sizes = {.pages = index->pages, .words = index->key.words};

    *ret = NULL;
    share_memory(&sizes, memory);
    if (sizes.max_known == 0)
        return 0;
    struct ikv_learner *learner = calloc(1, sizeof *learner);
    if (!learner)
        return -ENOMEM;
    learner->pages = sizes.pages;
    learner->words = sizes.words;
    learner->max_known = sizes.max_known;
    learner->max_waiting = sizes.max_waiting;
    learner->max_bytes = sizes.max_bytes;
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
        atomic_fetch_sub(&learner->bytes, 2 * learner->max_waiting * entry_size(learner));
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

const struct ikv_fences *ikv_learner_acquire(struct ikv_learner *learner)
{
    if (!learner)
        return &ikv_no_fences;
    struct snapshot *last = atomic_load_explicit(&learner->last, memory_order_acquire);
    if (last)
        return &last->fences;
    size_t current = atomic_fetch_add(&learner->current, 2);
    return &atomic_load(&learner->slots[current & 1])->fences;
}

/* The retired snapshot has no users left. The slot is emptied first, so that a child forked in
 * between frees nothing twice, and marked vacant last, so that there are never three snapshots. */
static void free_retired(struct ikv_learner *learner, unsigned slot)
{
    struct snapshot *snapshot = atomic_exchange(&learner->slots[slot], NULL);

    free_snapshot(learner, snapshot);
    atomic_store(&learner->vacant, true);
}

void ikv_learner_release(struct ikv_learner *learner, const struct ikv_fences *fences)
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

/* Replace the newest snapshot. The other slot must be vacant. */
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
    const struct ikv_fences *fences = ikv_learner_acquire(learner);
    ret->known = fences->count;
    ikv_learner_release(learner, fences);
    ret->pages = learner->pages;
    ret->bytes = atomic_load(&learner->bytes);
    ret->max_bytes = learner->max_bytes;
}

/* ---------------------------------------------------------------- merging */

/* The first fence from `from` on whose page is >= `page`. Gallops. */
static uint64_t find_page(const struct ikv_fences *fences, uint64_t from, uint64_t page)
{
    uint64_t low = from; /* all before it belong to lower pages */
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

/* Remove known and duplicate pages from the sorted waiting pages. False: the index is not sorted: a
 * page has two first keys, or its first key is not between those of the pages around it. */
static bool keep_unknown(struct ikv_learner *learner)
{
    const struct ikv_fences *known = newest(learner);
    const uint32_t words = learner->words;
    uint64_t *before = NULL; /* the last entry kept */
    size_t kept = 0;
    uint64_t at = 0;

    for (size_t i = 0; i < learner->waiting_count; i++) {
        const uint64_t *entry = learner->waiting + i * (1 + words);
        at = find_page(known, at, entry[0]);
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

/* A snapshot with room for `count` fences. If that is all pages, page numbers are omitted. */
static struct snapshot *new_snapshot(struct ikv_learner *learner, uint64_t count)
{
    const size_t keys_size = (size_t)count * learner->words * sizeof(uint64_t);
    const bool all = count == learner->pages;
    const size_t pages_size = all ? 0 : (size_t)count * sizeof(uint32_t);
    const size_t size = sizeof(struct snapshot) + keys_size + pages_size;
    struct snapshot *snapshot = get_memory(learner, size);

    if (!snapshot)
        return NULL;
    unsigned char *keys = (unsigned char *)(snapshot + 1);
    *snapshot = (struct snapshot){
        .fences = {.keys = (uint64_t *)keys, .step = 1, .words = learner->words},
        .bytes = size,
        .last = count == learner->max_known,
    };
    if (!all)
        snapshot->fences.pages = (uint32_t *)(keys + keys_size);
    return snapshot;
}

/* Append fences [from, end) of the newest snapshot to the new one. */
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

/* Merge the known pages and `taken` of the waiting ones, evenly spread. */
static void fill_snapshot(const struct ikv_learner *learner, const struct ikv_fences *known,
                          struct ikv_fences *to, uint64_t taken)
{
    const uint64_t waiting = learner->waiting_count;
    uint64_t from = 0;

    for (uint64_t i = 0; i < waiting; i++) {
        const uint64_t *entry = learner->waiting + i * (1 + learner->words);
        if ((i + 1) * taken / waiting == i * taken / waiting)
            continue;
        const uint64_t at = find_page(known, from, entry[0]);
        copy_known(to, known, from, at);
        from = at;
        memcpy(to->keys + to->count * to->words, entry + 1, to->words * sizeof *entry);
        if (to->pages)
            to->pages[to->count] = (uint32_t)entry[0];
        to->count++;
    }
    copy_known(to, known, from, known->count);
}

static void stop_learning(struct ikv_learner *learner)
{
    publish(learner, &learner->nothing);
    free_waiting(learner);
}

/* Make a snapshot of the known and waiting pages, unless the retired one still has users. */
static void merge_waiting(struct ikv_learner *learner)
{
    const struct ikv_fences *known = newest(learner);

    if (!atomic_load(&learner->vacant))
        return;
    ikv_sort_entries(learner->waiting,
                     learner->waiting + learner->max_waiting * (1 + learner->words),
                     learner->waiting_count, 1 + learner->words);
    if (!keep_unknown(learner)) {
        stop_learning(learner);
        return;
    }
    const uint64_t taken = ikv_min(learner->waiting_count, learner->max_known - known->count);
    struct snapshot *snapshot = taken ? new_snapshot(learner, known->count + taken) : NULL;
    if (snapshot) {
        fill_snapshot(learner, known, &snapshot->fences, taken);
        publish(learner, snapshot);
    }
    learner->waiting_count = 0; /* out of memory, they are dropped */
    learner->keys = 0;
    if (snapshot && snapshot->last)
        free_waiting(learner);
}

/* ---------------------------------------------------------------- adding */

static bool has_room(struct ikv_learner *learner)
{
    if (learner->waiting_count == learner->max_waiting)
        merge_waiting(learner);
    return ikv_learner_learns(learner) && learner->waiting_count < learner->max_waiting;
}

static void append(struct ikv_learner *learner, const struct ikv_learned *learned)
{
    const uint32_t words = 1 + learner->words;

    assert(learned->count == 0 || learned->words == words);
    for (uint32_t i = 0; i < learned->count; i++) {
        const uint64_t *entry = learned->entries + (size_t)i * words;
        assert(entry[0] < learner->pages);
        if (entry[0] > UINT32_MAX) /* does not fit into a snapshot */
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
        learner->waiting = get_memory(learner, 2 * learner->max_waiting * entry_size(learner));
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
