/*
 * The window: a number of slots, each for one read in flight (or two that belong together), and the
 * backend that carries them out. A slot is taken, filled with one or two reads, launched, and comes
 * back from ikv_window_reap when all its reads are finished; then it is released.
 */
#ifndef IKV_WINDOW_H
#define IKV_WINDOW_H

#include "format.h"
#include "io.h"

#include <sys/types.h>

#define IKV_SLOT_SIZE_MAX  ((uint32_t)128 << 10)
#define IKV_SLOT_SIZE_MIN  ((uint32_t)16 << 10)
#define IKV_SLOT_PAGES_MAX (IKV_SLOT_SIZE_MAX / IKV_PAGE_SIZE)

/* Alignment that is enough for O_DIRECT everywhere. */
#define IKV_ALIGN_MAX 4096u

/* What was asked for, and the request that gets it. */
struct ikv_slot_read {
    struct ikv_io_request request;
    const unsigned char *bytes; /* `size` bytes of the file, once the request has code 0 */
    uint32_t size;
};

enum ikv_slot_use { IKV_SLOT_PAGES, IKV_SLOT_RECORDS, IKV_SLOT_TAIL };

struct ikv_slot {
    struct ikv_slot_read data;
    struct ikv_slot_read sums; /* checksums of the pages in data; size 0: none */
    unsigned waiting;          /* reads that are not finished */
    unsigned char *data_buffer;
    unsigned char *sums_buffer;
    enum ikv_slot_use use;

    /* Pages: the chunks that asked for them, in order of pages, neighbours or the same. */
    uint64_t first_page;
    uint32_t page_count;
    uint32_t chunk_count;
    uint32_t chunks[IKV_SLOT_PAGES_MAX];
    bool holds_pages; /* of the file with this descriptor and serial, until it is used again */
    int held_fd;
    uint64_t held_serial;

    /* Records: hits[hit_begin..hit_end), in order of positions. Tail: the hits of one record. */
    uint32_t hit_begin;
    uint32_t hit_end;
    unsigned char *record; /* tail: where the record's content is put together */
    uint32_t record_size;
    uint32_t record_have;
};

struct ikv_window {
    const struct ikv_io_backend *backend; /* NULL: closed */
    uint64_t thread;                      /* that opened it, and its process: the child of a fork */
    pid_t process;                        /* must not use what its parent opened */
    struct ikv_io *io;
    struct ikv_slot *slots;
    void *memory;       /* of the slots' buffers */
    uint32_t slot_size; /* most bytes that a read of pages or records takes */
    unsigned slot_count;
    /* Queues of slots: the one released longest ago is taken next, so that the pages read last stay
     * longest; slots whose reads were refused when they were submitted. */
    uint32_t *free;
    unsigned free_head;
    unsigned free_count;
    uint32_t *refused;
    unsigned refused_count;
};

/* -errno. */
int ikv_window_open(struct ikv_window *window, const struct ikv_io_backend *backend);
/* Waits for reads in flight. A window that is all zero is closed already. */
void ikv_window_close(struct ikv_window *window);

/* Whether it can be used, for this backend, by the thread that asks. */
bool ikv_window_is_usable(const struct ikv_window *window, const struct ikv_io_backend *backend);

static inline bool ikv_window_is_full(const struct ikv_window *window)
{
    return window->free_count == 0;
}
static inline bool ikv_window_is_idle(const struct ikv_window *window)
{
    return window->free_count == window->slot_count;
}
/* The i-th of the free slots, i < free_count. */
static inline struct ikv_slot *ikv_window_free_slot(const struct ikv_window *window, unsigned i)
{
    return &window->slots[window->free[(window->free_head + i) % window->slot_count]];
}

/* A free slot; there must be one. */
struct ikv_slot *ikv_window_take(struct ikv_window *window, enum ikv_slot_use use);
void ikv_window_release(struct ikv_window *window, const struct ikv_slot *slot);

/* Read [offset, offset + size) into the buffer, which has room for IKV_ALIGN_MAX bytes more on both
 * sides if the file is direct. */
void ikv_window_read(struct ikv_window *window, struct ikv_slot *slot, struct ikv_slot_read *read,
                     const struct ikv_io_file *file, void *buffer, uint64_t offset, uint32_t size);
/* All reads of the slot are submitted. */
void ikv_window_launch(struct ikv_window *window, struct ikv_slot *slot);
/* The next slot whose reads are finished; the window must not be idle. */
struct ikv_slot *ikv_window_reap(struct ikv_window *window);

#endif
