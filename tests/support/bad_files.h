/*
 * Malformed files: a table of small changes to a sound file, each with the exact error that opening
 * and verifying the file must return.
 */
#ifndef TEST_BAD_FILES_H
#define TEST_BAD_FILES_H

#include "indexkv.h"

#include "model.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <stddef.h>
#include <stdint.h>

/* What an offset is relative to. */
typedef enum bad_place {
    BAD_HEADER,
    BAD_INDEX,
    BAD_FOOTER,
    BAD_DIRECTORY, /* the first entry */
    BAD_ENTRY,     /* the directory entry of section `type` */
    BAD_SECTION,   /* the contents of section `type` */
    BAD_LEAF       /* the leaf of number `type` */
} bad_place;

/* Checksums to recompute after the change. */
enum {
    FIX_PAGES = 1,
    FIX_BLOCKS = 2,
    FIX_SECTIONS = 4,
    FIX_DIRECTORY = 8,
    FIX_HEADER = 16,
    FIX_FOOTER = 32,
    FIX_ALL = 63
};

typedef struct bad_file {
    const char *name;
    bad_place place;
    uint32_t type;
    size_t offset;
    size_t width; /* of `number` in bytes; 0: XOR it into one byte */
    uint64_t number;
    unsigned fix;
    int open_code;   /* returned by ikv_open */
    int verify_code; /* returned by ikv_verify; 0: open_code */
} bad_file;

/* Returns the changed image. */
store_image bad_file_apply(const bad_file *bad, const store_image *sound);

/* What the files of a table are made from. */
typedef struct bad_source {
    const char *group; /* name of the cmocka group */
    tmpdir dir;        /* where the files are written */
    store_image sound;
    store_model model;
} bad_source;

/*
 * Runs one cmocka test per file, named bad-NAME: ikv_open and ikv_verify return the codes of the
 * table, with and without a key type, and files that open pass assert_never_wrong. Returns the
 * number of failed tests.
 */
int bad_files_run(const bad_source *source, const bad_file *bad, size_t count);

/* Looks up all keys of the model (ikv_get, and ikv_get_many with every match mode) and scans in
 * both orders: each answer is right or IKV_CORRUPT, or the call fails with a code for damage. */
void assert_never_wrong(const char *path, const store_model *model, ikv_key_type type);
/* The same with another backend than AUTO, if it is available. */
void assert_never_wrong_with(const char *path, const store_model *model, ikv_key_type type,
                             ikv_backend backend);

#endif
