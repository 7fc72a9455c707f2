/* Copies of the shards of a table in other directories. */
#ifndef REPLICAS_H
#define REPLICAS_H

#include "base/progress.h"
#include "shards/manifest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replicas {
    struct ikv_manifest *manifest;
    const char *dir; /* of the copies, absolute */
    bool first;      /* new copies are tried first */
    struct progress *progress;
    uint64_t bytes; /* copied so far, of total */
    uint64_t total;
    size_t copied, removed; /* shards */
};

/* Copy a shard to `dir`, verify the copy, and list it in the manifest, unless it is there. Returns
 * an exit status, after reporting, or STATUS_INTERRUPTED. */
int replicas_copy(struct replicas *replicas, size_t shard);

/* Take the copy of a shard in `dir`, if there is one, from the manifest. *ret_path is its file, to
 * be removed when the manifest is published, or NULL. Free it. */
int replicas_remove(struct replicas *replicas, size_t shard, char **ret_path);

/* Publish the manifest, unless the one in place is no longer the one that was read. Returns an exit
 * status. */
int replicas_publish(const struct replicas *replicas);

#endif
