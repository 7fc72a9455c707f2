/*
 * Malformed files: a table of small changes to a sound file, each with the exact error that it must
 * give when opened, verified or looked up.
 */
#ifndef TEST_BAD_FILES_H
#define TEST_BAD_FILES_H

#include "indexkv.h"

#include "model.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <stddef.h>
#include <stdint.h>

/* Where an offset counts from. */
typedef enum bad_place {
    BAD_HEADER,
    BAD_INDEX,
    BAD_FOOTER,
    BAD_DIRECTORY, /* the first entry */
    BAD_ENTRY,     /* the directory entry of the section `type` */
    BAD_SECTION    /* the bytes of the section `type` */
} bad_place;

/* Which checksums are made right after the change. */
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
    size_t width; /* of the number; 0: one byte is combined with it by exclusive or */
    uint64_t number;
    unsigned fix;
    int open_code;   /* of ikv_open; 0: it opens */
    int verify_code; /* of ikv_verify; 0: the same as open_code */
} bad_file;

/* The changed image. */
store_image bad_file_apply(const bad_file *bad, const store_image *sound);
/* What the files of a table are made from. */
typedef struct bad_source {
    const char *group; /* name of the group of cmocka tests */
    tmpdir dir;        /* for the files */
    store_image sound;
    store_model model;
} bad_source;

/*
 * One cmocka test a file, named as the file is: bad-NAME. Holds ikv_open and ikv_verify against the
 * table, with and without a key type; what opens is looked up and scanned: no key may get a wrong
 * value, none that is there may be missing. Returns the number of failed tests.
 */
int bad_files_run(const bad_source *source, const bad_file *bad, size_t count);
/* All keys of the model by get_many (every match mode) and get, both scans: every answer is right
 * or says CORRUPT (or the call fails with a code for damage). */
void assert_never_wrong(const char *path, const store_model *model, ikv_key_type type);

#endif
