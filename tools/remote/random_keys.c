#include "remote/random_keys.h"

#include <stdbool.h>
#include <string.h>

/* ---------------------------------------------------------------- images */

static bool is_signed(ikv_key_type type)
{
    return type == IKV_KEY_I8 || type == IKV_KEY_I16 || type == IKV_KEY_I32 ||
           type == IKV_KEY_I64 || type == IKV_KEY_I128;
}

static bool is_integer(ikv_key_type type)
{
    return is_signed(type) || type == IKV_KEY_U8 || type == IKV_KEY_U16 || type == IKV_KEY_U32 ||
           type == IKV_KEY_U64 || type == IKV_KEY_U128;
}

/* Between a key in host byte order and its image, which memcmp orders like the key: the same in
 * both directions but for the sign. */
static void reverse(const struct random_keys *keys, unsigned char *bytes)
{
    static const uint16_t one = 1;
    if (!is_integer(keys->type) || *(const unsigned char *)&one == 0)
        return;
    for (uint32_t i = 0; i < keys->width / 2; i++) {
        const unsigned char byte = bytes[i];
        bytes[i] = bytes[keys->width - 1 - i];
        bytes[keys->width - 1 - i] = byte;
    }
}

static void to_host(const struct random_keys *keys, unsigned char *image)
{
    if (is_signed(keys->type))
        image[0] ^= 0x80;
    reverse(keys, image);
}

static uint64_t leading_bits(const struct random_keys *keys, const void *key)
{
    unsigned char image[IKV_KEY_WIDTH_MAX] = {0};
    uint64_t bits = 0;
    memcpy(image, key, keys->width);
    reverse(keys, image);
    if (is_signed(keys->type))
        image[0] ^= 0x80;
    for (unsigned i = 0; i < 8; i++)
        bits = bits << 8 | image[i];
    return bits;
}

/* ---------------------------------------------------------------- drawing */

static int find_end(struct random_keys *keys, ikv_store *store, ikv_result *result, ikv_match match,
                    uint64_t *ret_bits, ikv_error *err)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    unsigned char key[IKV_KEY_WIDTH_MAX];
    memset(key, match == IKV_CEILING ? 0 : 0xff, sizeof key);
    to_host(keys, key);
    options.match = match;
    const int code = ikv_get(store, key, &options, result, err);
    if (code == 0)
        *ret_bits = leading_bits(keys, ikv_result_items(result)[0].key);
    return code;
}

int random_keys_init(struct random_keys *keys, ikv_store *store, uint64_t seed, ikv_error *err)
{
    ikv_result *result = NULL;
    ikv_info info;
    ikv_store_info(store, &info);
    *keys = (struct random_keys){.type = info.key_type, .width = info.key_width, .state = seed};
    int code = ikv_result_new(&result);
    if (code == 0)
        code = find_end(keys, store, result, IKV_CEILING, &keys->first, err);
    if (code == 0)
        code = find_end(keys, store, result, IKV_FLOOR, &keys->last, err);
    ikv_result_free(result);
    return code;
}

/* splitmix64 */
static uint64_t next(struct random_keys *keys)
{
    uint64_t x = keys->state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

void random_keys_draw(struct random_keys *keys, unsigned char *to, size_t count)
{
    const uint64_t span = keys->last - keys->first;
    for (size_t i = 0; i < count; i++, to += keys->width) {
        const uint64_t random = next(keys);
        uint64_t bits = keys->first + (span == UINT64_MAX ? random : random % (span + 1));
        unsigned char image[IKV_KEY_WIDTH_MAX] = {0};
        for (uint32_t k = 0; k < keys->width; k++) {
            if (k % 8 == 0 && k > 0)
                bits = next(keys);
            image[k] = (unsigned char)(bits >> (56 - k % 8 * 8));
        }
        to_host(keys, image);
        memcpy(to, image, keys->width);
    }
}
