/* A store: opening, single keys, closing. */
#include "binding.h"

#include <string.h>

int store_enter(store_object *self)
{
    if (self->store == NULL || self->closing) {
        PyErr_SetString(PyExc_ValueError, "the store is closed");
        return -1;
    }
    self->calls++;
    return 0;
}

static void close_store(store_object *self)
{
    ikv_store *store = self->store;
    self->store = NULL;
    Py_BEGIN_ALLOW_THREADS ikv_close(store);
    Py_END_ALLOW_THREADS
}

void store_leave(store_object *self)
{
    self->calls--;
    if (self->closing && self->calls == 0 && self->store != NULL)
        close_store(self);
}

/* open(path, key_type, stride, index_memory, backend, flags) */
static int store_init(PyObject *object, PyObject *args, PyObject *kwargs)
{
    store_object *self = (store_object *)object;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    PyObject *path = NULL;
    unsigned backend;
    unsigned long long index_memory;
    if (kwargs != NULL && PyDict_Size(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "Store takes no keyword arguments");
        return -1;
    }
    if (self->store != NULL) {
        PyErr_SetString(PyExc_ValueError, "the store is open already");
        return -1;
    }
    if (!PyArg_ParseTuple(args, "O&IIKII", PyUnicode_FSConverter, &path, &options.key_type,
                          &options.stride, &index_memory, &backend, &options.flags))
        return -1;
    options.index_memory = index_memory;
    options.backend = (ikv_backend)backend;

    ikv_error err = {0};
    int code;
    const char *name = PyBytes_AsString(path);
    Py_BEGIN_ALLOW_THREADS code = ikv_open(name, &options, &self->store, &err);
    Py_END_ALLOW_THREADS Py_DECREF(path);
    if (code < 0) {
        (void)raise_error(code, &err);
        return -1;
    }
    ikv_info info;
    ikv_store_info(self->store, &info);
    self->key_type = info.key_type;
    self->key_width = info.key_width;
    self->closing = false;
    return 0;
}

static PyObject *store_close(PyObject *object, PyObject *unused)
{
    store_object *self = (store_object *)object;
    (void)unused;
    self->closing = true;
    if (self->store != NULL && self->calls == 0)
        close_store(self);
    Py_RETURN_NONE;
}

static void store_dealloc(PyObject *object)
{
    store_object *self = (store_object *)object;
    PyTypeObject *type = Py_TYPE(object);
    while (self->idle_count > 0)
        ikv_result_free(self->idle[--self->idle_count]);
    if (self->store != NULL)
        close_store(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

/* get_one(key, match): (key, value), or None if no key matches. */
static PyObject *store_get_one(PyObject *object, PyObject *args)
{
    store_object *self = (store_object *)object;
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    PyObject *key_object, *answer = NULL;
    int match, code;
    key_bytes key;
    ikv_error err = {0};
    ikv_result *result = NULL;
    if (!PyArg_ParseTuple(args, "Oi", &key_object, &match))
        return NULL;
    if (key_from_object(self->key_type, key_object, &key) < 0 || store_enter(self) < 0)
        return NULL;
    options.match = (ikv_match)match;
    if (self->idle_count > 0)
        result = self->idle[--self->idle_count];
    Py_BEGIN_ALLOW_THREADS code = result == NULL ? ikv_result_new(&result) : 0;
    if (code == 0)
        code = ikv_get(self->store, &key, &options, result, &err);
    Py_END_ALLOW_THREADS if (code == 0)
    {
        const ikv_item *item = ikv_result_items(result);
        PyObject *found = key_to_object(self->key_type, item->key);
        if (found != NULL)
            answer =
                Py_BuildValue("(Ny#)", found, (const char *)item->value, (Py_ssize_t)item->size);
    }
    else if (code == IKV_E_NOT_FOUND)
    {
        answer = Py_NewRef(Py_None);
    }
    else
    {
        (void)raise_error(code, &err);
    }
    if (result != NULL && self->idle_count < IDLE_RESULTS)
        self->idle[self->idle_count++] = result;
    else
        ikv_result_free(result);
    store_leave(self);
    return answer;
}

static PyObject *store_info(PyObject *object, PyObject *unused)
{
    store_object *self = (store_object *)object;
    (void)unused;
    if (store_enter(self) < 0)
        return NULL;
    PyObject *info = describe_info(self->store);
    store_leave(self);
    return info;
}

static PyObject *store_stats(PyObject *object, PyObject *unused)
{
    (void)unused;
    return describe_stats(&((store_object *)object)->stats);
}

static PyObject *store_closed(PyObject *object, void *unused)
{
    const store_object *self = (const store_object *)object;
    (void)unused;
    return PyBool_FromLong(self->store == NULL || self->closing);
}

static PyMethodDef methods[] = {
    {"close", store_close, METH_NOARGS, "Close the store, as soon as no call on it is running."},
    {"info", store_info, METH_NOARGS, "The fields of ikv_info as a dict."},
    {"stats", store_stats, METH_NOARGS, "Counters of all batches so far, as a dict."},
    {"_get_one", store_get_one, METH_VARARGS, NULL},
    {"_get_fixed", store_get_fixed, METH_VARARGS, NULL},
    {"_get_variable", store_get_variable, METH_VARARGS, NULL},
    {"_scan", store_scan, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef properties[] = {{"closed", store_closed, NULL, "Whether it is closed.", NULL},
                                   {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot slots[] = {{Py_tp_init, store_init},
                              {Py_tp_dealloc, store_dealloc},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, properties},
                              {0, NULL}};

PyType_Spec store_spec = {.name = "indexkv._indexkv.Store",
                          .basicsize = sizeof(store_object),
                          .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                          .slots = slots};
