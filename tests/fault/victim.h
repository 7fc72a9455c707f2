/*
 * A build to inject faults into: a directory with an old store at a path, the model of the new
 * store that replaces it, and the bytes that both files have without faults.
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
    uint64_t memory;   /* as in ikv_writer_options */
    bool duplicates;   /* every tenth key twice, with IKV_DUPLICATES_LAST */
    bool by_callback;  /* ikv_build instead of ikv_writer_* */
    bool merged;       /* ikv_merge of two stores */
    bool ranges;       /* a store of ranges, of one key each */
    bool no_old_store; /* no file at the path before the build */
    bool on_disk;      /* in $TMPDIR instead of memory */
} victim_setup;

typedef struct victim {
    victim_setup setup;
    tmpdir dir;
    char *path; /* "store" in dir */
    store_model model;
    ikv_writer_options options;
    ikv_build_stats stats; /* of the last successful build */
    tmpdir inputs;         /* if merged, the directory of these two */
    ikv_store *input[2];
    unsigned char *old_image;
    size_t old_size;
    unsigned char *new_image;
    size_t new_size;
} victim;

/* Builds the new store once without faults and checks it against its model, then puts the old one
 * in its place. */
void victim_make(victim *ret_self, const victim_setup *setup);
void victim_free(victim *self);

/* Builds the new store at the path. Returns the code of the first call that failed, or 0. */
int victim_build(victim *self, ikv_error *err);
/* Restores the old store at the path, or removes the file, and removes all other files. */
void victim_reset(const victim *self);

/* Whether the path has the old store (or as before no file), or the new one, byte for byte. */
bool victim_is_old(const victim *self);
bool victim_is_new(const victim *self);
/* Number of other files in the directory. */
size_t victim_orphans(const victim *self);
/* The path of one of them, NULL if there is none. Free with free(). */
char *victim_orphan(const victim *self);

#endif
