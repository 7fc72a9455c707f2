/*
 * Pairs that arrive from all ranks for one shard, each rank's in key order, merged into one order:
 * by key, and among equal keys by rank. Each rank has a buffer of fixed size, and sends only what
 * there is room for.
 */
#ifndef IKV_MPI_INBOX_H
#define IKV_MPI_INBOX_H

#include "mpi/write/pair.h"
#include "mpi/write/state.h"

struct source {
    struct bytes bytes; /* whole pairs from `used` to bytes.size */
    size_t used;
    bool ended;            /* its end mark was reached */
    struct wire_pair head; /* its next pair; bytes 0: it has none here */
};

struct inbox {
    const struct build *build;
    size_t capacity; /* of each source's buffer */
    struct source *sources;
    int *heap;                    /* sources with a next pair, the least one first */
    int heap_size, open, starved; /* open: not ended; starved: of these, without a next pair */
};

/* Returns 0 or -ENOMEM. Then inbox_free is allowed, as for a zeroed struct. */
int ikv_inbox_init(struct inbox *inbox, const struct build *build, size_t capacity);
void ikv_inbox_free(struct inbox *inbox);

/* Begin a shard: all ranks will send pairs for it. */
void ikv_inbox_start(struct inbox *inbox);

/* Bytes that a rank may send now. */
size_t ikv_inbox_room(const struct inbox *inbox, int rank);

/* Add what a rank sent. Returns 0 or -ENOMEM. */
int ikv_inbox_add(struct inbox *inbox, int rank, const unsigned char *data, size_t size);

/* The next pair, or false: more must arrive first, or the shard is complete. It is valid until the
 * next call of a function above. */
bool ikv_inbox_next(struct inbox *inbox, struct wire_pair *ret);

#endif
