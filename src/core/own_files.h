/*
 * Descriptors for threads that read one file at the same time. Each read through a descriptor
 * counts itself in the open file behind it, and if threads share that, its counter goes back and
 * forth between their processors: 8 % of what a read from the page cache takes. So each but the
 * first opens the file once more.
 */
#ifndef IKV_OWN_FILES_H
#define IKV_OWN_FILES_H

#include "io.h"

#include <stdatomic.h>

#define IKV_OWN_FILES 15

/* All zero: none is open. */
struct ikv_own_files {
    struct ikv_own_file {
        struct ikv_io_file file;
        atomic_int state; /* enum in own_files.c */
    } files[IKV_OWN_FILES];
};

/* The file that thread `number` reads `shared` through: `shared` itself for number 0, and where it
 * can't be opened again. By any thread. */
const struct ikv_io_file *ikv_own_file(struct ikv_own_files *own, const struct ikv_io_file *shared,
                                       unsigned number);
/* Nobody reads any more. */
void ikv_own_files_close(struct ikv_own_files *own);

#endif
