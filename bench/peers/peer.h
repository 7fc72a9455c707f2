/*
 * Peers are the stores that are compared: other stores and indexkv, behind one interface. All look
 * up the same keys, and all answers are checked in the same way. A peer is used by one thread.
 *
 * Keys are passed as an array in the format of the library; values are copied to memory of the
 * caller.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "data/dataset.h"
#include "harness/subject.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Iterates over all pairs of a data set. */
struct pair_source;
bool pair_source_next(struct pair_source *source, const unsigned char **key,
                      const unsigned char **value);

/* The answers to a batch. */
struct answers {
    unsigned char *values; /* value_size bytes each */
    uint32_t *sizes;       /* ANSWER_MISSING: no such key */
    uint32_t value_size;   /* longer values are truncated */
};
#define ANSWER_MISSING UINT32_MAX

static inline void answer_put(const struct answers *answers, size_t i, const void *value,
                              size_t size)
{
    const size_t max = answers->value_size;

    memcpy(answers->values + i * max, value, size < max ? size : max);
    answers->sizes[i] = (uint32_t)size;
}

struct peer;

struct peer_kind {
    const char *suffix; /* of its file names; NULL: it uses the store of the data set */
    bool in_key_order;  /* fill() needs pairs in key order */

    /* Create its file (or directory) at `path`. */
    int (*fill)(const struct peer *peer, const char *path, struct pair_source *pairs,
                struct bench_error *error);
    /* Open it for batches of up to `batch` keys. */
    int (*open)(struct peer *peer, const char *path, size_t batch, struct bench_error *error);
    /* Access everything that lookups may access. */
    int (*warm)(struct peer *peer, struct bench_error *error);
    /* Look up keys; key i is answered in answers item i. */
    int (*get_many)(struct peer *peer, const unsigned char *keys, size_t count,
                    struct bench_error *error);
    /* Look up a key, answered in item `i`. NULL: not supported. */
    int (*get)(struct peer *peer, const unsigned char *key, size_t i, struct bench_error *error);
    /* Called after get_many, outside of the measured time: sets `answers`, if get_many did not, and
     * adds the reads to the step. May be NULL. */
    void (*finish)(struct peer *peer, size_t count, struct step *step);
    /* Name and properties, in a few words; returns `text`. */
    const char *(*describe)(const struct peer *peer, char *text, size_t size);
    /* Frees the peer, whether or not `open` was called or succeeded. */
    void (*close)(struct peer *peer);
};

/* The first member of every peer. */
struct peer {
    const struct peer_kind *kind;
    struct dataset data;
    struct answers answers; /* allocated for a batch before `open` */
    bool was_opened;
    int code; /* result of opening */
    struct bench_error error;
    unsigned users;
};

/* Zeroed memory for a peer. Exits the program when out of memory. */
void *peer_new(size_t size, const struct peer_kind *kind, const struct dataset *data);

/* Peers are reference-counted, since several subjects share one. The last peer_release frees it. */
struct peer *peer_acquire(struct peer *peer);
void peer_release(struct peer *peer);
/* Create its file if missing, open it and warm it, unless that was done before. */
int peer_open(struct peer *peer, size_t batch, struct bench_error *error);

/* For stores that compare keys with memcmp: encodes a key so that this gives the order of the data
 * set. */
void peer_ordered_key(const struct peer *peer, const unsigned char *key, unsigned char *ret_key);

/* ---------------------------------------------------------------- the peers */

/* The other stores found by CMakeLists.txt, which generates this table. The last item has no name.
 */
struct peer_factory {
    const char *name;
    struct peer *(*create)(const struct dataset *data);
};
extern const struct peer_factory peer_factories[];

struct peer *peer_lmdb_new(const struct dataset *data);
struct peer *peer_cdb_new(const struct dataset *data);
struct peer *peer_rocksdb_new(const struct dataset *data);
struct peer *peer_mtbl_new(const struct dataset *data);

#endif
