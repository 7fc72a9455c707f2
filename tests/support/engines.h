/*
 * Engines under test: stores that use them, batches of all shapes, and the resources of the process
 * to check for leaks.
 */
#ifndef TEST_ENGINES_H
#define TEST_ENGINES_H

#include "indexkv.h"

#include "answers.h"
#include "model.h"
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

/* Peak memory of this process in bytes. */
uint64_t process_peak_memory(void);
/* Descriptors and threads of this process. */
size_t process_descriptors(void);
size_t process_threads(void);
/* Waits until the number of threads is down to `wanted`, at most some seconds, and returns it: a
 * joined thread leaves the kernel's list a moment later. */
size_t process_threads_down_to(size_t wanted);

/* Both, to show that nothing was leaked. */
typedef struct process_usage {
    size_t descriptors;
    size_t threads;
} process_usage;
process_usage process_usage_now(void);
#define assert_process_usage(before) assert_process_usage_at((before), __FILE__, __LINE__)
void assert_process_usage_at(process_usage before, const char *file, int line);

#endif
