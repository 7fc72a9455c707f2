/*
 * A build that things happen to: an old store at a path in a directory of its own, a model of the
 * store that is to replace it, and the bytes that both have when nothing goes wrong.
 */
#ifndef IKV_TESTS_VICTIM_H
#define IKV_TESTS_VICTIM_H

#include "indexkv.h"

#include "model.h"
#include "tmpdir.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct victim_setup {
    ikv_key_type type;
    size_t pairs;
    model_sizes sizes;
    uint32_t flags;    /* IKV_WRITE_* */
    uint64_t memory;   /* of the writer; 0: its default */
    bool duplicates;   /* every tenth key twice, policy: last */
    bool by_callback;  /* ikv_build instead of the writer */
    bool no_old_store; /* nothing at the path before */
    bool on_disk;      /* in $TMPDIR rather than in memory */
} victim_setup;

typedef struct victim {
    victim_setup setup;
    tmpdir dir;
    char *path; /* "store" in dir */
    store_model model;
    ikv_writer_options options;
    ikv_build_stats stats; /* of the last build that went well */
    unsigned char *old_image;
    size_t old_size;
    unsigned char *new_image;
    size_t new_size;
} victim;

/* The new store is built once without faults and held against its model; then the old one is put
 * in its place. */
void victim_make(victim *ret_self, const victim_setup *setup);
void victim_free(victim *self);

/* Build the new store at the path. The code of the first call that failed. */
int victim_build(victim *self, ikv_error *err);
/* The old store at the path (or nothing), and nothing else in the directory. */
void victim_reset(const victim *self);

/* What is at the path, byte for byte? */
bool victim_is_old(const victim *self);
bool victim_is_new(const victim *self);
/* Files in the directory beside the path. */
size_t victim_orphans(const victim *self);
/* One of them, for free(); NULL if there is none. */
char *victim_orphan(const victim *self);

/* Descriptors that this process has open. */
size_t open_descriptors(void);

#endif
