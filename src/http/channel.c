#include "http/channel.h"

#include "core/base/bytes.h"

#include <errno.h>
#include <stdlib.h>

/* The rest of a trailer is read at once, up to this size. */
#define TRAILER_MAX    ((uint64_t)64 << 20)
#define AHEAD_MAX      ((uint64_t)8 << 20)
#define CHANNELS_DEPTH (2 * IKV_HTTP_PIECES)

/* ---------------------------------------------------------------- channels */

void ikv_http_channel_free(struct ikv_http_channel *channel)
{
    if (channel->io)
        ikv_io_http.destroy(channel->io);
    free(channel->ahead);
    free(channel);
}

struct ikv_http_channel *ikv_http_channel_new(void)
{
    const struct ikv_io_options options = {.depth = CHANNELS_DEPTH};
    struct ikv_http_channel *channel = calloc(1, sizeof *channel);

    if (channel && ikv_io_http.create(&options, &channel->io) < 0) {
        free(channel);
        channel = NULL;
    }
    return channel;
}

/* An idle channel, if possible one that has read `offset` ahead or was advised to; NULL: no memory.
 * A forked child does not use those of its parent, whose lock may be held for ever. */
static struct ikv_http_channel *take_channel(struct ikv_http_object *source, uint64_t offset)
{
    struct ikv_http_channel **best = NULL;
    struct ikv_http_channel *channel = NULL;

    if (ikv_process_is_forked(&source->process))
        return ikv_http_channel_new();
    (void)pthread_mutex_lock(&source->lock);
    for (struct ikv_http_channel **at = &source->idle; *at; at = &(*at)->next) {
        const bool fits = (offset >= (*at)->begin && offset < (*at)->end) ||
                          offset == (*at)->wanted_begin || offset == (*at)->end;
        if (!best || fits)
            best = at;
        if (fits)
            break;
    }
    if (best) {
        channel = *best;
        *best = channel->next;
    }
    (void)pthread_mutex_unlock(&source->lock);
    return channel ? channel : ikv_http_channel_new();
}

static void put_channel(struct ikv_http_object *source, struct ikv_http_channel *channel)
{
    if (ikv_process_is_forked(&source->process)) {
        ikv_http_channel_free(channel);
        return;
    }
    (void)pthread_mutex_lock(&source->lock);
    channel->next = source->idle;
    source->idle = channel;
    (void)pthread_mutex_unlock(&source->lock);
}

/* ---------------------------------------------------------------- reads of whole buffers */

struct ikv_io_request ikv_http_request_of(const struct ikv_io_file *file, void *buf,
                                          uint64_t offset, uint32_t size)
{
    return (struct ikv_io_request){
        .file = file, .offset = offset, .length = size, .need = size, .buffer = buf};
}

int ikv_http_execute(struct ikv_io *io, struct ikv_io_request *requests, unsigned count,
                     uint64_t *retries)
{
    const struct ikv_io_request *done;
    int code = 0;

    for (unsigned i = 0; i < count && code == 0; i++)
        code = ikv_io_http.submit(io, &requests[i]);
    while ((done = ikv_io_http.reap(io)) != NULL) {
        if (code == 0)
            code = done->code;
        if (retries)
            *retries += done->retries;
    }
    return code;
}

static int read_pieces(struct ikv_http_object *source, struct ikv_io *io, unsigned char *buf,
                       uint64_t size, uint64_t offset, uint32_t piece, uint64_t *retries)
{
    const struct ikv_io_file file = {.fd = -1, .source = &source->base};
    struct ikv_io_request requests[IKV_HTTP_PIECES];
    int code = 0;

    while (size > 0 && code == 0) {
        unsigned count = 0;
        for (; count < IKV_HTTP_PIECES && size > 0; count++) {
            const uint32_t n = (uint32_t)ikv_min(piece, size);
            requests[count] = ikv_http_request_of(&file, buf, offset, n);
            buf += n;
            offset += n;
            size -= n;
        }
        code = ikv_http_execute(io, requests, count, retries);
    }
    return code;
}

/* Read [offset, offset + size) and what was announced after it, up to a limit. */
static int read_ahead(struct ikv_http_object *source, struct ikv_http_channel *channel, void *buf,
                      size_t size, uint64_t offset, uint64_t *retries)
{
    uint64_t end = offset + size;

    if (channel->wanted_begin == end)
        end = ikv_min(ikv_min(channel->wanted_end, offset + AHEAD_MAX), source->base.size);
    unsigned char *ahead = end - offset > size ? malloc((size_t)(end - offset)) : NULL;
    if (!ahead)
        return read_pieces(source, channel->io, buf, size, offset, IKV_HTTP_PIECE, retries);
    free(channel->ahead);
    channel->ahead = ahead;
    channel->begin = channel->end = 0;
    const int code =
        read_pieces(source, channel->io, ahead, end - offset, offset, IKV_HTTP_PIECE, retries);
    if (code < 0)
        return code;
    channel->begin = offset;
    channel->end = end;
    memcpy(buf, ahead, size);
    return 0;
}

/* Copy from bytes that are held; false: not all of them are. */
static bool copy_held(void *buf, size_t size, uint64_t offset, const unsigned char *held,
                      uint64_t begin, uint64_t end)
{
    if (!held || offset < begin || offset > end || size > end - offset)
        return false;
    memcpy(buf, held + (offset - begin), size);
    return true;
}

/* While the store is being opened, its trailer is read at once: from the first part requested to
 * what is held already. */
static int read_trailer(struct ikv_http_object *source, struct ikv_http_channel *channel, void *buf,
                        size_t size, uint64_t offset)
{
    const uint64_t held_from = source->base.size - source->tail_size;
    uint64_t length = size;

    if (offset + size > held_from && offset < held_from) { /* the rest is held */
        const uint64_t copied = offset + size - held_from;
        memcpy((unsigned char *)buf + (size - copied), source->tail, (size_t)copied);
        size -= (size_t)copied;
        length = size;
    }
    if (offset < held_from)
        length = ikv_max(size, ikv_min(held_from - offset, TRAILER_MAX));
    unsigned char *bytes = malloc((size_t)length);
    if (!bytes)
        return -ENOMEM;
    const int code = read_pieces(source, channel->io, bytes, length, offset, UINT32_MAX, NULL);
    if (code == 0)
        memcpy(buf, bytes, size);
    free(channel->ahead);
    channel->ahead = bytes;
    channel->begin = offset;
    channel->end = code == 0 ? offset + length : offset;
    return code;
}

int ikv_http_read(struct ikv_source *base, void *buf, size_t size, uint64_t offset,
                  uint64_t *retries)
{
    struct ikv_http_object *source = (struct ikv_http_object *)base;
    int code;

    if (size > base->size || offset > base->size - size)
        return IKV_E_TRUNCATED;
    if (copy_held(buf, size, offset, source->head, 0, source->head_size) ||
        copy_held(buf, size, offset, source->tail, base->size - source->tail_size, base->size))
        return 0;
    struct ikv_http_channel *channel = take_channel(source, offset);
    if (!channel)
        return -ENOMEM;
    if (copy_held(buf, size, offset, channel->ahead, channel->begin, channel->end))
        code = 0;
    else if (source->tail)
        code = read_trailer(source, channel, buf, size, offset);
    else
        code = read_ahead(source, channel, buf, size, offset, retries);
    put_channel(source, channel);
    return code;
}

void ikv_http_will_read(struct ikv_source *base, uint64_t offset, uint64_t size)
{
    struct ikv_http_object *source = (struct ikv_http_object *)base;
    struct ikv_http_channel *channel = take_channel(source, offset);

    if (!channel)
        return;
    channel->wanted_begin = offset;
    channel->wanted_end = offset + size;
    put_channel(source, channel);
}
