/*
 * The window: a number of slots, each for one read in flight (or two that belong together), and the
 * backend that carries them out. A slot is taken for a run, filled with one or two reads, launched,
 * and comes back from ikv_window_reap when all its reads are finished; then it is released. Several
 * runs can have slots in one window. It belongs to the thread that opened it.
 */
#ifndef IKV_WINDOW_H
#define IKV_WINDOW_H

#include "core/format/format.h"
#include "core/io/io.h"

#define IKV_SLOT_SIZE_MAX  ((uint32_t)128 << 10)
#define IKV_SLOT_SIZE_MIN  ((uint32_t)16 << 10)
#define IKV_SLOT_PAGES_MAX (IKV_SLOT_SIZE_MAX / IKV_PAGE_SIZE)

/* Alignment that is enough for O_DIRECT everywhere. */
#define IKV_ALIGN_MAX 4096u

/* What is read besides, at most: of pages the beginning of the next, their checksums, and whole
 * blocks if the file is direct. */
#define IKV_READ_SURPLUS ((uint64_t)4 * IKV_ALIGN_MAX)

/* What was asked for, and the request that gets it. */
struct ikv_slot_read {
    struct ikv_io_request request;
    const unsigned char *bytes; /* `size` bytes of the file, once the request has code 0 */
    uint32_t size;
};

enum ikv_slot_use { IKV_SLOT_PAGES, IKV_SLOT_RECORDS, IKV_SLOT_TAIL };

struct ikv_run;

struct ikv_slot {
    struct ikv_run *run; /* whose reads these are */
    struct ikv_slot_read data;
    struct ikv_slot_read sums; /* checksums of the pages in data; size 0: none */
    unsigned waiting;          /* reads that are not finished */
    unsigned char *data_buffer;
    unsigned char *sums_buffer;
    enum ikv_slot_use use;
    bool is_mapped;   /* its reads are answered from a mapping */
    uint64_t started; /* nanoseconds of the monotonic clock, if the run measures latency */

    /* Pages: the chunks that asked for them, in order of pages, neighbours or the same. */
    uint64_t first_page;
    uint32_t page_count;
    uint32_t chunk_count;
    uint32_t chunks[IKV_SLOT_PAGES_MAX];

    /* Records: hits[hit_begin..hit_end), in order of positions. Tail: the hits of one record. */
    uint32_t hit_begin;
    uint32_t hit_end;
    unsigned char *record; /* tail: where the record's content is put together */
    uint32_t record_size;
    uint32_t record_have;
};

struct ikv_window {
    const struct ikv_io_backend *backend; /* NULL: closed */
    struct ikv_io *io;
    struct ikv_slot *slots;
    void *memory;       /* of the slots' buffers */
    uint32_t slot_size; /* most bytes that a read of pages or records takes */
    unsigned slot_count;
    uint32_t *free; /* stack of slots: the one that is still in the processor's cache comes first */
    unsigned free_count;
    uint32_t *ready; /* queue, a ring, of slots whose reads are finished as soon as they are
                        launched: they were refused, or are answered from a mapping */
    unsigned ready_head;
    unsigned ready_count;
    uint64_t bytes; /* of the reads in flight */
    uint64_t bytes_most;
    uint64_t system_calls; /* of the backend object, as far as they were told to a run */
    uint64_t reap_began;   /* on ikv_clock, if the backend is synchronous and a run wants to know */
    bool direct;           /* as in ikv_window_options */
    bool timed;            /* a run wants to know */
    bool nowait;           /* as in ikv_io_request, for the reads to come */
};

/* As the window is to be: reads in flight (0: as many as are worth having), and their bytes (0: no
 * limit; one read is always let through). */
struct ikv_window_options {
    unsigned depth;
    uint64_t bytes_most;
    bool direct; /* direct reads will come: the kernel is to know their buffers beforehand */
};

/* -errno. */
int ikv_window_open(struct ikv_window *window, const struct ikv_io_backend *backend,
                    const struct ikv_window_options *options);
/* Waits for reads in flight. A window that is all zero is closed already. */
void ikv_window_close(struct ikv_window *window);

static inline bool ikv_window_is_idle(const struct ikv_window *window)
{
    return window->free_count == window->slot_count;
}
/* Whether its bytes are limited. */
static inline bool ikv_window_is_bounded(const struct ikv_window *window)
{
    return window->bytes_most != UINT64_MAX;
}
static inline bool ikv_window_is_full(const struct ikv_window *window)
{
    return window->free_count == 0 ||
           (window->bytes + window->slot_size + IKV_READ_SURPLUS > window->bytes_most &&
            !ikv_window_is_idle(window));
}

/* A free slot; there must be one. */
struct ikv_slot *ikv_window_take(struct ikv_window *window, struct ikv_run *run,
                                 enum ikv_slot_use use);
void ikv_window_release(struct ikv_window *window, const struct ikv_slot *slot);

/* Read [offset, offset + size) into the buffer, which has room for IKV_ALIGN_MAX bytes more on both
 * sides if the file is direct. */
void ikv_window_read(struct ikv_window *window, struct ikv_slot *slot, struct ikv_slot_read *read,
                     const struct ikv_io_file *file, void *buffer, uint64_t offset, uint32_t size);
/* The same, answered at once by bytes that stay in place until the slot is released; or with a code
 * that says why not, and no bytes. */
void ikv_window_answer(struct ikv_slot *slot, struct ikv_slot_read *read,
                       const unsigned char *bytes, uint32_t size, int code);
/* All reads of the slot are submitted. */
void ikv_window_launch(struct ikv_window *window, struct ikv_slot *slot);
/* The next slot whose reads are finished; the window must not be idle. */
struct ikv_slot *ikv_window_reap(struct ikv_window *window);
/* Whether slots are finished and wait to be reaped. Their bytes are in the processor's cache now,
 * so they are worth reaping before more is planned. */
static inline bool ikv_window_has_finished(const struct ikv_window *window)
{
    return window->backend && window->backend->has_finished &&
           window->backend->has_finished(window->io);
}
/* System calls since this was last asked. */
uint64_t ikv_window_system_calls(struct ikv_window *window);

#endif
