/* A backend object with a window of requests in memory that it was told about. */
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
    size_t room; /* bytes for each read */
    unsigned char *memory;
    size_t memory_size;
    struct read_room *rooms;
    struct ikv_io_request *requests;
    bool *under_way;
};

/* Returns what create does; after a failure the window needs no closing. */
int window_try_open(struct window *ret, const struct ikv_io_backend *backend, unsigned depth,
                    size_t room);
/* The same; a failure fails the test. */
void window_open(struct window *ret, const struct ikv_io_backend *backend, unsigned depth,
                 size_t room);
void window_close(struct window *window);

/* Submit request i, which read_begin has prepared. */
void window_submit(struct window *window, unsigned i);
/* The index of the next finished request. Fails the test if it is none of those under way, so that
 * each comes back once and only once. */
unsigned window_reap(struct window *window);

/* What the backend says of requests that wait to be reaped; false, if it says nothing. */
bool window_has_finished(const struct window *window);

/* Submit a read of one page for each request; the pages lie in the first 32 of the file. */
void window_submit_all(struct window *window, const struct content *file);
/* Reap so many of them; each must have succeeded. */
void window_reap_some(struct window *window, const struct content *file, unsigned count);

/* Destroy the backend object; fails the test if anybody writes to a buffer afterwards. The window
 * is still to be closed. */
void window_destroy_silently(struct window *window);

/*
 * `count` random reads from the files, the window always full, each checked. With `is_fault` a
 * request may also be finished with a code that is_fault accepts; the number of those is returned.
 */
size_t window_random_reads(struct window *window, size_t count, const struct content *files,
                           unsigned file_count, uint64_t seed, bool (*is_fault)(int code));

#endif
