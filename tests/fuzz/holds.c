#include "holds.h"

#include "hostkey.h"
#include "trailer_edit.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define HEADER_SIZE 24
#define FOOTER_SIZE 96

void held_file_set(held_file *ret, const uint8_t *bytes, size_t size, const ikv_info *info)
{
    *ret = (held_file){
        .bytes = bytes,
        .size = size,
        .type = info->key_type,
        .stride = info->stride,
        .is_native = info->has_trailer,
    };
    if (ret->is_native && size >= FOOTER_SIZE)
        ret->seed = XXH3_64bits(bytes + size - FOOTER_SIZE + 32, 16);
}

/* Whether the value is in the file, followed by these bytes. */
static int is_somewhere(const held_file *file, const uint8_t *value, size_t size,
                        const uint8_t *after, size_t after_size)
{
    const uint8_t *from = file->bytes;
    const uint8_t *end = file->bytes + file->size;

    while ((size_t)(end - from) >= size + after_size) {
        const int first = size > 0 ? value[0] : after[0];
        const uint8_t *at = memchr(from, first, (size_t)(end - from) - size - after_size + 1);
        if (at == NULL)
            return 0;
        if ((size == 0 || memcmp(at, value, size) == 0) &&
            memcmp(at + size, after, after_size) == 0)
            return 1;
        from = at + 1;
    }
    return 0;
}

static int native_holds(const held_file *file, const void *key, const void *value, uint32_t size)
{
    unsigned char stored[IKV_KEY_WIDTH_MAX];
    unsigned char checksum[4];

    hostkey_to_file(file->type, key, stored);
    const uint64_t seed = XXH3_64bits_withSeed(stored, hostkey_width(file->type), file->seed);
    edit_store(checksum, 4, XXH3_64bits_withSeed(value, size, seed) & 0xffffffffu);
    return is_somewhere(file, value, size, checksum, sizeof(checksum));
}

static int plain_holds(const held_file *file, const void *key, const void *value, uint32_t size)
{
    const uint64_t count = edit_load(file->bytes + 3, 8);
    const uint64_t start = edit_load(file->bytes + 11, 8);
    const size_t width = hostkey_width(file->type);
    unsigned char stored[IKV_KEY_WIDTH_MAX];

    hostkey_to_file(file->type, key, stored);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t at = start + i * file->stride;
        if (at > file->size || file->size - at < file->stride)
            return 0;
        if (memcmp(file->bytes + at, stored, width) != 0)
            continue;
        const uint64_t position = edit_load(file->bytes + at + width, 8);
        if (position <= start && start - position >= 4 && position >= HEADER_SIZE &&
            edit_load(file->bytes + position, 4) == size && size <= start - position - 4 &&
            (size == 0 || memcmp(file->bytes + position + 4, value, size) == 0))
            return 1;
    }
    return 0;
}

int file_holds(const held_file *file, const void *key, const void *value, uint32_t size)
{
    if (key == NULL)
        return size == 0 || is_somewhere(file, value, size, (const uint8_t *)"", 0);
    if (file->is_native)
        return native_holds(file, key, value, size);
    return plain_holds(file, key, value, size);
}
