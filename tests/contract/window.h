/* A backend object with a window of requests, whose buffers are in memory passed to its create. */
#ifndef IKV_TESTS_WINDOW_H
#define IKV_TESTS_WINDOW_H

#include "content.h"
#include "core/io/io.h"

#include <stdbool.h>
#include <stddef.h>

struct window {
    const struct ikv_io_backend *backend;
    struct ikv_io *io;
    unsigned depth;
    size_t room; /* bytes of each buffer */
    unsigned char *memory;
    size_t memory_size;
    struct read_room *rooms;
    struct ikv_io_request *requests;
    bool *in_flight;
};

/* Returns the code of create. After a failure, do not close the window. */
int window_try_open(struct window *ret, const struct ikv_io_backend *backend, unsigned depth,
                    size_t room);
/* The test fails if create fails. */
void window_open(struct window *ret, const struct ikv_io_backend *backend, unsigned depth,
                 size_t room);
void window_close(struct window *window);

/* Submits request i, prepared by read_begin. */
void window_submit(struct window *window, unsigned i);
/* Returns the index of the next completed request. Fails the test unless it was in flight, so that
 * each request completes exactly once. */
unsigned window_reap(struct window *window);

/* The result of the backend's has_finished; false if it has no such function. */
bool window_has_finished(const struct window *window);

/* Submits a read of one page per request, from the first 32 pages of the file. */
void window_submit_all(struct window *window, const struct content *file);
/* Reaps `count` requests and checks that they succeeded. */
void window_reap_some(struct window *window, const struct content *file, unsigned count);

/* Destroys the backend object and checks that nothing is written to a buffer afterwards. The window
 * must still be closed. */
void window_destroy_checked(struct window *window);

/*
 * Makes and checks `count` random reads from the files, keeping the window full. Requests may fail
 * with codes that is_fault accepts (NULL: none). Returns the number of these.
 */
size_t window_random_reads(struct window *window, size_t count, const struct content *files,
                           unsigned file_count, uint64_t seed, bool (*is_fault)(int code));

#endif
