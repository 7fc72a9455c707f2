/* Filling in an ikv_error, and checking option structs. */
#ifndef IKV_ERROR_H
#define IKV_ERROR_H

#include "indexkv.h"

/* Where an error occurred; any part may be absent. */
struct ikv_where {
    const char *file;      /* NULL: none */
    uint64_t offset;       /* IKV_NO_OFFSET: none */
    ikv_key_type key_type; /* IKV_KEY_NONE: no key */
    const void *key;       /* host byte order */
};

#define IKV_NOWHERE                ((struct ikv_where){NULL, IKV_NO_OFFSET, IKV_KEY_NONE, NULL})
#define IKV_AT_FILE(path)          ((struct ikv_where){(path), IKV_NO_OFFSET, IKV_KEY_NONE, NULL})
#define IKV_AT_OFFSET(path, where) ((struct ikv_where){(path), (where), IKV_KEY_NONE, NULL})

/*
 * Fill in *err (NULL is allowed) and return `code`, so that a failure is one return statement.
 * The message reads "FILE: TEXT: MEANING OF CODE [at offset N] [key K]".
 */
int ikv_fail(ikv_error *err, int code, struct ikv_where where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Copy an option struct into *known. Its `size` is the size of the caller's version: fields that
 * the caller does not know become zero, fields that this version does not know must be zero. NULL:
 * all zero. */
int ikv_options_copy(void *known, size_t known_size, const void *options, ikv_error *err);

#endif
