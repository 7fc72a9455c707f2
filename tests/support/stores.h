/*
 * Stores built from a model, and the answers of the library held against it. The assert_* functions
 * fail the running cmocka test with a message that names key and place.
 */
#ifndef TEST_STORES_H
#define TEST_STORES_H

#include "indexkv.h"

#include "answers.h"
#include "checks.h"
#include "model.h"

#include <stddef.h>
#include <stdint.h>

/* Options that build a store of ours that is the same every time (a fixed store id). */
ikv_writer_options store_options(ikv_key_type type);
/* Write all pairs of the model in their arrival order. */
void store_write(const char *path, const store_model *model, const ikv_writer_options *options);

/* Read a store by the decoder alone, as a model in arrival order, sorted. `checksum_size` is what
 * the records of the file hold beyond the value: 4 in stores of ours, 0 in plain ones. */
void store_decode(const char *path, ikv_key_type type, uint32_t stride, uint32_t checksum_size,
                  store_model *ret_model);
/* The same pairs (of a repeated key: the same values in any order). */
void assert_models_equal(const store_model *a, const store_model *b);

/* The layout that store_options has: INDEXKV_TEST_LAYOUT (arrival, clustered), or arrival. */
ikv_layout store_layout(void);
/* What stores are read with: INDEXKV_TEST_BACKEND (auto, pread, uring), or pread. */
ikv_backend store_backend(void);
/* The engine they use: one worker, so that what a test puts under the library is called by one
 * thread at a time. It is never closed. */
ikv_engine *store_engine(void);

/* Open; the test fails if it can't be. `index_memory` as in ikv_open_options. */
ikv_store *store_open(const char *path, ikv_key_type type, uint32_t stride, uint64_t index_memory);

/* Scan in key order. NULL bounds and limit 0 as in ikv_scan_options. */
void assert_key_scan(ikv_store *store, const store_model *model, const void *from, const void *to,
                     uint64_t limit, uint64_t memory);
/* Scan in storage order: the values of `arrival[0..count)`, one after the other; in the order of
 * their keys if the store is clustered. */
void assert_storage_scan(ikv_store *store, const model_pair *const *arrival, size_t count,
                         uint64_t limit, uint64_t memory);
/* Pairs of the sorted model (duplicates dropped or not) in arrival order, for free(). */
const model_pair **model_by_arrival(const store_model *model);
/* Everything there is: info, every key by get and get_many, absent neighbours, both scans. */
void assert_store_equals(const char *path, const store_model *model);

#endif
