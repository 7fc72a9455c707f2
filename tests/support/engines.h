/*
 * Engines under test: stores on them, batches of all shapes, and what a process must not have more
 * of afterwards than before.
 */
#ifndef TEST_ENGINES_H
#define TEST_ENGINES_H

#include "indexkv.h"

#include "answers.h"
#include "model.h"
#include "rng.h"

#include <stddef.h>
#include <stdint.h>

/* As in ikv_engine_options; the test fails if it can't be had. */
ikv_engine *engine_make(uint32_t threads, uint32_t depth, uint32_t queue, uint64_t bytes_in_flight);

/* How a store is read. */
typedef struct engine_way {
    const char *name;
    ikv_backend backend;
    uint32_t flags; /* IKV_OPEN_* */
} engine_way;

/* pread, auto, uring, and uring with O_DIRECT; the last two only where `path` can be read so.
 * Returns how many, at most ENGINE_WAYS_MAX. */
#define ENGINE_WAYS_MAX 6
size_t engine_ways(const char *path, ikv_key_type type, engine_way ret_ways[ENGINE_WAYS_MAX]);

/* `engine` NULL: the store has one of its own. */
ikv_store *engine_open(const char *path, ikv_key_type type, const engine_way *way,
                       ikv_engine *engine);

/* Write a random store of this type and fill the model with what is in it. */
void engine_fill(const char *path, ikv_key_type type, uint32_t write_flags, size_t count,
                 model_sizes sizes, uint64_t seed, store_model *ret_model);

/* What a batch consists of. */
typedef enum batch_shape {
    BATCH_MIXED,    /* present, absent and repeated keys in any order */
    BATCH_EMPTY,    /* nothing */
    BATCH_ONE,      /* one key */
    BATCH_ALL,      /* every key of the store, in any order */
    BATCH_NONE,     /* keys that are not in the store, if its type has such */
    BATCH_SAME,     /* one key again and again */
    BATCH_SORTED,   /* every key of the store in order */
    BATCH_REVERSED, /* the other way round */
    BATCH_SHAPES
} batch_shape;

/* About `count` keys (all that there are, for some shapes), for free(). */
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
