/*
 * The extension module indexkv._indexkv: stores, scans and writers as Python types, with keys and
 * values as ints, bytes and buffers. What needs numpy, and the public names, are in the Python
 * files.
 *
 * It uses the stable ABI of CPython 3.11, the first with buffers in it, and not numpy's C API:
 * arrays are passed as buffers. So one binary serves all later versions of both.
 */
#ifndef BINDING_H
#define BINDING_H

#define Py_LIMITED_API 0x030b0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <indexkv.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- errors.c */

/* The Python function that makes an exception of an error; set by the package when it is imported.
 */
PyObject *errors_set_factory(PyObject *module, PyObject *factory);
/* Raise the exception for a failed call. Always returns NULL. */
PyObject *raise_error(int code, const ikv_error *err);

/* ---- keys.c */

typedef union key_bytes {
    unsigned char bytes[IKV_KEY_WIDTH_MAX];
    uint64_t word;
} key_bytes;

/* Convert an int or bytes object to a key in host byte order. -1 with an exception set: TypeError,
 * ValueError (a bytes object of another length) or OverflowError. */
int key_from_object(ikv_key_type type, PyObject *object, key_bytes *ret_key);
PyObject *key_to_object(ikv_key_type type, const void *key);
bool key_is_bytes(ikv_key_type type);
bool key_is_signed(ikv_key_type type);

/* ---- store.c */

enum { IDLE_RESULTS = 8 };

/* All members are changed only while the GIL is held. */
typedef struct store_object {
    PyObject_HEAD ikv_store *store; /* NULL: not open */
    ikv_key_type key_type;
    size_t key_width;
    size_t calls; /* running without the GIL; the last one closes the store if `closing` */
    bool closing;
    ikv_result *idle[IDLE_RESULTS]; /* results to be used again */
    size_t idle_count;
    ikv_stats stats; /* of all batches */
} store_object;

/* A call on a store, from here on without the GIL. -1 with an exception set: it is closed. */
int store_enter(store_object *self);
void store_leave(store_object *self);

extern PyType_Spec store_spec;

/* ---- batch.c: many keys in one call */
PyObject *store_get_fixed(PyObject *object, PyObject *args);
PyObject *store_get_variable(PyObject *object, PyObject *args);

/* ---- scan.c, writer.c */
PyObject *store_scan(PyObject *object, PyObject *args);
int scan_register(PyObject *module);
extern PyType_Spec writer_spec;

/* ---- describe.c */
PyObject *describe_info(const ikv_store *store);
PyObject *describe_stats(const ikv_stats *stats);
PyObject *describe_build(const ikv_build_stats *stats);

#endif
