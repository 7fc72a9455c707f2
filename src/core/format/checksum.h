/* Checksums of the format: XXH3, as specified at https://github.com/Cyan4973/xxHash (doc/). */
#ifndef IKV_CHECKSUM_H
#define IKV_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#define IKV_RECORD_CHECKSUM_SIZE 4

/* XXH3-64 with seed 0: sections, footer, index pages, header. */
uint64_t ikv_checksum(const void *bytes, size_t size);

/* The same with a seed: leaves. */
uint64_t ikv_checksum_seeded(const void *bytes, size_t size, uint64_t seed);

/* The seed of a store's record checksums: XXH3-64 of its 16-byte id. */
uint64_t ikv_record_seed(const unsigned char store_id[16]);

/*
 * Checksum of a record: the low 32 bits of
 *     XXH3-64(value, seed = XXH3-64(key as stored, seed = record seed))
 * so it depends on the store, the key, and the value's bytes and length.
 */
uint32_t ikv_record_checksum(uint64_t record_seed, const void *stored_key, size_t key_width,
                             const void *value, size_t value_size);

/* The same for data that arrives in pieces: values too large to hold in memory twice. */
struct ikv_checksum_stream;
int ikv_checksum_stream_new(struct ikv_checksum_stream **ret);
void ikv_checksum_stream_free(struct ikv_checksum_stream *stream);
void ikv_checksum_stream_reset(struct ikv_checksum_stream *stream);
void ikv_checksum_stream_reset_record(struct ikv_checksum_stream *stream, uint64_t record_seed,
                                      const void *stored_key, size_t key_width);
void ikv_checksum_stream_add(struct ikv_checksum_stream *stream, const void *bytes, size_t size);
uint64_t ikv_checksum_stream_value(const struct ikv_checksum_stream *stream);

#endif
