/* An open table: the manifest, the shards of this rank, and who has the others. */
#ifndef IKV_MPI_TABLE_H
#define IKV_MPI_TABLE_H

#include "indexkv_mpi.h"
#include "mpi/bytes.h"
#include "mpi/nodes.h"
#include "shards/manifest.h"

#include <stdbool.h>

/* In place of the rank that a key is sent to: no shard has its answer; no owner could open it. */
enum { KEY_OUTSIDE = -1, KEY_UNAVAILABLE = -2 };

/* The most keys that a rank sends in a round: their numbers have 32 bits. */
#define ROUND_KEYS_MAX ((size_t)1 << 20)

struct ikv_mpi {
    MPI_Comm comm; /* of the table alone */
    struct nodes nodes;
    struct ikv_manifest *manifest;
    struct placement placement; /* without owners that could not open their shard */
    int *ask;                   /* for each shard, the rank that this one sends its keys to */
    ikv_engine *engine;         /* of the table; NULL: the caller's */
    size_t *local;              /* the shards of this rank, ascending */
    ikv_store **stores;         /* likewise */
    size_t local_count, missing_count;
    size_t key_width, round_keys;
    uint32_t value_size_p99;
    uint64_t memory;

    /* The last lookup. */
    ikv_mpi_item *items;  /* of ikv_mpi_get_many */
    struct bytes *values; /* what they point to, a buffer for each round */
    size_t values_count, values_capacity;
    ikv_error problem;
    bool has_problem;
};

/* The place of a shard in `local`; the shard must be there. */
size_t ikv_mpi_local_of(const ikv_mpi *table, size_t shard);

/* Keys that a rank can receive in a round: a quarter more than one sends. Random keys exceed the
 * average by less, and so need no smaller rounds. */
static inline size_t ikv_mpi_take_limit(const ikv_mpi *table)
{
    return table->round_keys + table->round_keys / 4;
}

/* The bytes of an answer besides its value, at most. */
size_t ikv_mpi_answer_head(const ikv_mpi *table);

#endif
