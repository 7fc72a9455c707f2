/*
 * What a file holds by FORMAT.md, whether it is sound or not: the oracle of values that the library
 * found in it. Shares no code with the library.
 */
#ifndef FUZZ_HOLDS_H
#define FUZZ_HOLDS_H

#include "indexkv.h"

#include <stddef.h>
#include <stdint.h>

typedef struct held_file {
    const uint8_t *bytes;
    size_t size;
    ikv_key_type type;
    uint64_t stride;
    int is_native;
    uint64_t seed; /* of records of a native store */
} held_file;

void held_file_set(held_file *ret, const uint8_t *bytes, size_t size, const ikv_info *info);

/*
 * Whether the file holds this pair. In a native store: some bytes are the value, followed by the
 * checksum of a record with this key in this store (section 6). In a plain file: an entry has this
 * key, and the position of a record with this value (sections 2 and 3). The key is in host byte
 * order; NULL: any (values of a scan in storage order).
 */
int file_holds(const held_file *file, const void *key, const void *value, uint32_t size);

#endif
