#include "open_checks.h"

#include "process.h"
#include "rng.h"
#include "stores.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int open_as(const char *path, ikv_key_type type, uint32_t stride, ikv_error *err)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    int code;

    options.key_type = type;
    options.stride = stride;
    code = ikv_open(path, &options, &store, err);
    assert_true((store != NULL) == (code == 0));
    ikv_close(store);
    return code;
}

void assert_opens(const char *path, ikv_key_type type, uint32_t stride)
{
    ikv_error err;

    assert_ok(open_as(path, type, stride, &err), &err);
}

void assert_open_fails_at(const char *path, ikv_key_type type, int expected, const char *file,
                          int line)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    size_t descriptors = process_descriptors();
    ikv_error err = {0};

    options.key_type = type;
    assert_failed_at(open_as(path, type, 0, &err), expected, &err, path, file, line);
    assert_failed_at(ikv_verify(path, &options, NULL, NULL, &err), expected, &err, path, file,
                     line);
    _assert_int_equal((LargestIntegralType)open_as(path, type, 0, NULL),
                      (LargestIntegralType)expected, file, line);
    _assert_int_equal(process_descriptors(), descriptors, file, line);
}

static void write_random(const char *path, const ikv_writer_options *options, size_t count,
                         store_model *ret_model)
{
    rng_state random = {count};
    store_model model;

    model_init(&model, options->key_type);
    model_fill(&model, &random, count, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
    store_write(path, &model, options);
    if (ret_model != NULL)
        *ret_model = model;
    else
        model_free(&model);
}

void write_native(const char *path, ikv_key_type type, size_t count, store_model *ret_model)
{
    ikv_writer_options options = store_options(type);

    write_random(path, &options, count, ret_model);
}

void write_plain(const char *path, ikv_key_type type, size_t count, uint32_t stride,
                 store_model *ret_model)
{
    ikv_writer_options options = store_options(type);

    options.flags = IKV_WRITE_PLAIN;
    options.stride = stride;
    write_random(path, &options, count, ret_model);
}
