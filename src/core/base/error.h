/* Filling in an ikv_error. */
#ifndef IKV_ERROR_H
#define IKV_ERROR_H

#include "indexkv.h"

/* What an error is about; any part may be absent. */
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
 * Fill *err (NULL is allowed) and return `code`, so that a failure is one return statement.
 * The message reads "FILE: TEXT: MEANING OF CODE [at offset N] [key K]".
 */
int ikv_fail(ikv_error *err, int code, struct ikv_where where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Option structs: `size` says what the caller knows. Copies the caller's struct over *known, whose
 * defaults are zero; bytes beyond `known_size` must be zero. NULL options: all zero. */
int ikv_options_copy(void *known, size_t known_size, const void *options, ikv_error *err);

#endif
