/* Files with known content, and read requests checked against it. */
#ifndef IKV_TESTS_CONTENT_H
#define IKV_TESTS_CONTENT_H

#include "core/io/io.h"
#include "rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An alignment that all file systems accept for O_DIRECT. */
#define CONTENT_ALIGNMENT 4096u

struct content {
    struct ikv_io_file file;
    unsigned char *bytes; /* contents of the file */
    uint64_t size;
    char *path;
};

/* Creates a file of random bytes in `directory` and opens it for reading. With `direct` it is
 * opened with O_DIRECT and dropped from the page cache; if the file system does not support
 * O_DIRECT, the process exits with 77, "skipped". Each file gets its own serial. */
void content_make(struct content *ret, const char *directory, uint64_t size, uint64_t seed,
                  bool direct);
void content_close(struct content *content);
/* From now on, open contents by this function, as sources. */
void content_set_source(int (*open)(const char *path, struct ikv_source **ret));

/*
 * A buffer for one read between guards, which reveal writes outside the buffer.
 *
 *     [guard][ buffer: `room` bytes ][guard]
 */
struct read_room {
    unsigned char *memory;
    unsigned char *buffer;
    size_t room;
};

void read_room_make(struct read_room *ret, size_t room);
/* Uses the caller's memory: read_room_span(room) bytes, aligned to CONTENT_ALIGNMENT. */
void read_room_place(struct read_room *ret, unsigned char *memory, size_t room);
size_t read_room_span(size_t room);
void read_room_free(struct read_room *room);

/* Prepares a request that reads into the room, and fills the room with a pattern. */
void read_begin(struct ikv_io_request *ret, const struct content *content, struct read_room *room,
                uint64_t offset, uint32_t length, uint32_t need);
/* Prepares a random request, perhaps past the end of the file. Aligned if the file is direct. */
void read_begin_random(struct ikv_io_request *ret, const struct content *content,
                       struct read_room *room, rng_state *rng);

/* Checks a completed request: the code that follows from the file's size, the file's bytes, the
 * guards. */
void read_check(const struct ikv_io_request *request, const struct content *content,
                const struct read_room *room);
/* Checks only the guards. */
void read_check_guards(const struct ikv_io_request *request, const struct read_room *room);

/* Ends the process with SIGALRM and a message if the test takes this many seconds. 0: cancel. */
void watchdog(unsigned seconds);

#endif
