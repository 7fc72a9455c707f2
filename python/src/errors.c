/* Errors of the library as exceptions, which the package's Python code defines. */
#include "binding.h"

#include <string.h>

/* Of the module, which exists once in a process; a reference is held for ever. */
static PyObject *factory;

PyObject *errors_set_factory(PyObject *module, PyObject *function)
{
    (void)module;
    Py_INCREF(function);
    Py_XDECREF(factory);
    factory = function;
    Py_RETURN_NONE;
}

/* A path as Python decodes file names, or None. */
static PyObject *file_object(const char *file)
{
    if (file[0] == '\0')
        Py_RETURN_NONE;
    return PyUnicode_DecodeFSDefault(file);
}

PyObject *raise_error(int code, const ikv_error *err)
{
    ikv_error none = {.code = code, .offset = IKV_NO_OFFSET};
    if (err == NULL || err->code != code) {
        strncpy(none.message, ikv_strerror(code), sizeof none.message - 1);
        err = &none;
    }
    PyObject *file = file_object(err->file);
    PyObject *offset = err->offset == IKV_NO_OFFSET ? Py_NewRef(Py_None)
                                                    : PyLong_FromUnsignedLongLong(err->offset);
    PyObject *key =
        err->key_type == 0 ? Py_NewRef(Py_None) : key_to_object(err->key_type, err->key);
    PyObject *message = PyUnicode_DecodeFSDefault(err->message);
    if (file != NULL && offset != NULL && key != NULL && message != NULL) {
        PyObject *exception =
            PyObject_CallFunction(factory, "iOOOO", code, message, file, offset, key);
        if (exception != NULL)
            PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_XDECREF(exception);
    }
    Py_XDECREF(file);
    Py_XDECREF(offset);
    Py_XDECREF(key);
    Py_XDECREF(message);
    return NULL;
}
