/*
 * The ordered form of a key: `width` bytes that memcmp orders, the most significant first, with the
 * sign bit of signed keys inverted. As a number, the key's successor is one more.
 */
#ifndef IKV_ORDERED_H
#define IKV_ORDERED_H

#include "core/key/key.h"

/* stored -> ordered, and back. The buffers do not overlap. */
void ikv_ordered_load(const struct ikv_key_info *key, const unsigned char *stored,
                      unsigned char *ordered);
void ikv_ordered_store(const struct ikv_key_info *key, const unsigned char *ordered,
                       unsigned char *stored);

/* The next greater or smaller key. The greatest and the least wrap around. */
void ikv_ordered_next(unsigned char *ordered, uint32_t width);
void ikv_ordered_previous(unsigned char *ordered, uint32_t width);

#endif
