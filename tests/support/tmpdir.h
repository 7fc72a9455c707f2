/*
 * Temporary directories and whole-file operations for tests.
 *
 * None of these functions returns an error: a test can't go on without its files, so they print
 * what failed and abort.
 */
#ifndef TEST_TMPDIR_H
#define TEST_TMPDIR_H

#include <stddef.h>
#include <stdint.h>

#define TMPDIR_PATH_MAX 4096

typedef struct tmpdir {
    char path[TMPDIR_PATH_MAX];
} tmpdir;

/* Prints the message and aborts. */
void test_die(const char *format, ...) __attribute__((noreturn))
__attribute__((format(printf, 1, 2)));

/* malloc and realloc that abort instead of returning NULL; a size of 0 gives a pointer as well. */
void *must_malloc(size_t size);
void *must_realloc(void *old, size_t size);

/* A new directory under $TMPDIR, or under the working directory if that is not set. */
void tmpdir_make(tmpdir *ret_dir);
/* The same, on a file system in memory where there is one (/dev/shm). */
void tmpdir_make_in_memory(tmpdir *ret_dir);
/* A new directory in another one, which goes when that goes. An assertion that fails leaves a test
 * without its clean-up, so a test that wants a directory of its own takes one below its group's. */
void tmpdir_make_below(const tmpdir *parent, tmpdir *ret_dir);
/* Remove the directory and all that is in it. */
void tmpdir_remove(const tmpdir *dir);
/* Path of `name` in the directory, for free(). */
char *tmpdir_file(const tmpdir *dir, const char *name);
/* Number of entries in the directory, `.` and `..` not counted. */
size_t tmpdir_count(const tmpdir *dir);
/* Names in the directory, one a line and in byte order, for free(). Empty directory: "". */
char *tmpdir_list(const tmpdir *dir);

/* For groups of cmocka tests: *state is a tmpdir, in memory where that can be had. */
int tmpdir_setup(void **state);
int tmpdir_teardown(void **state);

/* The whole file, for free(). A terminating zero follows that is not counted. */
unsigned char *file_read(const char *path, size_t *ret_size);
/* Create or overwrite. */
void file_write(const char *path, const void *bytes, size_t size);
/* Overwrite `size` bytes in place at `offset`; the file grows if it has to. */
void file_patch(const char *path, uint64_t offset, const void *bytes, size_t size);
/* Invert one bit: bit 0 is the least significant one of the first byte. */
void file_flip_bit(const char *path, uint64_t bit);
void file_truncate(const char *path, uint64_t size);
void file_copy(const char *from, const char *to);
uint64_t file_size(const char *path);
int file_exists(const char *path);

#endif
