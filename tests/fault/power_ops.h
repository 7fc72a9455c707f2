/* Recorded operations, which the recorder (power_log.c) passes to the simulator (power_loss.c). */
#ifndef IKV_TESTS_POWER_OPS_H
#define IKV_TESTS_POWER_OPS_H

#include <stddef.h>
#include <stdint.h>

#define POWER_FILES_MAX 16
#define POWER_NAME_MAX  128
#define POWER_OLD_FILE  0 /* number of the file at the path before the build */

typedef enum disk_op_kind {
    DISK_CREATE,    /* `name` is the name of the new file `file` */
    DISK_WRITE,     /* data[0..size) at `offset` */
    DISK_RESIZE,    /* to `offset` bytes */
    DISK_RENAME,    /* `file` from `name` to `to` */
    DISK_UNLINK,    /* `name` */
    DISK_SYNC_FILE, /* a successful fsync of `file` */
    DISK_SYNC_NAMES /* a successful fsync of the directory */
} disk_op_kind;

typedef struct disk_op {
    disk_op_kind kind;
    size_t file;
    uint64_t offset;
    size_t size;
    unsigned char *data;
    char name[POWER_NAME_MAX];
    char to[POWER_NAME_MAX];
} disk_op;

/* A name and its file. */
typedef struct disk_name {
    char name[POWER_NAME_MAX];
    size_t file;
} disk_name;

typedef struct disk_names {
    size_t count;
    disk_name list[POWER_FILES_MAX];
} disk_names;

#define POWER_NO_FILE SIZE_MAX

size_t disk_names_find(const disk_names *names, const char *name); /* POWER_NO_FILE: none */
void disk_names_set(disk_names *names, const char *name, size_t file);
void disk_names_remove(disk_names *names, const char *name);
/* Applies a DISK_CREATE, DISK_RENAME or DISK_UNLINK. */
void disk_names_apply(disk_names *names, const disk_op *op);

#define POWER_FDS_MAX      256
#define POWER_FD_OTHER     (-1)
#define POWER_FD_DIRECTORY (-2)

struct power_log {
    char name[POWER_NAME_MAX];
    const unsigned char *old_image;
    size_t old_size;
    size_t files;
    disk_names names;       /* as the program sees them */
    int fds[POWER_FDS_MAX]; /* file of each descriptor, or POWER_FD_* */
    disk_op *ops;
    size_t op_count;
    size_t op_room;
};

#endif
