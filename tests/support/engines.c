#include "engines.h"

#include "hostkey.h"
#include "stores.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

ikv_engine *engine_make(uint32_t threads, uint32_t depth, uint32_t queue, uint64_t bytes_in_flight)
{
    ikv_engine_options options = IKV_ENGINE_OPTIONS_INIT;
    ikv_engine *engine = NULL;
    ikv_error err;

    options.threads = threads;
    options.depth = depth;
    options.max_batches = queue;
    options.max_bytes_in_flight = bytes_in_flight;
    assert_ok(ikv_engine_new(&options, &engine, &err), &err);
    return engine;
}

static int try_open(const char *path, ikv_key_type type, const open_mode *mode, ikv_engine *engine,
                    ikv_store **ret_store, ikv_error *err)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;

    options.key_type = type;
    options.backend = mode->backend;
    options.flags = mode->flags;
    options.engine = engine;
    return ikv_open(path, &options, ret_store, err);
}

size_t open_modes(const char *path, ikv_key_type type, open_mode ret_modes[OPEN_MODES_MAX])
{
    static const open_mode modes[] = {{"pread", IKV_BACKEND_PREAD, 0},
                                      {"auto", IKV_BACKEND_AUTO, 0},
                                      {"auto, no map", IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP},
                                      {"mmap", IKV_BACKEND_MMAP, 0},
                                      {"uring", IKV_BACKEND_URING, 0},
                                      {"uring, direct", IKV_BACKEND_URING, IKV_OPEN_DIRECT}};
    size_t count = 0;

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        ikv_store *store = NULL;

        if (try_open(path, type, &modes[i], NULL, &store, NULL) != 0)
            continue;
        ret_modes[count++] = modes[i];
        ikv_close(store);
    }
    return count;
}

ikv_store *engine_open(const char *path, ikv_key_type type, const open_mode *mode,
                       ikv_engine *engine)
{
    ikv_store *store = NULL;
    ikv_error err;

    assert_ok(try_open(path, type, mode, engine, &store, &err), &err);
    return store;
}

void engine_fill(const char *path, ikv_key_type type, uint32_t write_flags, size_t count,
                 model_sizes sizes, uint64_t seed, store_model *ret_model)
{
    ikv_writer_options options = store_options(type);
    rng_state rng = {seed};

    model_init(ret_model, type);
    model_fill(ret_model, &rng, count, MODEL_KEYS_UNIFORM, sizes);
    options.flags = write_flags;
    store_write(path, ret_model, &options);
}

/* ---------------------------------------------------------------- batches */

/* An absent key, or after 100 tries any key. */
static void absent_key(const store_model *model, rng_state *rng, unsigned char *ret_key)
{
    for (int tries = 0; tries < 100; tries++) {
        model_random_key(rng, model->type, MODEL_KEYS_UNIFORM, ret_key);
        if (model_find(model, ret_key, IKV_EXACT) == NULL)
            return;
    }
}

static size_t count_of(const store_model *model, batch_shape shape, size_t count)
{
    switch (shape) {
    case BATCH_EMPTY:
        return 0;
    case BATCH_ONE:
        return 1;
    case BATCH_ALL:
    case BATCH_SORTED:
    case BATCH_REVERSED:
        return model->sorted_count;
    default:
        return count;
    }
}

unsigned char *batch_keys(const store_model *model, rng_state *rng, batch_shape shape, size_t count,
                          size_t *ret_count)
{
    const size_t width = hostkey_width(model->type);
    unsigned char *keys;
    unsigned char same[IKV_KEY_WIDTH_MAX];

    count = count_of(model, shape, count);
    keys = must_malloc(count * width);
    model_probe_key(rng, model, same);
    for (size_t i = 0; i < count; i++) {
        unsigned char *key = keys + i * width;

        if (shape == BATCH_ALL || shape == BATCH_SORTED)
            memcpy(key, model->sorted[i]->key, width);
        else if (shape == BATCH_REVERSED)
            memcpy(key, model->sorted[count - 1 - i]->key, width);
        else if (shape == BATCH_SAME)
            memcpy(key, same, width);
        else if (shape == BATCH_NONE)
            absent_key(model, rng, key);
        else if (i > 0 && rng_below(rng, 8) == 0)
            memcpy(key, keys + (size_t)rng_below(rng, i) * width, width);
        else
            model_probe_key(rng, model, key);
    }
    if (shape == BATCH_ALL)
        rng_shuffle(rng, keys, count, width);
    *ret_count = count;
    return keys;
}
