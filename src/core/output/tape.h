/* An append-only sequence of bytes, kept in memory while it is small and continued in a temporary
 * file. For fences and checksums, which are known before their place in the file. */
#ifndef IKV_TAPE_H
#define IKV_TAPE_H

#include <stddef.h>
#include <stdint.h>

struct ikv_tape {
    const char *dir; /* for the temporary file; owned by the caller */
    int fd;          /* -1: all in memory */
    unsigned char *buffer;
    size_t used;
    uint64_t spilled; /* bytes in the file; those in the buffer follow them */
};

void ikv_tape_init(struct ikv_tape *tape, const char *dir);
void ikv_tape_free(struct ikv_tape *tape);
int ikv_tape_append(struct ikv_tape *tape, const void *bytes, size_t size);
uint64_t ikv_tape_size(const struct ikv_tape *tape);
/* Read back; offset + size <= ikv_tape_size. */
int ikv_tape_read(const struct ikv_tape *tape, uint64_t offset, void *buf, size_t size);
/* Truncate to `size` <= ikv_tape_size bytes. */
int ikv_tape_truncate(struct ikv_tape *tape, uint64_t size);

#endif
