/*
 * One descriptor per thread for threads that read the same file. Each read updates a reference
 * count and the readahead state in the kernel's open file. If threads share it, that cache line
 * moves between their processors, which costs 8 % of a read from the page cache and 4 % of one
 * through a ring. So every thread but the first opens the file again.
 */
#ifndef IKV_OWN_FILES_H
#define IKV_OWN_FILES_H

#include "core/io/io.h"

#include <stdatomic.h>

#define IKV_OWN_FILES 15

/* All zero: no file is open. */
struct ikv_own_files {
    struct ikv_own_file {
        struct ikv_io_file file;
        atomic_int state; /* enum in own_files.c */
    } files[IKV_OWN_FILES];
};

/* The file through which thread `number` reads `shared`: opened on the first call; `shared` itself
 * for number 0 or if opening fails. May be called by any thread. */
const struct ikv_io_file *ikv_own_file(struct ikv_own_files *own, const struct ikv_io_file *shared,
                                       unsigned number);
/* The same file if it is open already; otherwise NULL. */
const struct ikv_io_file *ikv_own_file_if_open(const struct ikv_own_files *own, unsigned number);
/* No reads may be in flight. */
void ikv_own_files_close(struct ikv_own_files *own);

#endif
