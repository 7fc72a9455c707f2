#include "core/format/checksum.h"

#include <errno.h>
#include <stdlib.h>

/* Inlined: a call into the shared library takes as long as hashing a small value. */
#define XXH_INLINE_ALL
#include <xxhash.h>

struct ikv_checksum_stream {
    XXH3_state_t *state;
};

uint64_t ikv_checksum(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

uint64_t ikv_checksum_seeded(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}

uint64_t ikv_record_seed(const unsigned char store_id[16])
{
    return XXH3_64bits(store_id, 16);
}

uint32_t ikv_record_checksum(uint64_t record_seed, const void *stored_key, size_t key_width,
                             const void *value, size_t value_size)
{
    uint64_t seed = XXH3_64bits_withSeed(stored_key, key_width, record_seed);
    return (uint32_t)XXH3_64bits_withSeed(value, value_size, seed);
}

int ikv_checksum_stream_new(struct ikv_checksum_stream **ret)
{
    struct ikv_checksum_stream *stream = malloc(sizeof *stream);
    if (!stream)
        return -ENOMEM;
    stream->state = XXH3_createState();
    if (!stream->state) {
        free(stream);
        return -ENOMEM;
    }
    ikv_checksum_stream_reset(stream);
    *ret = stream;
    return 0;
}

void ikv_checksum_stream_free(struct ikv_checksum_stream *stream)
{
    if (!stream)
        return;
    XXH3_freeState(stream->state);
    free(stream);
}

/* These XXH3 functions can't fail on a valid state. */

void ikv_checksum_stream_reset(struct ikv_checksum_stream *stream)
{
    (void)XXH3_64bits_reset(stream->state);
}

void ikv_checksum_stream_reset_record(struct ikv_checksum_stream *stream, uint64_t record_seed,
                                      const void *stored_key, size_t key_width)
{
    uint64_t seed = XXH3_64bits_withSeed(stored_key, key_width, record_seed);
    (void)XXH3_64bits_reset_withSeed(stream->state, seed);
}

void ikv_checksum_stream_add(struct ikv_checksum_stream *stream, const void *bytes, size_t size)
{
    (void)XXH3_64bits_update(stream->state, bytes, size);
}

uint64_t ikv_checksum_stream_value(const struct ikv_checksum_stream *stream)
{
    return XXH3_64bits_digest(stream->state);
}
