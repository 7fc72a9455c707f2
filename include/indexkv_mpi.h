/*
 * indexkv_mpi - sharded tables: built and looked up by many processes over MPI
 *
 * A sharded table is a directory with a manifest and a number of stores, its shards, each of which
 * holds a contiguous range of the keys and can be used by itself (FORMAT.md). This library builds
 * such tables and looks up keys in them with all ranks of a communicator.
 *
 *    1. Opening                 ikv_mpi_open, ikv_mpi_close
 *    2. Looking up              ikv_mpi_get_many, ikv_mpi_get_stream
 *    3. Statistics              ikv_mpi_stats
 *    4. Building                ikv_mpi_build
 *
 * Conventions are those of indexkv.h, and:
 *
 * - All functions but those that read a result are collective: all ranks of the communicator call
 *   them, in the same order. Options must be the same on all ranks, unless noted otherwise.
 * - All ranks return the same code. *err is the same on all ranks; its message names the rank on
 *   which the error happened, if there are several.
 * - The library communicates on a duplicate of the caller's communicator. A failure of MPI itself,
 *   for instance a rank that was killed, ends the job (MPI_ERRORS_ARE_FATAL).
 * - All ranks run on machines with the same byte order and the same build of the library.
 *
 * Threads: MPI_THREAD_FUNNELED is enough. The functions must be called by the thread that
 * initialised MPI; other threads that the library starts (ikv_engine) do not call MPI.
 */
#ifndef INDEXKV_MPI_H
#define INDEXKV_MPI_H

#include <indexkv.h>
#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------- 1. opening --- */

typedef struct ikv_mpi ikv_mpi;

/* What to do about shards that can't be opened at any of their places: missing files, damaged ones,
 * stores that the manifest does not list. */
typedef enum ikv_mpi_missing {
    IKV_MPI_MISSING_ERROR = 0, /* ikv_mpi_open fails, and names the shard */
    IKV_MPI_MISSING_REPORT = 1 /* their keys are IKV_UNREADABLE, and counted */
} ikv_mpi_missing;

typedef struct ikv_mpi_open_options {
    size_t size;
    const ikv_open_options *open; /* of each shard; NULL: defaults. engine NULL: the shards of a
                                     rank share an engine with the processors of its node, divided
                                     by the node's ranks */
    const char
        *hosts; /* a file with lines "HOST CAPACITY"; the shards are placed on ranks in
                   proportion to the capacity of their hosts, which the ranks of a host share.
                   Hosts that are not listed get no shards. NULL: all ranks are equal */
    ikv_mpi_missing missing_shards;
    uint64_t memory; /* limit for keys and answers being exchanged, on each rank, at least 1 MiB, in
                        addition to what the engine and open stores take. Exceeded only if values
                        are larger than what 99 % of them take. 0: 64 MiB */
} ikv_mpi_open_options;
#define IKV_MPI_OPEN_OPTIONS_INIT IKV_OPTIONS_INIT_(ikv_mpi_open_options)

/*
 * Open the table in directory `path`. Every shard is opened by the ranks that look up its keys: one
 * rank, or several if there are more ranks than shards. Ranks of a node open the same copy of a
 * shard that is listed at several places.
 *
 * Errors: those of ikv_open; IKV_E_INVALID (options, the host file); IKV_E_NOT_REGULAR (no
 * manifest); IKV_E_HEADER (a damaged manifest); IKV_E_CHANGED (a shard is not the store that the
 * manifest lists). Close *ret_table with ikv_mpi_close.
 */
IKV_API IKV_NODISCARD int ikv_mpi_open(MPI_Comm comm, const char *path,
                                       const ikv_mpi_open_options *options, ikv_mpi **ret_table,
                                       ikv_error *err);
IKV_API void ikv_mpi_close(ikv_mpi *table); /* NULL is allowed, on all ranks */

typedef struct ikv_mpi_info {
    ikv_key_type key_type;
    uint32_t key_width;
    uint64_t pair_count;
    uint32_t shards;
    uint32_t local_shards;   /* looked up by this rank */
    uint32_t missing_shards; /* could not be opened (IKV_MPI_MISSING_REPORT) */
    uint32_t node;           /* number of this rank's node, from 0 */
    uint32_t nodes;
    int has_ranges;          /* 1: shards are stores of ranges */
    uint32_t value_size_p99; /* of the shards, the largest */
    uint64_t round_keys;     /* keys that a rank sends in a round, at most */
} ikv_mpi_info;
IKV_API void ikv_mpi_get_info(const ikv_mpi *table, ikv_mpi_info *ret_info); /* not collective */

/* ------------------------------------------------------------- 2. looking up --- */

/* One answer, see ikv_item. Its pointers are not aligned. */
typedef struct ikv_mpi_item {
    const void *value; /* `size` bytes if found, otherwise NULL */
    const void *key;   /* the matching key; NULL if there is none. Exact: the caller's key */
    const void *last;  /* stores of ranges: the last key of the range; otherwise NULL */
    uint32_t size;
    int32_t status; /* an ikv_status; keys of missing shards are IKV_UNREADABLE */
} ikv_mpi_item;

typedef struct ikv_mpi_stats ikv_mpi_stats; /* section 3 */

/*
 * Look up `count` keys of this rank, which may be 0 and differ between ranks. Only `match` of
 * `options` may be set (NULL: exact): the answer is that of one store with the pairs of all shards,
 * also across the borders of shards.
 *
 * Keys are sent to the ranks of their shards in rounds of bounded size. While one round is looked
 * up, the keys of the next one and the answers of the last one are exchanged.
 *
 * Returns 0 if no key of any rank is IKV_UNREADABLE, not counting those of missing shards.
 * Otherwise as ikv_get_many: the answers are valid after a read error, and *err describes the first
 * one; after other errors, on whichever rank, there are no answers. IKV_E_UNSUPPORTED: IKV_RANGE in
 * a table that has no ranges. Damage is a status of single keys, see ikv_mpi_problem.
 *
 * ikv_mpi_items(table)[i] answers key i until the next lookup in the table, and `keys` must stay
 * valid as long. ret_stats (may be NULL) gets what this rank did in this call.
 */
IKV_API IKV_NODISCARD int ikv_mpi_get_many(ikv_mpi *table, const void *keys, size_t count,
                                           const ikv_get_options *options, ikv_mpi_stats *ret_stats,
                                           ikv_error *err);
/* NULL after an error that ended the lookup. */
IKV_API const ikv_mpi_item *ikv_mpi_items(const ikv_mpi *table);

/* The first damage or read error that this rank met in the last lookup, as the owner of a shard;
 * NULL: none. */
IKV_API const ikv_error *ikv_mpi_problem(const ikv_mpi *table);

/*
 * Look up any number of keys in bounded memory: `next` supplies batches of keys, `answers` receives
 * their answers. A rank that has no more keys takes part with empty batches until that holds for
 * all ranks.
 *
 * `next` sets *ret_keys and *ret_count, which is at most ikv_mpi_info.round_keys and may be 0, and
 * returns 1; or returns 0 if this rank has no more keys, and is not called again. The keys must
 * stay valid until they are answered. Up to IKV_MPI_BATCHES batches are not answered yet when it is
 * called, not counting the new one.
 *
 * `answers` gets the answers to keys [first, first + count) of the oldest batch that is not
 * answered yet. `last`: it is complete now. `count` may be 0. The items are valid until it returns.
 * It is called on all ranks the same number of times, with the same `last`, so it may be
 * collective.
 *
 * A negative code that one of them returns on any rank ends the call on all ranks with that code.
 */
typedef struct ikv_mpi_stream {
    size_t size;
    int (*next)(void *user, const void **ret_keys, size_t *ret_count);
    int (*answers)(void *user, size_t first, const ikv_mpi_item *items, size_t count, int last);
    void *user;
} ikv_mpi_stream;
#define IKV_MPI_STREAM_INIT IKV_OPTIONS_INIT_(ikv_mpi_stream)
#define IKV_MPI_BATCHES     3
IKV_API IKV_NODISCARD int ikv_mpi_get_stream(ikv_mpi *table, const ikv_mpi_stream *stream,
                                             const ikv_get_options *options,
                                             ikv_mpi_stats *ret_stats, ikv_error *err);

/* ------------------------------------------------------------- 3. statistics --- */

/* What one rank did in a lookup. Messages and bytes are those passed to MPI for other ranks; what a
 * rank sends to itself is not counted. */
struct ikv_mpi_stats {
    uint64_t keys; /* of this rank; the next four add up to it */
    uint64_t found;
    uint64_t missing;
    uint64_t corrupt;
    uint64_t unreadable;
    uint64_t unavailable; /* of the unreadable ones: in missing shards */
    uint64_t outside;     /* of the missing ones: outside the keys of all shards, sent nowhere */
    uint64_t looked_up;   /* keys, of all ranks, that this rank looked up */
    uint64_t reads;       /* of stores, by this rank */
    uint64_t read_bytes;
    uint64_t complete;     /* 1: all keys of all ranks were answered; 0: an error ended the call */
    uint64_t rounds;       /* rounds of keys; the same on all ranks */
    uint64_t collectives;  /* collective operations of MPI; the same on all ranks */
    uint64_t messages;     /* to other ranks: keys or answers of a round for one rank */
    uint64_t key_bytes;    /* keys sent */
    uint64_t answer_bytes; /* answers sent: 4 bytes, the value, and with other matches than exact
                              the matching key, with ranges also its last key, for each key */
    double exchange_seconds; /* in MPI, including waiting for other ranks */
    double lookup_seconds;   /* waiting for lookups */
    double output_seconds;   /* in `answers` */
    double input_seconds;    /* in `next` */
};

/* ------------------------------------------------------------- 4. building --- */

/* A pair, or a range of keys with a value. */
typedef struct ikv_mpi_pair {
    const void *key;  /* host byte order */
    const void *last; /* tables of ranges: the last key; NULL: a range of one key */
    const void *value;
    size_t size;
} ikv_mpi_pair;

/* Continue a build that was interrupted: shards that are whole are kept. The input, the options and
 * `fingerprint` must be the same; the number of ranks may differ. */
#define IKV_MPI_BUILD_RESUME 1u

typedef struct ikv_mpi_build_options {
    size_t size;
    const ikv_writer_options *writer; /* of each shard; mandatory for key_type. Not with
                                         IKV_WRITE_PLAIN or IKV_OVERLAP_INNERMOST. store_id is that
                                         of the table, of which those of shards are derived. memory
                                         is the limit of each rank, at least 16 MiB, with ranges 32
                                         MiB: half of it is used for sorting, a quarter for
                                         exchanging pairs. A pair that is larger than that takes
                                         more. temp_dir holds the sorted pairs of a rank; NULL: the
                                         table's directory. on_progress is called on each rank, also
                             with the phase "exchange": pairs that the rank passed on */
    uint32_t shards;                  /* 0: one for each rank. At most 65536 */
    uint32_t flags;                   /* IKV_MPI_BUILD_* */
    uint64_t fingerprint; /* of the input, for IKV_MPI_BUILD_RESUME; chosen by the caller. The same
                             on all ranks */
    const char *hosts;    /* as in ikv_mpi_open_options: which rank writes how many shards */
} ikv_mpi_build_options;
#define IKV_MPI_BUILD_OPTIONS_INIT IKV_OPTIONS_INIT_(ikv_mpi_build_options)

/* What one rank did, except for the first four, which are the same on all ranks. */
typedef struct ikv_mpi_build_stats {
    uint64_t pairs;                 /* in the table */
    uint64_t dropped;               /* duplicates dropped */
    uint64_t file_size;             /* of all shards */
    uint64_t kept_shards;           /* found whole by IKV_MPI_BUILD_RESUME */
    uint64_t read;                  /* pairs that `next` supplied on this rank */
    uint64_t sent;                  /* pairs that other ranks wrote */
    uint64_t received;              /* pairs from all ranks, itself included */
    uint64_t written;               /* pairs in the shards that this rank wrote */
    uint32_t shards;                /* that this rank wrote */
    uint32_t largest_rank_permille; /* pairs of the rank that wrote most, in thousandths of an equal
                                       share; the same on all ranks */
    uint64_t rounds;                /* of the exchange; the same on all ranks */
    uint64_t collectives;           /* likewise */
    uint64_t messages;              /* to other ranks */
    uint64_t pair_bytes;   /* sent to other ranks: key, 4 bytes and value, with ranges two keys */
    uint64_t sorted_bytes; /* of the temporary store with the sorted pairs of this rank */
    double read_seconds;   /* reading and sorting the input */
    double exchange_seconds;
    double write_seconds;
} ikv_mpi_build_stats;

/*
 * Build a table in directory `path`, which is created if it does not exist, from the pairs that
 * `next` supplies on each rank. `next` returns 1 after setting *pair, 0 at the end, or a negative
 * code, which ends the build. What *pair points to must stay valid until the next call.
 *
 * Each rank sorts its pairs, with their values, in a temporary store. A sample of the keys decides
 * where shards begin, so that they have about the same number of keys. Then ranks exchange pairs in
 * rounds of bounded size, and write their shards in key order. Of equal keys on several ranks,
 * IKV_DUPLICATES_FIRST keeps the one of the lowest rank and LAST that of the highest one; on one
 * rank they are in the order of `next`. So the pairs of rank 0 come first in the order of input.
 *
 * The table is published when its shards are complete, by renaming the manifest; until then, and
 * after an error, `path` holds the old table. Shards of the old table are then removed. Rank 0
 * holds a lock of the directory (fcntl, on the file .ikv-lock) until the table is published: a
 * build of the same directory by another process is refused with -EBUSY, unless the file system has
 * no locks. What an interrupted build left is removed by the next one without IKV_MPI_BUILD_RESUME.
 * The same pairs in the same order, the same options and store_id give the same files, whatever the
 * number of ranks, if `shards` is set.
 *
 * Errors: those of a writer; IKV_E_UNSUPPORTED (see options); IKV_E_VALUE_TOO_LARGE (more than
 * 1 GiB); IKV_E_STATE (nothing to resume); -EBUSY (another command is writing this table);
 * IKV_E_INVALID (also: options differ between ranks, or store_id begins with the same 8 bytes as
 * that of the table in place, which are in the names of its shards); IKV_E_NOT_STORE,
 * IKV_E_VERSION, IKV_E_HEADER (`path` has a manifest that can't be read: remove it first).
 */
typedef int (*ikv_mpi_next_fn)(void *user, ikv_mpi_pair *pair);
IKV_API IKV_NODISCARD int ikv_mpi_build(MPI_Comm comm, const char *path,
                                        const ikv_mpi_build_options *options, ikv_mpi_next_fn next,
                                        void *user, ikv_mpi_build_stats *ret_stats, ikv_error *err);

#ifdef __cplusplus
}
#endif
#endif /* INDEXKV_MPI_H */
