/* Whole reads and writes on a descriptor, temporary files, random bytes. */
#ifndef IKV_FILE_IO_H
#define IKV_FILE_IO_H

#include <stddef.h>
#include <stdint.h>

/* All `size` bytes or a negative code; interruptions and short counts are continued.
 * *retries (NULL allowed) counts the continuations. End of file is IKV_E_TRUNCATED. */
int ikv_pread_all(int fd, void *buf, size_t size, uint64_t offset, uint64_t *retries);
/* Up to `size` bytes, at least `need`: for reads that may reach beyond the end of the file. */
int ikv_pread_some(int fd, void *buf, size_t size, size_t need, uint64_t offset, uint64_t *retries);
/* The same for what is in the page cache; -EAGAIN: not all is; -EOPNOTSUPP: the system
 * can't tell. */
int ikv_pread_resident(int fd, void *buf, size_t size, size_t need, uint64_t offset);
int ikv_pwrite_all(int fd, const void *buf, size_t size, uint64_t offset);

/* A file in `dir` that has no name, or loses it at once: it goes when it is closed.
 * Returns the descriptor or -errno. */
int ikv_temp_open(const char *dir);

/* 0 or -errno. */
int ikv_random_bytes(void *buf, size_t size);

/* Directory part of a path, "." if it has none; caller frees. NULL: no memory. */
char *ikv_directory_of(const char *path);

#endif
