/* Stores on a disk whose pages are dropped from memory and read again, and beliefs that are wrong.
 */
#ifndef TEST_MAP_FIXTURE_H
#define TEST_MAP_FIXTURE_H

#include "core/store/store.h"

#include "engines.h"
#include "fixtures.h"
#include "model.h"
#include "stores.h"
#include "tmpdir.h"

/* Pages of a range of the store's file that are in memory now, and how many there are. */
size_t map_count_resident(const ikv_store *store, uint64_t offset, uint64_t size);
size_t map_count_pages(const ikv_store *store, uint64_t offset, uint64_t size);
/* Drop them (all that is mapped of them by this process, too). Ends the program with 77 if the
 * file system keeps them. */
void map_drop(const ikv_store *store, uint64_t offset, uint64_t size);
/* The same, of what can be dropped; from any thread. */
void map_try_to_drop(const ikv_store *store, uint64_t offset, uint64_t size);
/* Read them. */
void map_warm(const ikv_store *store, uint64_t offset, uint64_t size);
/* Set what is believed of every page, 64 a word. */
void map_believe(const ikv_store *store, uint64_t word);
void map_believe_garbage(const ikv_store *store, rng_state *rng);
/* Set the samples of all pages that are large enough to have some. No lookup may be running. */
void map_sample_garbage(const ikv_store *store, rng_state *rng);

/* A store of keys 0, 1, 2, ... (u64) with values of `size` bytes. */
void map_make(const char *path, uint64_t count, size_t size, uint32_t flags,
              store_model *ret_model);

#endif
