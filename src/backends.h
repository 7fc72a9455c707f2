/* The backends that this build has. */
#ifndef IKV_BACKENDS_H
#define IKV_BACKENDS_H

#include "core/io/source.h"

#include <stdbool.h>

/* The io_uring backend; NULL: not built in. Its objects belong to the threads that created them. */
const struct ikv_io_backend *ikv_io_ring(void);
/* Whether the calling thread can create a ring now: 0; or IKV_E_UNSUPPORTED or -errno, with the
 * reason as one line in `reason`. */
int ikv_io_ring_probe(char *reason, size_t size);
/* The same line for a code that create returned. Returns `reason`. */
const char *ikv_io_ring_explain(int code, char *reason, size_t size);

/* Whether the name of a store is a URL. */
bool ikv_is_url(const char *path);
/* Open the object at a URL. IKV_E_UNSUPPORTED: not built in. */
int ikv_source_open(const char *url, const ikv_http_options *options, struct ikv_source **ret,
                    ikv_error *err);

#endif
