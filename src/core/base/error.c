#include "core/base/error.h"
#include "core/platform/platform.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS_SIZE_MAX 4096 /* a greater `size` was not initialised */

int ikv_version_number(void)
{
    return IKV_VERSION_NUMBER;
}

const char *ikv_version(void)
{
    return IKV_VERSION_STRING;
}

const char *ikv_strerror(int code)
{
    switch (code) {
    case IKV_OK:
        return "success";
    case IKV_E_INVALID:
        return "invalid argument";
    case IKV_E_NOT_FOUND:
        return "key not found";
    case IKV_E_END:
        return "no more items";
    case IKV_E_CANCELED:
        return "canceled";
    case IKV_E_STATE:
        return "not allowed in this state, or from this thread";
    case IKV_E_UNSUPPORTED:
        return "not supported";
    case IKV_E_KEY_SYNTAX:
        return "not a key of this type";
    case IKV_E_KEY_RANGE:
        return "number outside the range of the key type";
    case IKV_E_DUPLICATE:
        return "duplicate key";
    case IKV_E_OVERLAP:
        return "overlapping ranges";
    case IKV_E_VALUE_SIZE:
        return "wrong value size";
    case IKV_E_VALUE_TOO_LARGE:
        return "value too large";
    case IKV_E_NOT_STORE:
        return "not an indexkv store";
    case IKV_E_VERSION:
        return "unknown format version";
    case IKV_E_INCOMPLETE:
        return "incomplete store: writing was never finished";
    case IKV_E_TRUNCATED:
        return "truncated store";
    case IKV_E_NOT_REGULAR:
        return "not a regular file";
    case IKV_E_KEY_TYPE_MISSING:
        return "key type missing: the file does not record it";
    case IKV_E_KEY_TYPE_MISMATCH:
        return "wrong key type";
    case IKV_E_STRIDE:
        return "index stride can't be determined from the file";
    case IKV_E_CHANGED:
        return "the object was replaced while it was open";
    case IKV_E_REMOTE:
        return "the server did not deliver the object";
    case IKV_E_HEADER:
        return "damaged header";
    case IKV_E_FOOTER:
        return "damaged or missing footer";
    case IKV_E_SECTION:
        return "damaged trailer section";
    case IKV_E_INDEX:
        return "damaged index";
    case IKV_E_RECORD:
        return "damaged record";
    case IKV_E_PADDING:
        return "padding is not zero";
    case IKV_E_DURABILITY:
        return "published, but durability is unknown: the directory could not be synced";
    default:
        break;
    }
    const char *text = code < 0 && code > -1000 ? IKV_ERRNO_TEXT(-code) : NULL;
    return text ? text : "unknown error code";
}

/* Append to a bounded text; what does not fit is cut off. */
static void append(char *text, size_t size, size_t *length, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void append_list(char *text, size_t size, size_t *length, const char *format, va_list args)
{
    if (*length + 1 >= size)
        return;
    int n = vsnprintf(text + *length, size - *length, format, args);
    if (n > 0)
        *length += (size_t)n < size - *length ? (size_t)n : size - *length - 1;
}

static void append(char *text, size_t size, size_t *length, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append_list(text, size, length, format, args);
    va_end(args);
}

static void set_file(ikv_error *err, const char *file)
{
    size_t length = strlen(file);
    const size_t room = sizeof err->file - 1;

    if (length <= room)
        memcpy(err->file, file, length + 1);
    else
        (void)snprintf(err->file, sizeof err->file, "...%s", file + (length - (room - 3)));
}

int ikv_fail(ikv_error *err, int code, struct ikv_where where, const char *format, ...)
{
    if (!err)
        return code;
    memset(err, 0, sizeof *err);
    err->code = code;
    err->offset = where.offset;

    const size_t size = sizeof err->message;
    size_t length = 0;
    if (where.file) {
        set_file(err, where.file);
        append(err->message, size, &length, "%s: ", err->file);
    }
    va_list args;
    va_start(args, format);
    size_t before = length;
    append_list(err->message, size, &length, format, args);
    va_end(args);
    append(err->message, size, &length, "%s%s", length > before ? ": " : "", ikv_strerror(code));
    if (where.offset != IKV_NO_OFFSET)
        append(err->message, size, &length, " (at offset %llu)", (unsigned long long)where.offset);

    size_t width = ikv_key_width(where.key_type);
    if (where.key && width) {
        char text[IKV_KEY_TEXT_MAX];
        err->key_type = where.key_type;
        memcpy(err->key, where.key, width);
        if (ikv_key_format(where.key_type, IKV_SYNTAX_AUTO, where.key, text, sizeof text) > 0)
            append(err->message, size, &length, " (key %s)", text);
    }
    return code;
}

int ikv_options_copy(void *known, size_t known_size, const void *options, ikv_error *err)
{
    memset(known, 0, known_size);
    if (options) {
        size_t size;
        memcpy(&size, options, sizeof size);
        if (size < sizeof size || size > OPTIONS_SIZE_MAX)
            return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "options: size is not set");
        const unsigned char *bytes = options;
        for (size_t i = known_size; i < size; i++) {
            if (bytes[i] != 0)
                return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE,
                                "options: a field that this version does not know is set");
        }
        memcpy(known, options, size < known_size ? size : known_size);
    }
    memcpy(known, &known_size, sizeof known_size);
    return 0;
}
