/*
 * The table of registered files. The kernel holds a reference to each, which saves a read the
 * lookup of the descriptor. A slot belongs to one file, identified by (descriptor, serial), since
 * descriptor numbers are reused. Files without a slot are read through their descriptors.
 */
#ifndef IKV_URING_FILE_TABLE_H
#define IKV_URING_FILE_TABLE_H

#include "core/io/io.h"
#include "iouring/ring.h"

#include <stdbool.h>
#include <stdint.h>

#define IKV_FILE_SLOTS 16
#define IKV_NO_SLOT    (-1)

struct ikv_file_slot {
    uint64_t serial;
    uint64_t used_at;  /* clock of the last use */
    int fd;            /* -1: the slot is empty */
    unsigned uses;     /* requests in flight that use the slot */
    bool unregistered; /* to be emptied when `uses` becomes 0 */
};

struct ikv_file_table {
    struct ikv_ring *ring;
    uint64_t clock; /* requests so far */
    int last;       /* slot of the last request, which is likely to be the next one's */
    bool registered;
    struct ikv_file_slot slots[IKV_FILE_SLOTS];
};

/* Register an empty table, if `wanted` and the ring's features include it. If the kernel refuses,
 * the table remains unregistered and no file gets a slot. */
void ikv_file_table_open(struct ikv_file_table *table, struct ikv_ring *ring, bool wanted);
/* The ring must still be open, with nothing in flight. */
void ikv_file_table_close(struct ikv_file_table *table);

/* The slot to use for a request on the file, or IKV_NO_SLOT. */
int ikv_file_table_take(struct ikv_file_table *table, const struct ikv_io_file *file);
/* The request is finished. IKV_NO_SLOT is allowed. */
void ikv_file_table_release(struct ikv_file_table *table, int slot);
/* Unregister the file, at once or when its last request is finished. */
void ikv_file_table_unregister(struct ikv_file_table *table, const struct ikv_io_file *file);

#endif
