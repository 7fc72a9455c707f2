/* Structs of the library as dicts, with the same names. */
#include "binding.h"

/* Add an entry, and drop the reference to `value`. Nothing is done after a failure. */
static void put(PyObject **dict, const char *name, PyObject *value)
{
    if (*dict != NULL && (value == NULL || PyDict_SetItemString(*dict, name, value) < 0)) {
        Py_DECREF(*dict);
        *dict = NULL;
    }
    Py_XDECREF(value);
}

struct number {
    const char *name;
    unsigned long long value;
};

static void put_numbers(PyObject **dict, const struct number *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put(dict, numbers[i].name, PyLong_FromUnsignedLongLong(numbers[i].value));
}

static const char *layout_name(ikv_layout layout)
{
    return layout == IKV_LAYOUT_CLUSTERED ? "clustered" : "arrival";
}

PyObject *describe_info(const ikv_store *store)
{
    ikv_info info;
    char name[16];
    ikv_store_info(store, &info);
    const struct number numbers[] = {{"key_width", info.key_width},
                                     {"stride", info.stride},
                                     {"page_size", info.page_size},
                                     {"file_size", info.file_size},
                                     {"pair_count", info.pair_count},
                                     {"index_size", info.index_size},
                                     {"index_pages", info.index_pages},
                                     {"value_size_min", info.value_size_min},
                                     {"value_size_max", info.value_size_max},
                                     {"value_size_p99", info.value_size_p99},
                                     {"value_bytes", info.value_bytes},
                                     {"fences", info.fences},
                                     {"cached_pages", info.cached_pages},
                                     {"index_memory", info.index_memory},
                                     {"mapped", info.mapped},
                                     {"resident", info.resident},
                                     {"leaf_size", info.leaf_size},
                                     {"filter_memory", info.filter_memory}};
    PyObject *dict = PyDict_New();
    put(&dict, "key_type",
        PyUnicode_FromString(ikv_key_type_name(info.key_type, name, sizeof name)));
    put(&dict, "layout", PyUnicode_FromString(layout_name(info.layout)));
    put(&dict, "backend", PyUnicode_FromString(info.backend));
    put(&dict, "has_trailer", PyBool_FromLong(info.has_trailer));
    put(&dict, "in_key_order", PyBool_FromLong(info.in_key_order));
    put(&dict, "direct", PyBool_FromLong(info.direct));
    put(&dict, "has_v2_index", PyBool_FromLong(info.has_v2_index));
    put(&dict, "store_id", PyBytes_FromStringAndSize((const char *)info.store_id, 16));
    put(&dict, "metadata",
        info.metadata == NULL
            ? Py_NewRef(Py_None)
            : PyBytes_FromStringAndSize(info.metadata, (Py_ssize_t)info.metadata_size));
    put_numbers(&dict, numbers, sizeof numbers / sizeof numbers[0]);
    return dict;
}

PyObject *describe_stats(const ikv_stats *stats)
{
    const struct number numbers[] = {{"keys", stats->keys},
                                     {"distinct", stats->distinct},
                                     {"found", stats->found},
                                     {"missing", stats->missing},
                                     {"corrupt", stats->corrupt},
                                     {"unreadable", stats->unreadable},
                                     {"probes", stats->probes},
                                     {"cached", stats->cached},
                                     {"mapped", stats->mapped},
                                     {"index_reads", stats->index_reads},
                                     {"index_bytes", stats->index_bytes},
                                     {"records", stats->records},
                                     {"record_reads", stats->record_reads},
                                     {"record_bytes", stats->record_bytes},
                                     {"merged", stats->merged},
                                     {"retries", stats->retries},
                                     {"system_calls", stats->system_calls},
                                     {"major_faults", stats->major_faults},
                                     {"filter_asked", stats->filter_asked},
                                     {"filter_answered", stats->filter_answered}};
    PyObject *dict = PyDict_New();
    put(&dict, "backend", PyUnicode_FromString(stats->backend == NULL ? "none" : stats->backend));
    put(&dict, "fallback", PyLong_FromLong(stats->fallback));
    put_numbers(&dict, numbers, sizeof numbers / sizeof numbers[0]);
    return dict;
}

PyObject *describe_build(const ikv_build_stats *stats)
{
    const struct number numbers[] = {{"pairs", stats->pairs},
                                     {"dropped", stats->dropped},
                                     {"value_bytes", stats->value_bytes},
                                     {"file_size", stats->file_size},
                                     {"spilled_runs", stats->spilled_runs},
                                     {"spilled_bytes", stats->spilled_bytes},
                                     {"merge_passes", stats->merge_passes}};
    PyObject *dict = PyDict_New();
    put(&dict, "input_sorted", PyBool_FromLong(stats->input_sorted));
    put_numbers(&dict, numbers, sizeof numbers / sizeof numbers[0]);
    return dict;
}
