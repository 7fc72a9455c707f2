/*
 * The HTTP backend: the I/O contract (io.h) over range requests, up to half of `depth` of them at a
 * time. Reads near each other share a request. Failed requests are repeated, after pauses that
 * grow. An object belongs to the thread that created it; a forked child must not use it.
 */
#ifndef IKV_HTTP_IO_H
#define IKV_HTTP_IO_H

#include "core/io/io.h"

extern const struct ikv_io_backend ikv_io_http;

/* As the `offset` of a request: the last `length` bytes of the object. */
#define IKV_HTTP_LAST_BYTES UINT64_MAX

#endif
