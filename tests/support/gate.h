/*
 * A gate at which callbacks of the library wait, so that a test can keep a batch in flight for as
 * long as it needs without depending on time.
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
    size_t held;    /* callbacks waiting now */
    size_t arrived; /* callbacks that have waited or passed so far */
} test_gate;

void gate_init(test_gate *gate);
void gate_destroy(test_gate *gate);
/* Open, or close again. */
void gate_set(test_gate *gate, int open);
/* Wait until the gate is open. */
void gate_pass(test_gate *gate);
/* Wait until `held` callbacks are waiting. */
void gate_wait_held(test_gate *gate, size_t held);

/* An ikv_value_fn that waits at the gate given as `user`. */
int gate_each(void *user, size_t index, const ikv_item *item);
/* Options with this callback. */
ikv_get_options gate_get_options(test_gate *gate);

/* A worker that waits at a gate with a batch of one key, while other workers of the engine run. */
typedef struct held_worker {
    test_gate gate;
    ikv_result *result; /* of the batch; free it after worker_release */
} held_worker;

void worker_hold(held_worker *ret, ikv_store *store, const void *key, ikv_probe probe);
/* Let the worker go on and wait for its batch. */
void worker_release(held_worker *held);

#endif
