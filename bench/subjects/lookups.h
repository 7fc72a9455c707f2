/* A subject: lookups of random keys that are in the store, a batch a step. Every answer is checked.
 */
#ifndef BENCH_LOOKUPS_H
#define BENCH_LOOKUPS_H

#include "data/dataset.h"
#include "harness/subject.h"

#include <indexkv.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How much of the index may be held in memory. */
enum index_budget {
    INDEX_DEFAULT,
    INDEX_NOTHING,
    INDEX_FENCES, /* exactly all fences and page checksums */
    INDEX_ALL     /* and all pages: they are looked up once before anything is measured */
};

struct lookups_options {
    struct dataset data;
    ikv_backend backend;
    bool direct; /* O_DIRECT: cold. Otherwise the whole file is in the page cache. */
    enum index_budget index;
    uint32_t threads; /* workers of its engine; 0: the library's default */
    uint32_t depth;   /* reads in flight of each; 0: the library's default */
    size_t batch;     /* keys; 1: by ikv_get, otherwise by ikv_get_many */
    uint64_t cycle;   /* batches after which the same ones come again; 0: never */
    ikv_probe probe;
    uint32_t flags; /* IKV_GET_* */
};

struct subject *lookups_new(const struct lookups_options *options);

/* What the last step did. */
const ikv_stats *lookups_last(const struct subject *subject);
/* The store's file, once the subject is open. */
const char *lookups_path(const struct subject *subject);

/* Is this what ikv_open says if what was asked for by name (a ring, O_DIRECT) can't be had here? */
bool lookups_is_unavailable(int code);

#endif
