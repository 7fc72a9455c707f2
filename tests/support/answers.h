/* Answers to lookups, checked against the model. */
#ifndef TEST_ANSWERS_H
#define TEST_ANSWERS_H

#include "indexkv.h"

#include "model.h"

#include <stddef.h>

/* Whether one item is the model's answer: status, key, value, size, alignment. If the model holds
 * the key more than once, any copy is right. Does not fail the test: safe in any thread. */
int item_is_right(const store_model *model, const void *key, ikv_match match, const ikv_item *item);
void assert_item(const store_model *model, const void *key, ikv_match match, const ikv_item *item);

/* Whether a result answers a whole batch as the model does. Does not fail the test either. */
int batch_is_right(const store_model *model, const void *keys, size_t count, ikv_match match,
                   const ikv_result *result);

/* ikv_get_many of the batch: checks every item, and the statistics. */
void assert_batch(ikv_store *store, const store_model *model, const void *keys, size_t count,
                  ikv_match match, ikv_result *result);
/* ikv_get of one key. */
void assert_get(ikv_store *store, const store_model *model, const void *key, ikv_match match,
                ikv_result *result);

#endif
