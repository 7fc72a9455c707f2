/*
 * Many keys in one call, from and to buffers. The GIL is released from the lookup to the last copy,
 * and no object is made for a key or value.
 */
#include "binding.h"

#include <string.h>

enum { KEYS, VALUES, STATUS, MATCHED, OFFSETS, BUFFERS };

struct call {
    store_object *self;
    ikv_get_options options;
    Py_buffer view[BUFFERS]; /* obj is NULL: not given */
    size_t count;
    ikv_result *result;
    ikv_error err;
    int code;
};

static void release_views(struct call *call)
{
    for (int i = 0; i < BUFFERS; i++)
        if (call->view[i].obj != NULL)
            PyBuffer_Release(&call->view[i]);
}

/* None is "not given". `size` is what the buffer must have, at least. */
static int take_view(struct call *call, int which, PyObject *object, int flags, size_t size)
{
    if (object == Py_None)
        return 0;
    if (PyObject_GetBuffer(object, &call->view[which], PyBUF_C_CONTIGUOUS | flags) < 0)
        return -1;
    if ((size_t)call->view[which].len < size) {
        PyErr_SetString(PyExc_ValueError, "a buffer is too small");
        return -1;
    }
    return 0;
}

static int begin(struct call *call, PyObject *object, PyObject *keys, PyObject *status,
                 PyObject *matched, int match)
{
    store_object *self = (store_object *)object;
    call->self = self;
    call->options = (ikv_get_options)IKV_GET_OPTIONS_INIT;
    call->options.match = (ikv_match)match;
    if (take_view(call, KEYS, keys, 0, 0) < 0)
        return -1;
    call->count = (size_t)call->view[KEYS].len / self->key_width;
    if (take_view(call, STATUS, status, PyBUF_WRITABLE, call->count) < 0 ||
        take_view(call, MATCHED, matched, PyBUF_WRITABLE, call->count * self->key_width) < 0)
        return -1;
    if (store_enter(self) < 0)
        return -1;
    if (self->idle_count > 0)
        call->result = self->idle[--self->idle_count];
    return 0;
}

/* Without the GIL. */
static void look_up(struct call *call)
{
    if (call->result == NULL)
        call->code = ikv_result_new(&call->result);
    if (call->code == 0)
        call->code = ikv_get_many(call->self->store, call->view[KEYS].buf, call->count,
                                  &call->options, call->result, &call->err);
}

/* If reads failed, the other keys still have their answers. */
static bool has_answers(const struct call *call)
{
    return call->result != NULL && ikv_result_count(call->result) == call->count;
}

/* Without the GIL: the answers apart from their values. Rows of missing values become zero, since
 * the caller's memory was not initialised. */
static void fill_answers(struct call *call)
{
    const ikv_item *items = ikv_result_items(call->result);
    const size_t width = call->self->key_width;
    const size_t value_size = call->options.value_size;
    unsigned char *status = call->view[STATUS].buf;
    unsigned char *matched = call->view[MATCHED].buf;
    unsigned char *values = call->options.values;
    for (size_t i = 0; i < call->count; i++) {
        status[i] = (unsigned char)items[i].status;
        if (values != NULL && items[i].status != IKV_FOUND)
            memset(values + i * value_size, 0, value_size);
        if (matched != NULL && items[i].key != NULL)
            memcpy(matched + i * width, items[i].key, width);
        else if (matched != NULL)
            memset(matched + i * width, 0, width);
    }
}

static void end(struct call *call)
{
    store_object *self = call->self;
    if (call->result != NULL) {
        ikv_stats_add(&self->stats, ikv_result_stats(call->result));
        if (self->idle_count < IDLE_RESULTS)
            self->idle[self->idle_count++] = call->result;
        else
            ikv_result_free(call->result);
    }
    store_leave(self);
}

/* The exception for the first damaged or unreadable key, if `strict`; always if nothing was found
 * out. */
static int check(const struct call *call, int strict)
{
    const ikv_error *problem = call->result == NULL ? NULL : ikv_result_problem(call->result);
    if (call->code < 0 && (strict || !has_answers(call)))
        (void)raise_error(call->code,
                          problem != NULL && problem->code == call->code ? problem : &call->err);
    else if (strict && problem != NULL)
        (void)raise_error(problem->code, problem);
    else
        return 0;
    return -1;
}

/* _get_fixed(keys, match, values, value_size, status, matched, strict) */
PyObject *store_get_fixed(PyObject *object, PyObject *args)
{
    struct call call = {0};
    PyObject *keys, *values, *status, *matched;
    int match, strict, failed = -1;
    unsigned value_size;
    if (!PyArg_ParseTuple(args, "OiOIOOp", &keys, &match, &values, &value_size, &status, &matched,
                          &strict))
        return NULL;
    if (begin(&call, object, keys, status, matched, match) == 0) {
        if (value_size == 0)
            PyErr_SetString(PyExc_ValueError, "the size of values is 0");
        else
            failed = take_view(&call, VALUES, values, PyBUF_WRITABLE, call.count * value_size);
        if (failed == 0) {
            call.options.values = call.view[VALUES].buf;
            call.options.value_size = value_size;
            Py_BEGIN_ALLOW_THREADS look_up(&call);
            if (has_answers(&call))
                fill_answers(&call);
            Py_END_ALLOW_THREADS failed = check(&call, strict);
        }
        end(&call);
    }
    release_views(&call);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

/* Without the GIL: offsets[i] is where value i starts; offsets[count] is the size of all. */
static int64_t fill_offsets(struct call *call)
{
    const ikv_item *items = ikv_result_items(call->result);
    int64_t *offsets = call->view[OFFSETS].buf;
    int64_t total = 0;
    for (size_t i = 0; i < call->count; i++) {
        offsets[i] = total;
        if (items[i].status == IKV_FOUND)
            total += items[i].size;
    }
    offsets[call->count] = total;
    return total;
}

static void copy_values(const struct call *call, char *data)
{
    const ikv_item *items = ikv_result_items(call->result);
    for (size_t i = 0; i < call->count; i++) {
        if (items[i].status == IKV_FOUND && items[i].size > 0)
            memcpy(data, items[i].value, items[i].size);
        if (items[i].status == IKV_FOUND)
            data += items[i].size;
    }
}

/* Look up, and return the values one after another as a bytearray. Values in memory are copied
 * once, from the mapping. */
static PyObject *variable_values(struct call *call, int strict)
{
    int64_t total = 0;
    call->options.flags |= IKV_GET_IN_PLACE;
    Py_BEGIN_ALLOW_THREADS look_up(call);
    if (has_answers(call)) {
        fill_answers(call);
        total = fill_offsets(call);
    }
    Py_END_ALLOW_THREADS if (check(call, strict) < 0) return NULL;
    PyObject *data = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)total);
    if (data == NULL)
        return NULL;
    char *bytes = PyByteArray_AsString(data); /* nobody else has the object yet */
    Py_BEGIN_ALLOW_THREADS copy_values(call, bytes);
    Py_END_ALLOW_THREADS return data;
}

/* _get_variable(keys, match, offsets, status, matched, strict): the values */
PyObject *store_get_variable(PyObject *object, PyObject *args)
{
    struct call call = {0};
    PyObject *keys, *offsets, *status, *matched, *data = NULL;
    int match, strict;
    if (!PyArg_ParseTuple(args, "OiOOOp", &keys, &match, &offsets, &status, &matched, &strict))
        return NULL;
    if (begin(&call, object, keys, status, matched, match) == 0) {
        if (take_view(&call, OFFSETS, offsets, PyBUF_WRITABLE,
                      (call.count + 1) * sizeof(int64_t)) == 0)
            data = variable_values(&call, strict);
        end(&call);
    }
    release_views(&call);
    return data;
}
