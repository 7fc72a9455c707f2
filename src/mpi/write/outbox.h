/* The pairs of this rank, in key order, for each rank that writes a shard now. */
#ifndef IKV_MPI_OUTBOX_H
#define IKV_MPI_OUTBOX_H

#include "mpi/write/pair.h"
#include "mpi/write/state.h"

/* Where this rank is in the pairs of one shard. */
struct cursor {
    ikv_scan *scan;           /* NULL: nothing for this rank */
    ikv_item item;            /* the next pair */
    const unsigned char *end; /* the first key after the shard; NULL: none */
    bool ended;               /* the end mark was sent, too */
};

struct outbox {
    const struct build *build;
    struct cursor *cursors; /* for each rank */
    struct bytes out;       /* what is sent, in the order of ranks */
};

/* Returns 0 or -ENOMEM. Then outbox_free is allowed, as for a zeroed struct. */
int ikv_outbox_init(struct outbox *outbox, const struct build *build);
void ikv_outbox_free(struct outbox *outbox);

/* Begin with the pairs of a shard, for the rank that writes it. */
int ikv_outbox_open(struct outbox *outbox, size_t shard, int rank, ikv_error *err);

/* Append pairs for a rank to `out`, up to `room` bytes; a single one may have more if `room` is
 * `empty`. *ret_pairs counts them. */
int ikv_outbox_fill(struct outbox *outbox, int rank, size_t room, size_t empty, uint64_t *ret_pairs,
                    ikv_error *err);

#endif
