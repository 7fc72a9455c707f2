#include "gate.h"

#include "stores.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

void gate_init(test_gate *gate)
{
    (void)pthread_mutex_init(&gate->lock, NULL);
    (void)pthread_cond_init(&gate->changed, NULL);
    gate->open = 0;
    gate->held = gate->arrived = 0;
}

void gate_destroy(test_gate *gate)
{
    (void)pthread_cond_destroy(&gate->changed);
    (void)pthread_mutex_destroy(&gate->lock);
}

void gate_set(test_gate *gate, int open)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->open = open;
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->lock);
}

void gate_pass(test_gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->held++;
    gate->arrived++;
    (void)pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    gate->held--;
    (void)pthread_mutex_unlock(&gate->lock);
}

void gate_wait_held(test_gate *gate, size_t held)
{
    (void)pthread_mutex_lock(&gate->lock);
    while (gate->held < held)
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    (void)pthread_mutex_unlock(&gate->lock);
}

int gate_each(void *user, size_t index, const ikv_item *item)
{
    (void)index;
    (void)item;
    gate_pass(user);
    return 0;
}

ikv_get_options gate_get_options(test_gate *gate)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;

    options.on_value = gate_each;
    options.user = gate;
    return options;
}

void worker_hold(held_worker *ret, ikv_store *store, const void *key, ikv_probe probe)
{
    ikv_error err;

    gate_init(&ret->gate);
    ikv_get_options options = gate_get_options(&ret->gate);
    options.probe = probe;
    ret->result = NULL;
    assert_ok(ikv_result_new(&ret->result), NULL);
    assert_ok(ikv_submit(store, key, 1, &options, NULL, ret->result, &err), &err);
    gate_wait_held(&ret->gate, 1);
}

void worker_release(held_worker *held)
{
    ikv_error err;

    gate_set(&held->gate, 1);
    assert_ok(ikv_wait(held->result, &err), &err);
    gate_destroy(&held->gate);
}
