/* A writer: pairs one by one, or from arrays. */
#include "binding.h"

#include <string.h>

typedef struct writer_object {
    PyObject_HEAD ikv_writer *writer; /* NULL: finished, or aborted */
    ikv_key_type key_type;
    bool busy; /* in a call without the GIL */
} writer_object;

static int enter(writer_object *self)
{
    if (self->writer == NULL)
        PyErr_SetString(PyExc_ValueError, "the writer is closed");
    else if (self->busy)
        PyErr_SetString(PyExc_RuntimeError, "another thread uses this writer");
    else
        return (self->busy = true), 0;
    return -1;
}

/* Writer(path, key_type, flags, on_duplicate, memory, expected_pairs, store_id, metadata, temp_dir,
 *        layout, leaf_size, filter_bits, stride) */
static int writer_init(PyObject *object, PyObject *args, PyObject *kwargs)
{
    writer_object *self = (writer_object *)object;
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    PyObject *path = NULL, *temp_dir = Py_None, *temp_path = NULL;
    unsigned on_duplicate, layout;
    unsigned long long memory, expected_pairs;
    const char *store_id, *metadata;
    Py_ssize_t store_id_size, metadata_size;
    if ((kwargs != NULL && PyDict_Size(kwargs) > 0) || self->writer != NULL) {
        PyErr_SetString(PyExc_TypeError, "no keyword arguments, and only once");
        return -1;
    }
    if (!PyArg_ParseTuple(args, "O&IIIKKz#z#OIIII", PyUnicode_FSConverter, &path, &options.key_type,
                          &options.flags, &on_duplicate, &memory, &expected_pairs, &store_id,
                          &store_id_size, &metadata, &metadata_size, &temp_dir, &layout,
                          &options.leaf_size, &options.filter_bits, &options.stride))
        return -1;
    ikv_error err = {0};
    int failed = -1;
    if (store_id != NULL && store_id_size != 16)
        PyErr_Format(PyExc_ValueError, "store_id: expected 16 bytes, got %zd", store_id_size);
    else if (temp_dir == Py_None || PyUnicode_FSConverter(temp_dir, &temp_path))
        failed = 0;
    if (!failed) {
        options.on_duplicate = (ikv_duplicates)on_duplicate;
        options.layout = (ikv_layout)layout;
        options.memory = memory;
        options.expected_pairs = expected_pairs;
        options.store_id = (const unsigned char *)store_id;
        options.metadata = metadata;
        options.metadata_size = (size_t)metadata_size;
        options.temp_dir = temp_path == NULL ? NULL : PyBytes_AsString(temp_path);
        int code = ikv_writer_new(PyBytes_AsString(path), &options, &self->writer, &err);
        self->key_type = options.key_type;
        if (code < 0) {
            (void)raise_error(code, &err);
            failed = -1;
        }
    }
    Py_XDECREF(temp_path);
    Py_DECREF(path);
    return failed;
}

/* add(key, value) */
static PyObject *writer_add(PyObject *object, PyObject *args)
{
    writer_object *self = (writer_object *)object;
    PyObject *key_object;
    key_bytes key;
    Py_buffer value;
    ikv_error err = {0};
    if (!PyArg_ParseTuple(args, "Oy*", &key_object, &value))
        return NULL;
    int code = -1;
    if (key_from_object(self->key_type, key_object, &key) == 0 && enter(self) == 0) {
        code = ikv_writer_add(self->writer, &key, value.buf, (size_t)value.len, &err);
        self->busy = false;
        if (code < 0)
            (void)raise_error(code, &err);
    }
    PyBuffer_Release(&value);
    if (code < 0)
        return NULL;
    Py_RETURN_NONE;
}

struct arrays {
    Py_buffer keys, data, offsets; /* offsets.obj is NULL: values of equal size */
    size_t count, width, value_size;
};

static void release_arrays(struct arrays *arrays)
{
    PyBuffer_Release(&arrays->keys);
    PyBuffer_Release(&arrays->data);
    PyBuffer_Release(&arrays->offsets);
}

/* Offsets ascend, and stay inside the data. */
static bool offsets_fit(const struct arrays *arrays)
{
    const int64_t *offsets = arrays->offsets.buf;
    if (arrays->offsets.len / (Py_ssize_t)sizeof(int64_t) != (Py_ssize_t)arrays->count + 1 ||
        offsets[0] < 0 || offsets[arrays->count] > arrays->data.len)
        return false;
    for (size_t i = 0; i < arrays->count; i++)
        if (offsets[i] > offsets[i + 1])
            return false;
    return true;
}

/* add_arrays(keys, data, offsets or None) */
static int take_arrays(const writer_object *self, PyObject *args, struct arrays *arrays)
{
    PyObject *offsets;
    if (!PyArg_ParseTuple(args, "y*y*O", &arrays->keys, &arrays->data, &offsets))
        return -1;
    arrays->width = ikv_key_width(self->key_type);
    arrays->count = (size_t)arrays->keys.len / arrays->width;
    if (offsets == Py_None) {
        arrays->value_size = arrays->count == 0 ? 0 : (size_t)arrays->data.len / arrays->count;
        if (arrays->value_size * arrays->count == (size_t)arrays->data.len)
            return 0;
    } else {
        if (PyObject_GetBuffer(offsets, &arrays->offsets, PyBUF_C_CONTIGUOUS) < 0)
            return -1;
        if (offsets_fit(arrays))
            return 0;
    }
    PyErr_SetString(PyExc_ValueError, "the values do not match the keys");
    return -1;
}

/* Without the GIL. */
static int add_all(ikv_writer *writer, const struct arrays *arrays, ikv_error *err)
{
    const char *keys = arrays->keys.buf, *data = arrays->data.buf;
    const int64_t *offsets = arrays->offsets.buf;
    int code = 0;
    for (size_t i = 0; i < arrays->count && code == 0; i++) {
        const char *value = offsets != NULL ? data + offsets[i] : data + i * arrays->value_size;
        size_t size = offsets != NULL ? (size_t)(offsets[i + 1] - offsets[i]) : arrays->value_size;
        code = ikv_writer_add(writer, keys + i * arrays->width, value, size, err);
    }
    return code;
}

static PyObject *writer_add_arrays(PyObject *object, PyObject *args)
{
    writer_object *self = (writer_object *)object;
    struct arrays arrays = {0};
    ikv_error err = {0};
    int code = -1;
    if (take_arrays(self, args, &arrays) == 0 && enter(self) == 0) {
        Py_BEGIN_ALLOW_THREADS code = add_all(self->writer, &arrays, &err);
        Py_END_ALLOW_THREADS self->busy = false;
        if (code < 0)
            (void)raise_error(code, &err);
    }
    release_arrays(&arrays);
    if (code < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *writer_finish(PyObject *object, PyObject *unused)
{
    writer_object *self = (writer_object *)object;
    ikv_build_stats stats;
    ikv_error err = {0};
    int code;
    (void)unused;
    if (enter(self) < 0)
        return NULL;
    ikv_writer *writer = self->writer;
    self->writer = NULL;
    Py_BEGIN_ALLOW_THREADS code = ikv_writer_finish(writer, &stats, &err);
    Py_END_ALLOW_THREADS self->busy = false;
    return code < 0 ? raise_error(code, &err) : describe_build(&stats);
}

static PyObject *writer_abort(PyObject *object, PyObject *unused)
{
    writer_object *self = (writer_object *)object;
    (void)unused;
    if (self->writer != NULL && enter(self) < 0)
        return NULL;
    ikv_writer_abort(self->writer);
    self->writer = NULL;
    self->busy = false;
    Py_RETURN_NONE;
}

static void writer_dealloc(PyObject *object)
{
    writer_object *self = (writer_object *)object;
    PyTypeObject *type = Py_TYPE(object);
    ikv_writer_abort(self->writer);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"add", writer_add, METH_VARARGS, "add(key, value): add a pair."},
    {"_add_arrays", writer_add_arrays, METH_VARARGS, NULL},
    {"finish", writer_finish, METH_NOARGS,
     "Publish the store, durably. Returns the fields of ikv_build_stats as a dict."},
    {"abort", writer_abort, METH_NOARGS, "Drop what was written."},
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {{Py_tp_init, writer_init},
                              {Py_tp_dealloc, writer_dealloc},
                              {Py_tp_methods, methods},
                              {0, NULL}};

PyType_Spec writer_spec = {.name = "indexkv._indexkv.Writer",
                           .basicsize = sizeof(writer_object),
                           .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                           .slots = slots};
