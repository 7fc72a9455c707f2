/* Mapped stores whose pages tests drop from memory and read again, and wrong residency hints. */
#ifndef TEST_MAP_FIXTURE_H
#define TEST_MAP_FIXTURE_H

#include "core/store/store.h"

#include "engines.h"
#include "fixtures.h"
#include "model.h"
#include "stores.h"
#include "tmpdir.h"

/* Pages of a range of the store's file: those in memory now, and all. */
size_t map_count_resident(const ikv_store *store, uint64_t offset, uint64_t size);
size_t map_count_pages(const ikv_store *store, uint64_t offset, uint64_t size);
/* Whether the system reports which pages are in memory. If not, lookups set no hints. */
bool map_reports_residency(void);
/* Drop the pages of a range from memory. Exits with 77 if the file system keeps them, with 1 if
 * something else does. */
void map_drop(const ikv_store *store, uint64_t offset, uint64_t size);
/* Drop the pages that can be dropped. Any thread may call this. */
void map_try_to_drop(const ikv_store *store, uint64_t offset, uint64_t size);
/* Read the pages of a range into memory. */
void map_warm(const ikv_store *store, uint64_t offset, uint64_t size);
/* Set the residency hints of all pages, each group of 64 to `word`. */
void map_set_hints(const ikv_store *store, uint64_t word);
void map_set_random_hints(const ikv_store *store, rng_state *rng);
/* Set the samples of all pages large enough to have samples. No lookup may be running. */
void map_set_random_samples(const ikv_store *store, rng_state *rng);
/* Set the numbers of entries of all leaves. No lookup may be running. */
void map_set_random_counts(ikv_store *store, rng_state *rng);

/* Write a store with the u64 keys 0, 1, 2, ... and values of `size` bytes. */
void map_make(const char *path, uint64_t count, size_t size, uint32_t flags,
              store_model *ret_model);

#endif
