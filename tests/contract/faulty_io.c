#include "faulty_io.h"

#include "rng.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* O_DIRECT: pieces remain aligned. */
#define PIECE_ALIGNMENT 4096u

/* One request of the caller's, and the one that the inner backend sees. */
struct passage {
    struct ikv_io_request inner;
    struct ikv_io_request *outer;
    uint32_t done;
    bool fails;
    struct passage *next; /* free ones */
};

struct ikv_io {
    faulty_plan plan;
    struct ikv_io *inner;
    rng_state rng;
    struct passage *free;
    struct ikv_io_request **held; /* finished, not handed out */
    unsigned held_count;
    unsigned inside; /* in the inner backend */
    struct passage passages[];
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
    struct ikv_io *io = calloc(1, sizeof *io + options->depth * sizeof io->passages[0]);

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
        io->passages[i].next = io->free;
        io->free = &io->passages[i];
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

/* Pass on what is left of a request, or a piece of it. */
static int pass_on(struct ikv_io *io, struct passage *passage)
{
    const struct ikv_io_request *outer = passage->outer;
    struct ikv_io_request *inner = &passage->inner;
    uint32_t unit = outer->file->direct ? PIECE_ALIGNMENT : 1;

    *inner = *outer;
    inner->owner = passage;
    inner->offset += passage->done;
    inner->buffer = (unsigned char *)inner->buffer + passage->done;
    inner->length -= passage->done;
    inner->need -= passage->done;
    /* A piece that ends before what is needed does, so that there is a next one. */
    uint32_t pieces = (inner->need - 1) / unit;
    if (pieces > 0 && one_in(io, io->plan.cut)) {
        inner->length = inner->need = (uint32_t)(1 + rng_below(&io->rng, pieces)) * unit;
        report.cut++;
    }
    int code = io->plan.inner->submit(io->inner, inner);
    if (code == 0)
        io->inside++;
    return code;
}

static int faulty_submit(struct ikv_io *io, struct ikv_io_request *request)
{
    struct passage *passage = io->free;

    if (!passage)
        return -EAGAIN;
    report.submitted++;
    if (one_in(io, io->plan.refuse)) {
        report.refused++;
        return io->plan.code;
    }
    passage->outer = request;
    passage->done = 0;
    passage->fails = one_in(io, io->plan.fail) || report.submitted == io->plan.fail_nth;
    request->retries = 0;
    int code = pass_on(io, passage);
    if (code == 0)
        io->free = passage->next;
    return code;
}

static void finish(struct ikv_io *io, struct passage *passage, int code)
{
    struct ikv_io_request *outer = passage->outer;

    if (passage->fails) {
        memset(outer->buffer, 0xee, outer->length);
        code = io->plan.code;
        report.failed++;
    }
    outer->code = code;
    passage->next = io->free;
    io->free = passage;
    io->held[io->held_count++] = outer;
}

static void reap_inner(struct ikv_io *io)
{
    struct ikv_io_request *inner = io->plan.inner->reap(io->inner);
    struct passage *passage = inner->owner;
    struct ikv_io_request *outer = passage->outer;

    io->inside--;
    outer->retries += inner->retries;
    if (inner->code == 0 && passage->done + inner->need < outer->need) {
        outer->retries++;
        passage->done += inner->need;
        int code = pass_on(io, passage);
        if (code == 0)
            return;
        inner->code = code;
    }
    finish(io, passage, inner->code);
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
