/* The journal of a build over MPI that was interrupted: what one that resumes it must know. */
#ifndef IKV_SHARDS_JOURNAL_H
#define IKV_SHARDS_JOURNAL_H

#include "shards/manifest.h"

#define IKV_JOURNAL_NAME ".ikv-building"

struct ikv_journal {
    unsigned char id[16]; /* of the table */
    uint64_t fingerprint; /* of options and input */
    ikv_key_type key_type;
    size_t shards;
    unsigned char *splitters; /* the first keys of shards 1, 2, ... */
};

int ikv_journal_write(const char *dir, const struct ikv_journal *journal, ikv_error *err);

/* Set id and splitters, which has room for shards - 1 keys. IKV_E_STATE: there is no journal, or it
 * is of a build with another fingerprint, key type or number of shards. */
int ikv_journal_read(const char *dir, struct ikv_journal *journal, ikv_error *err);

/* Remove it, if there is one, and the shards of its build, unless the table in place (NULL: none)
 * lists such files: then it was left by the build of that table. The caller has the lock of the
 * table. */
void ikv_journal_remove(const char *dir, const struct ikv_manifest *old);

#endif
