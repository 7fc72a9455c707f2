/* Complete reads and writes, temporary files, random bytes. */
#ifndef IKV_FILE_IO_H
#define IKV_FILE_IO_H

#include <stddef.h>
#include <stdint.h>

/* Read all `size` bytes, going on after interruptions and short reads, which are added to *retries
 * (NULL is allowed). IKV_E_TRUNCATED at the end of the file. */
int ikv_pread_all(int fd, void *buf, size_t size, uint64_t offset, uint64_t *retries);
/* Read at least `need` bytes and up to `size`, which may reach beyond the end of the file. */
int ikv_pread_some(int fd, void *buf, size_t size, size_t need, uint64_t offset, uint64_t *retries);
/* The same, from the page cache only. -EAGAIN: not all of it is there; -EOPNOTSUPP: not
 * supported by the file system. */
int ikv_pread_resident(int fd, void *buf, size_t size, size_t need, uint64_t offset);
int ikv_pwrite_all(int fd, const void *buf, size_t size, uint64_t offset);

/* Create a temporary file in `dir` that has no name, so closing it deletes it. Returns the
 * descriptor or -errno. */
int ikv_temp_open(const char *dir);

/* 0 or -errno. */
int ikv_random_bytes(void *buf, size_t size);

/* Directory part of a path, "." if it has none; the caller frees it. NULL: out of memory. */
char *ikv_directory_of(const char *path);

#endif
