/* The pread backend: portable POSIX reads, one after another. The reference for all others. */
#ifndef IKV_IO_PREAD_H
#define IKV_IO_PREAD_H

#include "core/io/io.h"

extern const struct ikv_io_backend ikv_io_pread;

#endif
