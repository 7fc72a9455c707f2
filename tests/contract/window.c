#include "window.h"

#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void free_all(struct window *window)
{
    free(window->memory);
    free(window->rooms);
    free(window->requests);
    free(window->in_flight);
}

int window_try_open(struct window *ret, const struct ikv_io_backend *backend, unsigned depth,
                    size_t room)
{
    void *memory = NULL;

    *ret = (struct window){.backend = backend, .depth = depth, .room = room};
    ret->memory_size = depth * read_room_span(room);
    if (posix_memalign(&memory, CONTENT_ALIGNMENT, ret->memory_size) != 0)
        test_die("out of memory");
    ret->memory = memory;
    ret->rooms = must_malloc(depth * sizeof *ret->rooms);
    ret->requests = must_malloc(depth * sizeof *ret->requests);
    ret->in_flight = must_malloc(depth * sizeof *ret->in_flight);
    for (unsigned i = 0; i < depth; i++) {
        read_room_place(&ret->rooms[i], ret->memory + i * read_room_span(room), room);
        ret->in_flight[i] = false;
    }
    const struct ikv_io_options options = {
        .depth = depth, .memory = ret->memory, .memory_size = ret->memory_size};
    int code = backend->create(&options, &ret->io);
    if (code < 0)
        free_all(ret);
    return code;
}

void window_open(struct window *ret, const struct ikv_io_backend *backend, unsigned depth,
                 size_t room)
{
    assert_int_equal(window_try_open(ret, backend, depth, room), 0);
}

void window_close(struct window *window)
{
    window->backend->destroy(window->io);
    free_all(window);
}

void window_submit(struct window *window, unsigned i)
{
    assert_false(window->in_flight[i]);
    assert_int_equal(window->backend->submit(window->io, &window->requests[i]), 0);
    window->in_flight[i] = true;
}

unsigned window_reap(struct window *window)
{
    struct ikv_io_request *request = window->backend->reap(window->io);

    assert_non_null(request);
    assert_in_range(request - window->requests, 0, window->depth - 1);
    unsigned i = (unsigned)(request - window->requests);
    assert_true(window->in_flight[i]);
    assert_ptr_equal(request->owner, &window->rooms[i]);
    window->in_flight[i] = false;
    return i;
}

bool window_has_finished(const struct window *window)
{
    return window->backend->has_finished && window->backend->has_finished(window->io);
}

void window_submit_all(struct window *window, const struct content *file)
{
    for (unsigned i = 0; i < window->depth; i++) {
        read_begin(&window->requests[i], file, &window->rooms[i],
                   (uint64_t)(i % 32) * CONTENT_ALIGNMENT, CONTENT_ALIGNMENT, CONTENT_ALIGNMENT);
        window_submit(window, i);
    }
}

void window_reap_some(struct window *window, const struct content *file, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        unsigned i = window_reap(window);
        read_check(&window->requests[i], file, &window->rooms[i]);
    }
}

void window_destroy_checked(struct window *window)
{
    const struct timespec pause = {.tv_nsec = 500000};

    window->backend->destroy(window->io);
    window->io = NULL;
    memset(window->memory, 0x3c, window->memory_size);
    (void)nanosleep(&pause, NULL);
    for (size_t i = 0; i < window->memory_size; i++)
        if (window->memory[i] != 0x3c)
            fail_msg("byte %zu was written after destroy", i);
}

size_t window_random_reads(struct window *window, size_t count, const struct content *files,
                           unsigned file_count, uint64_t seed, bool (*is_fault)(int code))
{
    rng_state rng = {seed};
    const struct content **read_from = must_malloc(window->depth * sizeof(const struct content *));
    size_t submitted = 0;
    size_t faults = 0;
    unsigned next = 0; /* request to submit: unused ones first, then the one just completed */

    for (size_t finished = 0; finished < count; finished++) {
        while (submitted < count && submitted - finished < window->depth) {
            read_from[next] = &files[rng_below(&rng, file_count)];
            read_begin_random(&window->requests[next], read_from[next], &window->rooms[next], &rng);
            window_submit(window, next);
            next++;
            submitted++;
        }
        unsigned i = next = window_reap(window);
        if (is_fault && is_fault(window->requests[i].code)) {
            read_check_guards(&window->requests[i], &window->rooms[i]);
            faults++;
        } else {
            read_check(&window->requests[i], read_from[i], &window->rooms[i]);
        }
    }
    assert_null(window->backend->reap(window->io));
    free(read_from);
    return faults;
}
