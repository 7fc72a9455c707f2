/*
 * The window of reads in flight: slots and the backend that executes their reads. A slot is taken
 * for a run, which notes in it what the reads are for, filled with one or two reads, and launched;
 * ikv_window_reap returns it when all its reads are finished; then it is released. Several runs can
 * have slots in one window. A window belongs to the thread that opened it.
 */
#ifndef IKV_WINDOW_H
#define IKV_WINDOW_H

#include "core/format/format.h"
#include "core/io/io.h"

#define IKV_SLOT_SIZE_MAX  ((uint32_t)128 << 10)
#define IKV_SLOT_SIZE_MIN  ((uint32_t)32 << 10) /* the largest leaf */
#define IKV_SLOT_PAGES_MAX (IKV_SLOT_SIZE_MAX / IKV_PAGE_SIZE)

/* Upper bound of what is read in addition: the beginning of the page after the last, the pages'
 * checksums, and for direct files the rest of whole blocks. */
#define IKV_READ_SURPLUS ((uint64_t)4 * IKV_ALIGN_MAX)

/* A requested range, and the request that reads it. */
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
    unsigned waiting;          /* reads not finished yet */
    unsigned char *data_buffer;
    unsigned char *sums_buffer;
    enum ikv_slot_use use;
    bool is_mapped;   /* its reads were answered from the mapping */
    uint64_t started; /* on ikv_clock, if the run measures latency */

    /* Pages: the chunks that need them, in order of their pages, which are adjacent or the same. */
    uint64_t first_page;
    uint32_t page_count;
    uint32_t chunk_count;
    uint32_t chunks[IKV_SLOT_PAGES_MAX];

    /* Records: hits[hit_begin..hit_end), in order of positions. Tail: the hits of one record. */
    uint32_t hit_begin;
    uint32_t hit_end;
    unsigned char *record; /* tail: where the record's content is assembled */
    uint32_t record_size;
    uint32_t record_have;
};

struct ikv_window {
    const struct ikv_io_backend *backend; /* NULL: closed */
    struct ikv_io *io;
    struct ikv_slot *slots;
    void *memory;       /* the slots' buffers */
    uint32_t slot_size; /* maximum size of a read of pages or records */
    unsigned slot_count;
    uint32_t *free; /* a stack, so that the slot most likely in the processor's cache is reused */
    unsigned free_count;
    uint32_t *ready; /* circular queue of slots whose reads were finished when launched: refused by
                        the backend, or answered from the mapping */
    unsigned ready_head;
    unsigned ready_count;
    uint64_t bytes; /* of the reads in flight */
    uint64_t max_bytes;
    uint64_t system_calls; /* of the backend object, up to the last ikv_window_system_calls */
    uint64_t reap_began;   /* on ikv_clock, if `timed` and the backend is synchronous */
    bool direct;           /* as in ikv_window_options */
    bool timed;            /* a run measures latency */
    bool nowait;           /* as in ikv_io_request, for later reads */
};

struct ikv_window_options {
    unsigned depth;       /* reads in flight; 0: the backend's default */
    unsigned connections; /* as in ikv_io_options */
    uint64_t max_bytes;   /* of the reads in flight; one read is always allowed. 0: no limit */
    bool direct;          /* reads will be direct: register the buffers with the kernel at once */
    bool files_may_close; /* as in ikv_io_options */
};

/* -errno. */
int ikv_window_open(struct ikv_window *window, const struct ikv_io_backend *backend,
                    const struct ikv_window_options *options);
/* Waits for reads in flight. An all-zero window is closed already. */
void ikv_window_close(struct ikv_window *window);

static inline bool ikv_window_is_idle(const struct ikv_window *window)
{
    return window->free_count == window->slot_count;
}
/* Whether the bytes in flight are limited. */
static inline bool ikv_window_is_bounded(const struct ikv_window *window)
{
    return window->max_bytes != UINT64_MAX;
}
static inline bool ikv_window_is_full(const struct ikv_window *window)
{
    return window->free_count == 0 ||
           (window->bytes + window->slot_size + IKV_READ_SURPLUS > window->max_bytes &&
            !ikv_window_is_idle(window));
}

/* Take a free slot; the window must not be full. */
struct ikv_slot *ikv_window_take(struct ikv_window *window, struct ikv_run *run,
                                 enum ikv_slot_use use);
void ikv_window_release(struct ikv_window *window, const struct ikv_slot *slot);

/* Submit a read of [offset, offset + size) into the buffer. For direct files the buffer needs room
 * for IKV_ALIGN_MAX more bytes on either side. */
void ikv_window_read(struct ikv_window *window, struct ikv_slot *slot, struct ikv_slot_read *read,
                     const struct ikv_io_file *file, void *buffer, uint64_t offset, uint32_t size);
/* Answer a read at once: with bytes that stay valid until the slot is released, or with a negative
 * code. */
void ikv_window_answer(struct ikv_slot *slot, struct ikv_slot_read *read,
                       const unsigned char *bytes, uint32_t size, int code);
/* Call when all reads of the slot are submitted. */
void ikv_window_launch(struct ikv_window *window, struct ikv_slot *slot);
/* The next slot whose reads are finished; the window must not be idle. */
struct ikv_slot *ikv_window_reap(struct ikv_window *window);
/* Whether reads are finished in the backend. Their bytes are in the processor's cache now, so they
 * are reaped before more reads are planned. */
static inline bool ikv_window_has_finished(const struct ikv_window *window)
{
    return window->backend && window->backend->has_finished &&
           window->backend->has_finished(window->io);
}
/* Number of system calls since the last call of this function. */
uint64_t ikv_window_system_calls(struct ikv_window *window);

#endif
