#include "faulty_io.h"

#include "rng.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Parts of reads with O_DIRECT remain aligned. */
#define PART_ALIGNMENT 4096u

/* A request of the caller, and the one passed to the inner backend. */
struct forwarded {
    struct ikv_io_request inner;
    struct ikv_io_request *outer;
    uint32_t done;
    bool fails;
    struct forwarded *next; /* in the list of free ones */
};

struct ikv_io {
    faulty_plan plan;
    struct ikv_io *inner;
    rng_state rng;
    struct forwarded *free;
    struct ikv_io_request **held; /* completed, not yet returned */
    unsigned held_count;
    unsigned inside; /* in flight in the inner backend */
    struct forwarded requests[];
};

static faulty_plan next_plan;
static faulty_report report;

void faulty_io_set(const faulty_plan *plan)
{
    next_plan = *plan;
    report = (faulty_report){0};
}

faulty_report faulty_io_report(void)
{
    return report;
}

static bool one_in(struct ikv_io *io, unsigned n)
{
    return n > 0 && rng_below(&io->rng, n) == 0;
}

static int faulty_create(const struct ikv_io_options *options, struct ikv_io **ret)
{
    struct ikv_io *io = calloc(1, sizeof *io + options->depth * sizeof io->requests[0]);

    if (!io)
        return -ENOMEM;
    io->plan = next_plan;
    io->rng.state = next_plan.seed;
    io->held = calloc(options->depth, sizeof *io->held);
    int code = io->held ? io->plan.inner->create(options, &io->inner) : -ENOMEM;
    if (code < 0) {
        free(io->held);
        free(io);
        return code;
    }
    for (unsigned i = 0; i < options->depth; i++) {
        io->requests[i].next = io->free;
        io->free = &io->requests[i];
    }
    *ret = io;
    return 0;
}

static void faulty_destroy(struct ikv_io *io)
{
    if (!io)
        return;
    io->plan.inner->destroy(io->inner);
    free(io->held);
    free(io);
}

/* Forwards the rest of a request, or a part of it. */
static int forward(struct ikv_io *io, struct forwarded *forwarded)
{
    const struct ikv_io_request *outer = forwarded->outer;
    struct ikv_io_request *inner = &forwarded->inner;
    uint32_t unit = outer->file->direct ? PART_ALIGNMENT : 1;

    *inner = *outer;
    inner->owner = forwarded;
    inner->offset += forwarded->done;
    inner->buffer = (unsigned char *)inner->buffer + forwarded->done;
    inner->length -= forwarded->done;
    inner->need -= forwarded->done;
    /* The part ends before the needed bytes do, so that another follows. */
    uint32_t parts = (inner->need - 1) / unit;
    if (parts > 0 && one_in(io, io->plan.cut)) {
        inner->length = inner->need = (uint32_t)(1 + rng_below(&io->rng, parts)) * unit;
        report.cut++;
    }
    int code = io->plan.inner->submit(io->inner, inner);
    if (code == 0)
        io->inside++;
    return code;
}

static int faulty_submit(struct ikv_io *io, struct ikv_io_request *request)
{
    struct forwarded *forwarded = io->free;

    if (!forwarded)
        return -EAGAIN;
    report.submitted++;
    if (one_in(io, io->plan.refuse)) {
        report.refused++;
        return io->plan.code;
    }
    forwarded->outer = request;
    forwarded->done = 0;
    forwarded->fails = one_in(io, io->plan.fail) || report.submitted == io->plan.fail_nth;
    request->retries = 0;
    int code = forward(io, forwarded);
    if (code == 0)
        io->free = forwarded->next;
    return code;
}

static void finish(struct ikv_io *io, struct forwarded *forwarded, int code)
{
    struct ikv_io_request *outer = forwarded->outer;

    if (forwarded->fails) {
        memset(outer->buffer, 0xee, outer->length);
        code = io->plan.code;
        report.failed++;
    }
    outer->code = code;
    forwarded->next = io->free;
    io->free = forwarded;
    io->held[io->held_count++] = outer;
}

static void reap_inner(struct ikv_io *io)
{
    struct ikv_io_request *inner = io->plan.inner->reap(io->inner);
    struct forwarded *forwarded = inner->owner;
    struct ikv_io_request *outer = forwarded->outer;

    io->inside--;
    outer->retries += inner->retries;
    if (inner->code == 0 && forwarded->done + inner->need < outer->need) {
        outer->retries++;
        forwarded->done += inner->need;
        int code = forward(io, forwarded);
        if (code == 0)
            return;
        inner->code = code;
    }
    finish(io, forwarded, inner->code);
}

static struct ikv_io_request *faulty_reap(struct ikv_io *io)
{
    while (io->inside > 0 && io->held_count <= io->plan.hold)
        reap_inner(io);
    if (io->held_count == 0)
        return NULL;
    unsigned at = (unsigned)rng_below(&io->rng, io->held_count);
    struct ikv_io_request *request = io->held[at];
    if (at + 1 != io->held_count)
        report.reordered++;
    io->held[at] = io->held[--io->held_count];
    return request;
}

const struct ikv_io_backend faulty_io = {.name = "faulty",
                                         .depth = 32,
                                         .create = faulty_create,
                                         .destroy = faulty_destroy,
                                         .submit = faulty_submit,
                                         .reap = faulty_reap};
