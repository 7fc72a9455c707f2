/* Searches of indexes in memory: does what the driver of a run does, without a file. */
#ifndef TEST_SEARCH_DRIVER_H
#define TEST_SEARCH_DRIVER_H

#include "core/index/learn.h"
#include "core/index/search.h"

#include "model.h"
#include "rng.h"

typedef struct memory_index {
    struct ikv_geometry geometry;
    unsigned char *entries; /* entry i has the position index_position(i) */
} memory_index;

/* The sorted pairs of a model; stride 0 selects the default. */
void index_from_model(memory_index *ret, const store_model *model, size_t stride);
/* u64 keys: entry i has key 10 * i + 5. */
void index_of_numbers(memory_index *ret, uint64_t count);
void index_free(memory_index *index);

uint64_t index_position(uint64_t entry);
uint64_t index_entry(uint64_t position);
unsigned char *index_page_bytes(const memory_index *index, uint64_t page);
/* The first key of a page, in words. */
void index_first_key(const memory_index *index, uint64_t page, uint64_t *ret_words);

/* Fences of the given pages in ascending order, or of every step-th page without page numbers. */
void fences_of_pages(struct ikv_fences *ret, const memory_index *index, const uint32_t *pages,
                     uint64_t count);
void fences_of_steps(struct ikv_fences *ret, const memory_index *index, uint64_t step);
void fences_free(struct ikv_fences *fences);

/* Distinct keys in order. */
typedef struct key_batch {
    unsigned char *keys; /* host byte order */
    uint64_t *words;
    uint32_t count;
} key_batch;

/* From `count` keys in any order, possibly repeated. */
void batch_make(key_batch *ret, ikv_key_type type, const unsigned char *keys, size_t count);
void batch_free(key_batch *batch);

/* Outcome of a search. */
typedef struct search_answers {
    ikv_match match;
    int32_t *status;
    uint64_t *positions; /* of keys that were found */
    unsigned char *matched;
    uint64_t probes;
    uint32_t depth; /* of the deepest probe, counted from 1; 0 if there was none */
    uint32_t corrupt_pages;
} search_answers;

/* Run a search to its end, with pages completing in random order. Fails the test if a key does not
 * get exactly one status, or if the search probes more than `max_probes` pages. `learned` may be
 * NULL. */
void search_run(search_answers *ret, const memory_index *index, const struct ikv_fences *fences,
                const key_batch *batch, ikv_match match, rng_state *rng, uint64_t max_probes,
                struct ikv_learned *learned);
void answers_free(search_answers *answers);
/* Compare them with the model that the index was made from. */
void assert_answers(const search_answers *answers, const store_model *model,
                    const key_batch *batch);

#endif
