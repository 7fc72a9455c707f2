/* Files written by the Rust crate (tests/golden), and their expected contents. */
#ifndef TEST_GOLDEN_H
#define TEST_GOLDEN_H

#include "indexkv.h"

#include "model.h"

#include <stddef.h>
#include <stdint.h>

typedef struct golden_file {
    char path[512];
    char name[64];
    char case_name[16]; /* "seq", "shuf", "dup", "rewrite" or "interrupted" */
    ikv_key_type type;
    int is_complete;
    size_t pair_count; /* 0 if incomplete */
    uint32_t stride;
    uint64_t file_bytes;
} golden_file;

/* All files of both manifests. Free with free(). */
golden_file *golden_list(size_t *ret_count);

/* The expected pairs of a complete file, sorted. Free with model_free. */
void golden_expected(const golden_file *file, store_model *ret_model);

#endif
