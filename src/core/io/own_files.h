/*
 * Descriptors for threads that read one file at the same time. Each read through a descriptor
 * counts itself in the open file behind it, and notes there where it ended; if threads share that,
 * it goes back and forth between their processors: 8 % of what a read from the page cache takes,
 * 4 % of one through a ring, which counts no readers. So each but the first opens the file once
 * more.
 */
#ifndef IKV_OWN_FILES_H
#define IKV_OWN_FILES_H

#include "core/io/io.h"

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
/* The same, if it was opened for that thread; NULL: it was not. */
const struct ikv_io_file *ikv_own_file_of(const struct ikv_own_files *own, unsigned number);
/* Nobody reads any more. */
void ikv_own_files_close(struct ikv_own_files *own);

#endif
