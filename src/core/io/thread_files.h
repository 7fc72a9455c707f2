/*
 * One descriptor per thread for threads that read the same file. Each read updates a reference
 * count and the readahead state in the kernel's open file. If threads share it, that cache line
 * moves between their processors, which costs 8 % of a read from the page cache and 4 % of one
 * through a ring. So every thread but the first opens the file again.
 */
#ifndef IKV_THREAD_FILES_H
#define IKV_THREAD_FILES_H

#include "core/io/io.h"

#include <stdatomic.h>

#define IKV_THREAD_FILES 15

/* All zero: no file is open. */
struct ikv_thread_files {
    struct ikv_thread_file {
        struct ikv_io_file file;
        atomic_int state; /* enum in thread_files.c */
    } threads[IKV_THREAD_FILES];
};

/* The file through which thread `number` reads `shared`: opened on the first call; `shared` itself
 * for number 0 or if opening fails. May be called by any thread. */
const struct ikv_io_file *ikv_thread_file(struct ikv_thread_files *files,
                                          const struct ikv_io_file *shared, unsigned number);
/* The same file if it is open already; otherwise NULL. */
const struct ikv_io_file *ikv_thread_file_if_open(const struct ikv_thread_files *files,
                                                  unsigned number);
/* No reads may be in flight. */
void ikv_thread_files_close(struct ikv_thread_files *files);

#endif
