/* A subject: lookups of random keys, one batch per step. All answers are checked. */
#ifndef BENCH_LOOKUPS_H
#define BENCH_LOOKUPS_H

#include "data/dataset.h"
#include "harness/subject.h"

#include <indexkv.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How much of the index may be cached. */
enum index_budget {
    INDEX_DEFAULT,
    INDEX_NONE,
    INDEX_FENCES, /* exactly all fences and page checksums */
    INDEX_ALL     /* also all pages, which are read before the measurement */
};

struct lookups_options {
    struct dataset data;
    ikv_backend backend;
    bool direct; /* O_DIRECT: cold. Otherwise the whole file is in the page cache */
    enum index_budget index;
    uint32_t threads; /* workers of the engine; 0: the library's default */
    uint32_t depth;   /* reads in flight per worker; 0: the library's default */
    size_t batch;     /* keys; 1: uses ikv_get, otherwise ikv_get_many */
    uint64_t cycle;   /* batches after which the same keys are repeated; 0: never */
    ikv_probe probe;
    bool absent;     /* no key is in the store; otherwise all are */
    ikv_match match; /* floor and ceiling: of keys between stored ones */
    uint32_t flags;  /* IKV_GET_* */
};

struct subject *lookups_new(const struct lookups_options *options);

/* Statistics of the last step. */
const ikv_stats *lookups_last(const struct subject *subject);
/* The store's file, once the subject is open. */
const char *lookups_path(const struct subject *subject);

/* Whether ikv_open failed because a requested feature (io_uring, O_DIRECT) is not available. */
bool lookups_is_unavailable(int code);

#endif
