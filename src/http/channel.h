/* Reads of whole buffers, for opening, scans and verification: some of the object's idle
 * connections, and what they have read ahead. */
#ifndef IKV_HTTP_CHANNEL_H
#define IKV_HTTP_CHANNEL_H

#include "http/object.h"

/* Bytes of a request, and requests at a time. */
#define IKV_HTTP_PIECE  ((uint32_t)1 << 20)
#define IKV_HTTP_PIECES 8

/* Connections for reads of whole buffers, used by one thread at a time, and what was read ahead. */
struct ikv_http_channel {
    struct ikv_http_channel *next;
    struct ikv_io *io;
    unsigned char *ahead; /* [begin, end) of the object */
    uint64_t begin;
    uint64_t end;
    uint64_t wanted_begin; /* of the last hint */
    uint64_t wanted_end;
};

struct ikv_http_channel *ikv_http_channel_new(void); /* NULL: no memory */
void ikv_http_channel_free(struct ikv_http_channel *channel);

struct ikv_io_request ikv_http_request_of(const struct ikv_io_file *file, void *buf,
                                          uint64_t offset, uint32_t size);
/* Execute some requests. The first failure counts. `retries` may be NULL. */
int ikv_http_execute(struct ikv_io *io, struct ikv_io_request *requests, unsigned count,
                     uint64_t *retries);

/* As in ikv_source_type. */
int ikv_http_read(struct ikv_source *base, void *buf, size_t size, uint64_t offset,
                  uint64_t *retries);
void ikv_http_will_read(struct ikv_source *base, uint64_t offset, uint64_t size);

#endif
