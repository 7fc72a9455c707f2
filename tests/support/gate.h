/*
 * A gate that callbacks of the library are held at: so a batch is in flight for as long as a test
 * wants, without a clock.
 */
#ifndef TEST_GATE_H
#define TEST_GATE_H

#include "indexkv.h"

#include <pthread.h>
#include <stddef.h>

typedef struct test_gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int open;
    size_t held;    /* callbacks at the gate now */
    size_t arrived; /* callbacks so far */
} test_gate;

void gate_init(test_gate *gate);
void gate_destroy(test_gate *gate);
/* Open, or close again. */
void gate_set(test_gate *gate, int open);
/* Wait until the gate is open. */
void gate_pass(test_gate *gate);
/* Wait until so many are held at the gate. */
void gate_wait_held(test_gate *gate, size_t held);

/* An ikv_value_fn whose user is a gate. */
int gate_each(void *user, size_t index, const ikv_item *item);
/* Options with it. */
ikv_get_options gate_get_options(test_gate *gate);

/* A worker that is held at a gate by a batch of one key; other workers of the engine still run. */
typedef struct held_worker {
    test_gate gate;
    ikv_result *result; /* of the batch; free it after worker_release */
} held_worker;

void worker_hold(held_worker *ret, ikv_store *store, const void *key, ikv_probe probe);
/* Let the worker go on and wait for its batch. */
void worker_release(held_worker *held);

#endif
