/* Scans, as iterators of (key, value), or of values in storage order. */
#include "binding.h"

#include <string.h>

typedef struct scan_object {
    PyObject_HEAD store_object *store; /* a reference is held */
    ikv_scan *scan;
    bool busy; /* in a call without the GIL */
} scan_object;

static PyTypeObject *scan_type; /* lives as long as the module, which is never unloaded */

static void scan_dealloc(PyObject *object)
{
    scan_object *self = (scan_object *)object;
    PyTypeObject *type = Py_TYPE(object);
    ikv_scan_close(self->scan);
    Py_XDECREF((PyObject *)self->store);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

static PyObject *item_object(const scan_object *self, const ikv_item *item)
{
    PyObject *value = PyBytes_FromStringAndSize(item->value, (Py_ssize_t)item->size);
    if (value == NULL || item->key == NULL)
        return value;
    PyObject *key = key_to_object(self->store->key_type, item->key);
    if (key == NULL) {
        Py_DECREF(value);
        return NULL;
    }
    return Py_BuildValue("(NN)", key, value);
}

static PyObject *scan_next(PyObject *object)
{
    scan_object *self = (scan_object *)object;
    ikv_item item;
    ikv_error err = {0};
    int code;
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "another thread uses this scan");
        return NULL;
    }
    if (store_enter(self->store) < 0)
        return NULL;
    self->busy = true;
    Py_BEGIN_ALLOW_THREADS code = ikv_scan_next(self->scan, &item, &err);
    Py_END_ALLOW_THREADS PyObject *answer = NULL;
    if (code == 0 && item.status == IKV_FOUND)
        answer = item_object(self, &item);
    else if (code == 0) /* this record is damaged; the scan can go on behind it */
        (void)raise_error(err.code, &err);
    else if (code != IKV_E_END)
        (void)raise_error(code, &err);
    self->busy = false;
    store_leave(self->store);
    return answer;
}

static PyType_Slot slots[] = {{Py_tp_dealloc, scan_dealloc},
                              {Py_tp_iter, PyObject_SelfIter},
                              {Py_tp_iternext, scan_next},
                              {0, NULL}};
static PyType_Spec spec = {.name = "indexkv._indexkv.Scan",
                           .basicsize = sizeof(scan_object),
                           .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                           .slots = slots};

int scan_register(PyObject *module)
{
    scan_type = (PyTypeObject *)PyType_FromSpec(&spec);
    return scan_type == NULL ? -1 : PyModule_AddObjectRef(module, "Scan", (PyObject *)scan_type);
}

/* Convert a bound of the scan; NULL for None. -1 with an exception set. */
static int take_bound(const store_object *store, PyObject *object, key_bytes *key,
                      const void **ret_bound)
{
    *ret_bound = object == Py_None ? NULL : key;
    return object == Py_None ? 0 : key_from_object(store->key_type, object, key);
}

/* _scan(order, start, stop, limit, memory) */
PyObject *store_scan(PyObject *object, PyObject *args)
{
    store_object *store = (store_object *)object;
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    PyObject *start, *stop;
    key_bytes from, to;
    unsigned long long limit, memory;
    int order, code;
    ikv_error err = {0};
    if (!PyArg_ParseTuple(args, "iOOKK", &order, &start, &stop, &limit, &memory) ||
        take_bound(store, start, &from, &options.from) < 0 ||
        take_bound(store, stop, &to, &options.to) < 0 || store_enter(store) < 0)
        return NULL;
    options.order = (ikv_order)order;
    options.limit = limit;
    options.memory = memory;
    allocfunc allocate = (allocfunc)PyType_GetSlot(scan_type, Py_tp_alloc);
    scan_object *self = (scan_object *)allocate(scan_type, 0);
    if (self != NULL) {
        self->store = (store_object *)Py_NewRef(object);
        Py_BEGIN_ALLOW_THREADS code = ikv_scan_open(store->store, &options, &self->scan, &err);
        Py_END_ALLOW_THREADS if (code < 0)
        {
            Py_DECREF((PyObject *)self);
            self = NULL;
            (void)raise_error(code, &err);
        }
    }
    store_leave(store);
    return (PyObject *)self;
}
