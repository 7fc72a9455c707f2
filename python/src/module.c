/* The module. */
#include "binding.h"

static PyObject *parse_key_type(PyObject *module, PyObject *args)
{
    const char *name;
    ikv_key_type type;
    (void)module;
    if (!PyArg_ParseTuple(args, "s", &name))
        return NULL;
    if (ikv_key_type_parse(name, &type) < 0)
        return PyErr_Format(PyExc_ValueError, "unknown key type: %s", name);
    return PyLong_FromUnsignedLong(type);
}

/* verify(path, key_type): None if the store is sound. */
static PyObject *verify(PyObject *module, PyObject *args)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    PyObject *path;
    ikv_error err = {0};
    int code;
    (void)module;
    if (!PyArg_ParseTuple(args, "O&I", PyUnicode_FSConverter, &path, &options.key_type))
        return NULL;
    const char *name = PyBytes_AsString(path);
    Py_BEGIN_ALLOW_THREADS code = ikv_verify(name, &options, NULL, NULL, &err);
    Py_END_ALLOW_THREADS Py_DECREF(path);
    if (code < 0)
        return raise_error(code, &err);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {{"parse_key_type", parse_key_type, METH_VARARGS, NULL},
                                  {"verify", verify, METH_VARARGS, NULL},
                                  {"set_error_factory", errors_set_factory, METH_O, NULL},
                                  {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {.m_base = PyModuleDef_HEAD_INIT,
                                        .m_name = "indexkv._indexkv",
                                        .m_size = -1,
                                        .m_methods = functions};

static int add_type(PyObject *module, const char *name, PyType_Spec *spec)
{
    PyObject *type = PyType_FromSpec(spec);
    int status = type == NULL ? -1 : PyModule_AddObjectRef(module, name, type);
    Py_XDECREF(type);
    return status;
}

PyMODINIT_FUNC PyInit__indexkv(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL || add_type(module, "Store", &store_spec) < 0 ||
        add_type(module, "Writer", &writer_spec) < 0 || scan_register(module) < 0 ||
        PyModule_AddStringConstant(module, "version", ikv_version()) < 0) {
        Py_XDECREF(module);
        return NULL;
    }
    return module;
}
