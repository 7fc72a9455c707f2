/*
 * Peers: other stores, behind one interface, so that one harness feeds all of them and indexkv the
 * same keys, and checks every answer in the same way. A peer is used by one thread.
 *
 * What a peer gets and gives: keys one behind another as the library takes them; values copied into
 * the caller's places.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "data/dataset.h"
#include "harness/subject.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* All pairs of a data set, one after another. */
struct pair_source;
bool pair_source_next(struct pair_source *source, const unsigned char **key,
                      const unsigned char **value);

/* Answers to a batch: value i lies in place i. */
struct answers {
    unsigned char *values; /* value_size bytes each */
    uint32_t *sizes;       /* ANSWER_MISSING: there is none */
    uint32_t value_size;   /* what does not fit is cut off */
};
#define ANSWER_MISSING UINT32_MAX

static inline void answer_put(const struct answers *answers, size_t i, const void *value,
                              size_t size)
{
    const size_t room = answers->value_size;

    memcpy(answers->values + i * room, value, size < room ? size : room);
    answers->sizes[i] = (uint32_t)size;
}

struct peer;

struct peer_kind {
    const char *suffix; /* of its files' names; NULL: it has the data set's own store */
    bool in_key_order;  /* is made from pairs in order of keys */

    /* Make its file (or directory) at `path`. */
    int (*make)(const struct peer *peer, const char *path, struct pair_source *pairs,
                struct bench_error *error);
    /* Open it for batches of up to `batch` keys. */
    int (*open)(struct peer *peer, const char *path, size_t batch, struct bench_error *error);
    /* Touch all that lookups will touch. */
    int (*warm)(struct peer *peer, struct bench_error *error);
    /* Answer all keys, or one key, in places from 0 on. BENCH_FAILED if it can't be. */
    int (*get_many)(struct peer *peer, const unsigned char *keys, size_t count,
                    struct bench_error *error);
    int (*get)(struct peer *peer, const unsigned char *key, size_t place,
               struct bench_error *error); /* NULL: no */
    /* After get_many: see to it that `answers` has the answers, unless it has; adds to the step
     * what is known of reads. May be NULL. */
    void (*finish)(struct peer *peer, size_t count, struct step *step);
    /* What it is, in a few words; returns `text`. */
    const char *(*describe)(const struct peer *peer, char *text, size_t size);
    void (*close)(struct peer *peer); /* opened, half opened or not. Frees the peer itself. */
};

/* The first member of every peer. */
struct peer {
    const struct peer_kind *kind;
    struct dataset data;
    struct answers answers; /* there is room for a batch once it is being opened */
    bool was_opened;
    int code; /* how that ended, for all who share it */
    struct bench_error error;
    unsigned users;
};

/* Zeroed memory for a peer. Ends the program if there is none. */
void *peer_new(size_t size, const struct peer_kind *kind, const struct dataset *data);

/* Several subjects share a peer: each calls peer_use, and once peer_leave; with the last it goes.
 */
struct peer *peer_use(struct peer *peer);
void peer_leave(struct peer *peer);
/* Make its file if it is missing, open it and warm it, unless that is done. */
int peer_open(struct peer *peer, size_t batch, struct bench_error *error);

/* For stores that compare keys as memcmp does: the bytes of a key so that the order is that of
 * the data set. */
void peer_ordered_key(const struct peer *peer, const unsigned char *key, unsigned char *ret_key);

/* ---------------------------------------------------------------- those that there are */

/* Those that were found when this was built, the last one without a name. The table is
 * made by CMakeLists.txt. */
struct peer_maker {
    const char *name;
    struct peer *(*make)(const struct dataset *data);
};
extern const struct peer_maker peer_makers[];

struct peer *peer_lmdb_new(const struct dataset *data);
struct peer *peer_cdb_new(const struct dataset *data);
struct peer *peer_rocksdb_new(const struct dataset *data);
struct peer *peer_mtbl_new(const struct dataset *data);

#endif
