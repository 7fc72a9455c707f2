/*
 * One round of a lookup, on one rank: keys of its own that it sends to the owners of their shards,
 * and keys of all ranks that it looks up in its shards.
 *
 *     its own keys    keys ->  route  -> out  -> exchange -> in -> sort by shard -> ikv_submit
 *     their answers   items <- decode <- got  <- exchange <- answers <- encode  <-  ikv_wait
 */
#ifndef IKV_MPI_ROUND_H
#define IKV_MPI_ROUND_H

#include "mpi/exchange.h"
#include "mpi/table.h"

/* How long this rank was busy with what. */
struct round_times {
    double exchange, lookup, output, input;
};

/* What all rounds of a lookup share. */
struct lookup {
    ikv_mpi *table;
    ikv_match match;
    struct exchange_counts key_counts, answer_counts, other_counts;
    struct round_times times;
    ikv_mpi_stats stats;
    ikv_stats store_stats;
    ikv_error error; /* the first one on this rank; one that ends the call replaces a read error */
    int code;        /* its code; 0: none */
    bool failed;     /* it ends the call */
};

/* Where the answer to a received key is. */
struct found_in {
    uint32_t local; /* the shard, as a place in table->local */
    uint32_t item;  /* the item of its result */
};

struct round {
    /* Keys of this rank: `count` keys of a batch of the caller, from `first`. */
    const unsigned char *keys;
    size_t first, count;
    bool last;         /* the batch ends with them */
    int *owners;       /* the rank that a key is sent to; KEY_OUTSIDE, KEY_UNAVAILABLE: none */
    uint32_t *sent_as; /* the key that was sent at each place of `out` */
    struct bytes out;
    struct exchange keys_exchange;

    /* Keys of all ranks, and their lookups: one batch for each shard. */
    struct bytes in, sorted;
    size_t received;
    struct found_in *found_in; /* of each received key */
    size_t room;               /* of found_in */
    size_t *starts;            /* in `sorted`: where each local shard's keys begin, and the end */
    ikv_result **results;      /* for each local shard */
    bool *submitted;           /* likewise */

    /* Answers. */
    struct bytes answers, got;
    struct exchange answers_exchange;
    uint64_t *answer_sizes, *got_sizes; /* for and from each rank */
    ikv_mpi_item *items;                /* of this rank's keys */
};

/* Returns 0 or -ENOMEM. Then round_free is allowed, as for a zeroed struct. */
int ikv_round_init(struct round *round, const ikv_mpi *table);
void ikv_round_free(struct round *round, const ikv_mpi *table);

/* Note an error that ends the call, or a read error, after which it continues. `err` may be NULL.
 */
void ikv_lookup_fail(struct lookup *lookup, int code, const ikv_error *err);
void ikv_lookup_read_error(struct lookup *lookup, int code, const ikv_error *err);

/* Make room for the keys that will be received. Returns 0 or -ENOMEM. */
int ikv_round_reserve(struct round *round, const ikv_mpi *table);

/* In route.c: find the owners of keys; count how many of the first `count` go to each rank; and
 * pack these. */
void ikv_round_route(struct round *round, const struct lookup *lookup, size_t count);
void ikv_round_count(struct round *round, const struct lookup *lookup, size_t count);
void ikv_round_pack(struct round *round, const struct lookup *lookup);

/* In own.c: start to look up the received keys; then wait, and encode the answers. */
void ikv_round_submit(struct round *round, struct lookup *lookup);
void ikv_round_answer(struct round *round, struct lookup *lookup);
/* Wait for lookups whose answers are not needed. */
void ikv_round_cancel(struct round *round, const struct lookup *lookup);

/* In answers.c. Collective: start to exchange answers. Then wait, and decode them into the items.
 */
void ikv_round_send_answers(struct round *round, struct lookup *lookup);
void ikv_round_decode(struct round *round, struct lookup *lookup);

#endif
