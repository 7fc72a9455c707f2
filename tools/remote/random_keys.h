/* Random keys between the first and the last key of a store. */
#ifndef REMOTE_RANDOM_KEYS_H
#define REMOTE_RANDOM_KEYS_H

#include <indexkv.h>
#include <stdint.h>

struct random_keys {
    ikv_key_type type;
    uint32_t width;
    uint64_t first; /* the leading 64 bits of the keys, as numbers in their order */
    uint64_t last;
    uint64_t state;
};

/* Looks up the first and the last key. Returns the code of a failed lookup; IKV_E_NOT_FOUND: the
 * store is empty. */
int random_keys_init(struct random_keys *keys, ikv_store *store, uint64_t seed, ikv_error *err);
/* Writes `count` keys in host byte order. */
void random_keys_draw(struct random_keys *keys, unsigned char *to, size_t count);

#endif
