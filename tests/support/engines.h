/* Engines under test, stores that use them, and batches of all shapes. */
#ifndef TEST_ENGINES_H
#define TEST_ENGINES_H

#include "indexkv.h"

#include "answers.h"
#include "model.h"
#include "process.h"
#include "rng.h"

#include <stddef.h>
#include <stdint.h>

/* Arguments as in ikv_engine_options. The test fails if the engine cannot be created. */
ikv_engine *engine_make(uint32_t threads, uint32_t depth, uint32_t queue, uint64_t bytes_in_flight);

/* How a store is opened and read. */
typedef struct open_mode {
    const char *name;
    ikv_backend backend;
    uint32_t flags; /* IKV_OPEN_* */
} open_mode;

/* All modes that `path` can be opened in: always pread and auto, if available also mmap, io_uring
 * and O_DIRECT. Returns their number, at most OPEN_MODES_MAX. */
#define OPEN_MODES_MAX 6
size_t open_modes(const char *path, ikv_key_type type, open_mode ret_modes[OPEN_MODES_MAX]);

/* `engine` NULL: the store has its own engine. */
ikv_store *engine_open(const char *path, ikv_key_type type, const open_mode *mode,
                       ikv_engine *engine);

/* Write a random store of this type and return its pairs in the model. */
void engine_fill(const char *path, ikv_key_type type, uint32_t write_flags, size_t count,
                 model_sizes sizes, uint64_t seed, store_model *ret_model);

/* Contents of a batch. */
typedef enum batch_shape {
    BATCH_MIXED,    /* present, absent and repeated keys in random order */
    BATCH_EMPTY,    /* no keys */
    BATCH_ONE,      /* one key */
    BATCH_ALL,      /* every key of the store in random order */
    BATCH_NONE,     /* absent keys, if the store does not have all keys of its type */
    BATCH_SAME,     /* the same key repeated */
    BATCH_SORTED,   /* every key of the store in ascending order */
    BATCH_REVERSED, /* every key of the store in descending order */
    BATCH_SHAPES
} batch_shape;

/* Keys for a batch, to be freed with free(). `count` is ignored for shapes that determine it. */
unsigned char *batch_keys(const store_model *model, rng_state *rng, batch_shape shape, size_t count,
                          size_t *ret_count);

#endif
