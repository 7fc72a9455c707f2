/*
 * The table of registered files: the kernel keeps a reference to each, so a read need not look the
 * descriptor up. A slot belongs to one file, named by (descriptor, serial), since descriptors'
 * numbers come back. Files that find no slot are read through their descriptors.
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
    uint64_t used_at; /* clock of the last use */
    int fd;           /* -1: the slot is empty */
    unsigned uses;    /* requests under way that name the slot */
    bool forgotten;   /* to be emptied when `uses` gets to 0 */
};

struct ikv_file_table {
    struct ikv_ring *ring;
    uint64_t clock; /* requests so far */
    int last;       /* slot of the last request: mostly the next one's too */
    bool registered;
    struct ikv_file_slot slots[IKV_FILE_SLOTS];
};

/* Register an empty table, unless the ring's features leave it out. A refusal leaves the table
 * unregistered: no file finds a slot then. */
void ikv_file_table_open(struct ikv_file_table *table, struct ikv_ring *ring);
/* Nothing is in flight. The ring must be open still. */
void ikv_file_table_close(struct ikv_file_table *table);

/* The slot for one more request on the file, or IKV_NO_SLOT. */
int ikv_file_table_take(struct ikv_file_table *table, const struct ikv_io_file *file);
/* The request is finished. IKV_NO_SLOT is allowed. */
void ikv_file_table_release(struct ikv_file_table *table, int slot);
/* Let go of the file, at once or when its last request is finished. */
void ikv_file_table_forget(struct ikv_file_table *table, const struct ikv_io_file *file);

#endif
