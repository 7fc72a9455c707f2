/* Keys as Python objects: int for integers, bytes for byte strings. */
#include "binding.h"

#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define HOST_ORDER "big"
#else
#define HOST_ORDER "little"
#endif

bool key_is_bytes(ikv_key_type type)
{
    return (type & 0xff00u) == (IKV_KEY_BYTES(1) & 0xff00u);
}

bool key_is_signed(ikv_key_type type)
{
    return (type & 0xff00u) == (IKV_KEY_I8 & 0xff00u);
}

static int bytes_from_object(size_t width, PyObject *object, key_bytes *ret_key)
{
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) < 0)
        return -1;
    int status = 0;
    if ((size_t)view.len == width) {
        memcpy(ret_key->bytes, view.buf, width);
    } else {
        PyErr_Format(PyExc_ValueError, "expected a key of %zu bytes, got %zd", width, view.len);
        status = -1;
    }
    PyBuffer_Release(&view);
    return status;
}

/* 128 bits, by the methods that Python code would use. */
static int wide_from_object(ikv_key_type type, PyObject *number, key_bytes *ret_key)
{
    PyObject *method = PyObject_GetAttrString(number, "to_bytes");
    PyObject *args = Py_BuildValue("(is)", (int)ikv_key_width(type), HOST_ORDER);
    PyObject *options = Py_BuildValue("{s:O}", "signed", key_is_signed(type) ? Py_True : Py_False);
    PyObject *bytes = NULL;
    if (method != NULL && args != NULL && options != NULL)
        bytes = PyObject_Call(method, args, options);
    int status = bytes == NULL ? -1 : bytes_from_object(ikv_key_width(type), bytes, ret_key);
    Py_XDECREF(method);
    Py_XDECREF(args);
    Py_XDECREF(options);
    Py_XDECREF(bytes);
    return status;
}

static int out_of_range(ikv_key_type type, PyObject *number)
{
    char name[16];
    PyErr_Format(PyExc_OverflowError, "%R is not a key of type %s", number,
                 ikv_key_type_name(type, name, sizeof name));
    return -1;
}

static int narrow_from_object(ikv_key_type type, PyObject *number, key_bytes *ret_key)
{
    const size_t width = ikv_key_width(type);
    const unsigned bits = (unsigned)width * 8;
    if (key_is_signed(type)) {
        long long value = PyLong_AsLongLong(number);
        if (value == -1 && PyErr_Occurred())
            return PyErr_ExceptionMatches(PyExc_OverflowError) ? out_of_range(type, number) : -1;
        if (bits < 64 && (value < -(1LL << (bits - 1)) || value >= 1LL << (bits - 1)))
            return out_of_range(type, number);
        ret_key->word = (uint64_t)value;
    } else {
        unsigned long long value = PyLong_AsUnsignedLongLong(number);
        if (value == ~0ULL && PyErr_Occurred())
            return PyErr_ExceptionMatches(PyExc_OverflowError) ? out_of_range(type, number) : -1;
        if (bits < 64 && value >> bits != 0)
            return out_of_range(type, number);
        ret_key->word = value;
    }
    /* The bytes of a narrower integer are the low ones. */
    if (HOST_ORDER[0] == 'b')
        memmove(ret_key->bytes, ret_key->bytes + sizeof ret_key->word - width, width);
    return 0;
}

int key_from_object(ikv_key_type type, PyObject *object, key_bytes *ret_key)
{
    if (key_is_bytes(type))
        return bytes_from_object(ikv_key_width(type), object, ret_key);
    PyObject *number = PyNumber_Index(object); /* numpy's integers, too, but not floats */
    if (number == NULL)
        return -1;
    int status = ikv_key_width(type) > 8 ? wide_from_object(type, number, ret_key)
                                         : narrow_from_object(type, number, ret_key);
    Py_DECREF(number);
    return status;
}

PyObject *key_to_object(ikv_key_type type, const void *key)
{
    const size_t width = ikv_key_width(type);
    if (key_is_bytes(type))
        return PyBytes_FromStringAndSize(key, (Py_ssize_t)width);
    if (width > 8) {
        PyObject *options =
            Py_BuildValue("{s:O}", "signed", key_is_signed(type) ? Py_True : Py_False);
        PyObject *args = Py_BuildValue("(y#s)", (const char *)key, (Py_ssize_t)width, HOST_ORDER);
        PyObject *method = PyObject_GetAttrString((PyObject *)&PyLong_Type, "from_bytes");
        PyObject *number = NULL;
        if (options != NULL && args != NULL && method != NULL)
            number = PyObject_Call(method, args, options);
        Py_XDECREF(options);
        Py_XDECREF(args);
        Py_XDECREF(method);
        return number;
    }
    uint64_t word = 0;
    memcpy((unsigned char *)&word + (HOST_ORDER[0] == 'b' ? 8 - width : 0), key, width);
    if (!key_is_signed(type))
        return PyLong_FromUnsignedLongLong(word);
    const unsigned unused = 64 - (unsigned)width * 8;
    /* Extend the sign. */
    const uint64_t sign = (uint64_t)1 << (63 - unused);
    return PyLong_FromLongLong((long long)((word ^ sign) - sign));
}
