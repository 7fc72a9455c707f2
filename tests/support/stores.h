/*
 * Stores written from a model, and checked against it. The assert_* functions fail the running
 * cmocka test with a message that names the key.
 */
#ifndef TEST_STORES_H
#define TEST_STORES_H

#include "indexkv.h"

#include "answers.h"
#include "checks.h"
#include "model.h"

#include <stddef.h>
#include <stdint.h>

/* Options for a native store with a fixed store id, so that builds are reproducible. */
ikv_writer_options store_options(ikv_key_type type);
/* The same with IKV_WRITE_ flags. Plain files have no id and no layout. */
ikv_writer_options store_options_with(ikv_key_type type, uint32_t flags);
/* Writes all pairs of the model in arrival order. */
void store_write(const char *path, const store_model *model, const ikv_writer_options *options);

/* Reads a store with the decoder, without the library, into a sorted model. `checksum_size`: bytes
 * of a record after the value, 4 in native stores, 0 in plain files. */
void store_decode(const char *path, ikv_key_type type, uint32_t stride, uint32_t checksum_size,
                  store_model *ret_model);
/* Both have the same pairs; values of equal keys may be in any order. */
void assert_models_equal(const store_model *a, const store_model *b);

/* The layout that store_options sets, from INDEXKV_TEST_LAYOUT: arrival (the default), clustered,
 * or filtered, which is clustered without a v2 index and with a filter. */
ikv_layout store_layout(void);
/* The backend of store_open: INDEXKV_TEST_BACKEND (auto, mmap, pread, uring, http,
 * nginx), default pread. */
ikv_backend store_backend(void);
/* Whether INDEXKV_TEST_BACKEND is http or nginx: store_open opens URLs. */
int store_is_remote(void);
/* The engine of store_open. It has one worker, so that test doubles below the library are called by
 * one thread at a time. Never closed. */
ikv_engine *store_engine(void);

/* Opens a store, with INDEXKV_TEST_BACKEND=http at a URL. The test fails if that fails.
 * `index_memory` as in ikv_open_options. */
ikv_store *store_open(const char *path, ikv_key_type type, uint32_t stride, uint64_t index_memory);

/* Scans in key order. Bounds NULL and limit 0 as in ikv_scan_options. */
void assert_key_scan(ikv_store *store, const store_model *model, const void *from, const void *to,
                     uint64_t limit, uint64_t memory);
/* Scans in storage order: the values of `arrival[0..count)` in this order, in a clustered store in
 * key order. */
void assert_storage_scan(ikv_store *store, const model_pair *const *arrival, size_t count,
                         uint64_t limit, uint64_t memory);
/* Item `number` of a scan in this order over a store of all pairs of the model. */
const model_pair *store_scanned_pair(const ikv_store *store, const store_model *model,
                                     ikv_order order, size_t number);
/* The pairs of model->sorted in arrival order. Free with free(). */
const model_pair **model_by_arrival(const store_model *model);
/* Checks everything: info, all keys and absent neighbours in batches, a sample of the keys by
 * ikv_get, both scans. */
void assert_store_equals(const char *path, const store_model *model);

#endif
