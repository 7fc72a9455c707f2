/* The path at which a finished file will appear: its directory, held open, and its name there. */
#ifndef IKV_TARGET_H
#define IKV_TARGET_H

#include "core/base/error.h"

struct ikv_target {
    int dir_fd;
    char *path;       /* as passed by the caller, for messages */
    char *dir;        /* directory part */
    const char *name; /* last part, inside `path` */
};

#define IKV_NO_TARGET ((struct ikv_target){.dir_fd = -1})

/* Fails if a file can't be created or replaced there. On failure nothing is left to close. */
int ikv_target_open(struct ikv_target *target, const char *path, ikv_error *err);
/* Rename a synced file of the same directory to the target, and sync the directory. 0; -errno: the
 * path is unchanged; IKV_E_DURABILITY: renamed, but the directory could not be synced. */
int ikv_target_publish(const struct ikv_target *target, const char *temp_name, ikv_error *err);
void ikv_target_close(struct ikv_target *target);

#endif
