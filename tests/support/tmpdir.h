/*
 * Temporary directories and whole-file operations for tests.
 *
 * A test cannot continue without its files: on errors, these functions print a message and abort.
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

/* malloc and realloc that abort instead of returning NULL. A size of 0 gives a valid pointer. */
void *must_malloc(size_t size);
void *must_realloc(void *old, size_t size);

/* Creates a directory under $TMPDIR, or if that is not set, in the working directory. */
void tmpdir_make(tmpdir *ret_dir);
/* Creates a directory on a file system in memory (/dev/shm), if there is one. */
void tmpdir_make_in_memory(tmpdir *ret_dir);
/* Creates a directory inside another and is removed with it. A failed assertion skips a test's
 * clean-up, so a test that needs its own directory creates it inside its group's. */
void tmpdir_make_inside(const tmpdir *parent, tmpdir *ret_dir);
/* Removes the directory and its contents. */
void tmpdir_remove(const tmpdir *dir);
/* The path of `name` in the directory. Free with free(). */
char *tmpdir_file(const tmpdir *dir, const char *name);
/* Number of entries in the directory, without `.` and `..`. */
size_t tmpdir_count(const tmpdir *dir);
/* The names in the directory, one per line, in byte order. Free with free(). */
char *tmpdir_list(const tmpdir *dir);

/* For groups of cmocka tests: *state is a tmpdir made by tmpdir_make_in_memory. */
int tmpdir_setup(void **state);
int tmpdir_teardown(void **state);

/* Reads the whole file. A zero byte, not counted in the size, follows. Free with free(). */
unsigned char *file_read(const char *path, size_t *ret_size);
/* Creates or replaces the file. */
void file_write(const char *path, const void *bytes, size_t size);
/* Overwrites `size` bytes at `offset`. The file grows if necessary. */
void file_patch(const char *path, uint64_t offset, const void *bytes, size_t size);
/* Inverts one bit. Bit 0 is the least significant bit of the first byte. */
void file_flip_bit(const char *path, uint64_t bit);
void file_truncate(const char *path, uint64_t size);
void file_copy(const char *from, const char *to);
uint64_t file_size(const char *path);
int file_exists(const char *path);

#endif
