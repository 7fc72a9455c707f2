/*
 * Resident: everything is in memory. indexkv, with each of its backends, and its peers look up the
 * same keys; each is warmed, and uses one thread.
 *
 *   resident/STORE/CHOICE   batches
 *   resident/bound/...      an upper bound (bound.h)
 *   single/STORE/uniform    single keys, each timed
 */
#include "data/key_pool.h"
#include "families/families.h"
#include "peers/peer_indexkv.h"
#include "peers/peer_lookups.h"
#include "subjects/bound.h"

#include <stdio.h>

#define RESIDENT_BATCH 1000

static const struct {
    const char *name;
    enum key_choice choice;
} choices[] = {{"uniform", KEYS_UNIFORM},
               {"zipf", KEYS_ZIPF},
               {"clustered", KEYS_CLUSTERED},
               {"sequential", KEYS_SEQUENTIAL},
               {"absent", KEYS_HALF_ABSENT}};
#define CHOICES (sizeof choices / sizeof choices[0])

struct resident {
    struct dataset data;
    struct key_pool *pools[CHOICES];
};

static void register_one(const char *family, const char *store, const char *choice,
                         struct subject *subject)
{
    static const struct bench_arg batch[BENCH_ARGS_MAX] = {{"batch", RESIDENT_BATCH}};
    char name[64];

    (void)snprintf(name, sizeof name, "%s/%s/%s", family, store, choice);
    subject_register(name, batch, subject);
}

/* Registers the first `count` choices; if these are all, also single lookups, if supported. */
static void register_peer(const struct resident *resident, const char *store, struct peer *peer,
                          size_t count)
{
    for (size_t i = 0; i < count; i++)
        register_one("resident", store, choices[i].name,
                     peer_batches_new(peer, resident->pools[i], RESIDENT_BATCH));
    if (peer->kind->get && count == CHOICES)
        register_one("single", store, choices[0].name,
                     peer_singles_new(peer, resident->pools[0], RESIDENT_BATCH));
}

static void register_bound(const struct resident *resident)
{
    for (size_t i = 0; i < CHOICES; i++) {
        if (choices[i].choice != KEYS_HALF_ABSENT)
            register_one("resident", "bound", choices[i].name,
                         bound_new(resident->pools[i], RESIDENT_BATCH));
    }
}

void resident_register(const struct options *options)
{
    struct resident resident = {.data = {.directory = options->data,
                                         .pairs = options->pairs,
                                         .value_size = options->value_size,
                                         .key_size = options->key_size}};
    const struct dataset *data = &resident.data;

    for (size_t i = 0; i < CHOICES; i++)
        resident.pools[i] = key_pool_new(data, choices[i].choice, RESIDENT_BATCH);
    register_peer(&resident, "indexkv", peer_indexkv_new(data, IKV_BACKEND_AUTO, 1), CHOICES);
    struct dataset leaves = *data;
    leaves.layout = IKV_LAYOUT_CLUSTERED;
    register_peer(&resident, "leaves", peer_indexkv_new(&leaves, IKV_BACKEND_AUTO, 1), CHOICES);
    register_peer(&resident, "mmap", peer_indexkv_new(data, IKV_BACKEND_MMAP, 1), CHOICES);
    register_peer(&resident, "pread", peer_indexkv_new(data, IKV_BACKEND_PREAD, 1), 1);
    register_peer(&resident, "uring", peer_indexkv_new(data, IKV_BACKEND_URING, 1), 1);
    register_bound(&resident);
    for (const struct peer_factory *factory = peer_factories; factory->name; factory++)
        register_peer(&resident, factory->name, factory->create(data), CHOICES);
}
