/*
 * The unfinished file of a download, PATH.partial: the first `done` bytes of the object, then any
 * of those after them, then at the offset of the object's end a state of 64 bytes that says what is
 * in it. A later download of the same object continues there, in another process, too.
 */
#ifndef IKV_PARTIAL_H
#define IKV_PARTIAL_H

#include "core/output/target.h"

struct ikv_partial {
    struct ikv_target target; /* of the finished file */
    char *path;
    int fd;
    uint64_t size;     /* of the object */
    uint64_t identity; /* of its state; 0: not known */
    uint64_t done;
    uint64_t saved; /* `done` as the file's state has it */
};

#define IKV_NO_PARTIAL ((struct ikv_partial){.target = {.dir_fd = -1}, .fd = -1})

/* Open it, or create it; `done` is what earlier downloads of this object left. It is locked until
 * it is closed; -EBUSY: another process or thread has it. On failure nothing is left to close. */
int ikv_partial_open(struct ikv_partial *partial, const char *path, uint64_t size,
                     uint64_t identity, ikv_error *err);
/* Sync the first `done` bytes, then write the state. -errno */
int ikv_partial_save(struct ikv_partial *partial);
/* All is done: remove the state, and sync the file. -errno */
int ikv_partial_end(struct ikv_partial *partial);
void ikv_partial_close(struct ikv_partial *partial);

#endif
