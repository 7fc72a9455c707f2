/* Files of known content, and requests whose answers are checked against it. */
#ifndef IKV_TESTS_CONTENT_H
#define IKV_TESTS_CONTENT_H

#include "core/io/io.h"
#include "rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Alignment that every file system takes for O_DIRECT. */
#define CONTENT_ALIGNMENT 4096u

struct content {
    struct ikv_io_file file;
    unsigned char *bytes; /* what the file holds */
    uint64_t size;
    char *path;
};

/* A new file of random bytes in `directory`, open for reading. With `direct` the file is on the
 * disk and not in the page cache; if the file system refuses O_DIRECT the process ends with 77,
 * which ctest takes for "skipped". Each file gets a serial of its own. */
void content_make(struct content *ret, const char *directory, uint64_t size, uint64_t seed,
                  bool direct);
void content_close(struct content *content);

/*
 * Room for one read, between guards that show writes outside of it.
 *
 *     [guard][ buffer: `room` bytes ][guard]
 */
struct read_room {
    unsigned char *memory;
    unsigned char *buffer;
    size_t room;
};

void read_room_make(struct read_room *ret, size_t room);
/* The same in memory of the caller's: read_room_span(room) bytes, aligned to CONTENT_ALIGNMENT. */
void read_room_place(struct read_room *ret, unsigned char *memory, size_t room);
size_t read_room_span(size_t room);
void read_room_free(struct read_room *room);

/* Prepare a request into the room; everything there is overwritten with a pattern. */
void read_begin(struct ikv_io_request *ret, const struct content *content, struct read_room *room,
                uint64_t offset, uint32_t length, uint32_t need);
/* A random one that the file can or can't satisfy; for direct files all is aligned. */
void read_begin_random(struct ikv_io_request *ret, const struct content *content,
                       struct read_room *room, rng_state *rng);

/* Fails the test unless the finished request is right: the code is the one that the file's size
 * gives, the bytes are the file's, nothing lies outside. */
void read_check(const struct ikv_io_request *request, const struct content *content,
                const struct read_room *room);
/* Only: nothing was written outside. */
void read_check_guards(const struct ikv_io_request *request, const struct read_room *room);

/* End the process with SIGALRM and a word on stderr if a test hangs for so long. 0: stop. */
void watchdog(unsigned seconds);

#endif
