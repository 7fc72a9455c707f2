/* Where a command writes: to a store, or to a sharded table on this machine. */
#ifndef SPLIT_H
#define SPLIT_H

#include "base/progress.h"
#include "options/writer_options.h"
#include "shards/manifest.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * With `shards` 0 a store is written to its path. A table is made in two steps: all pairs are
 * written to one store, as without --shards, which settles their order and duplicates; then the
 * store is divided, by number of pairs. It is a temporary file in the directory of the table.
 */
struct split {
    struct ikv_manifest *manifest; /* of the new table */
    struct ikv_table_lock *lock;   /* of its directory */
    const char *path;              /* of the store to write: of all pairs, or the only one */
    ikv_writer_options writer;     /* for it */
    ikv_writer_options shard;      /* of each shard */
    uint64_t shards;               /* wanted; 0: no table */
    char *whole;                   /* path of the store of all pairs */
    unsigned char name_id[16];     /* for the names of its files */
    bool created;                  /* the directory is new */
    bool published;
    struct progress *progress;
};

/* Create the directory, if necessary, and check that it may be one of a table. On success a store
 * with split->writer is to be written to split->path. Returns an exit status, after reporting. */
int split_begin(struct split *split, const struct writer_options *options, ikv_key_type type,
                struct progress *progress);

/* When the store is finished: divide it and publish the table; sets stats->file_size to the size of
 * all shards. Returns an exit status, after reporting, or STATUS_INTERRUPTED. */
int split_finish(struct split *split, ikv_build_stats *stats);

/* For a summary: "4 shards, ", or nothing. */
struct split_text {
    char text[32];
};
struct split_text split_text(const struct split *split);

/* Remove what is not part of a published table. */
void split_free(struct split *split);

#endif
