/* Downloading the object at a URL: pieces in any order, several at a time, into a file that later
 * calls can continue; then its verification, and its publication. */
#include "core/fetch/partial.h"
#include "core/io/file_io.h"
#include "core/io/source.h"
#include "core/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define PIECE ((uint32_t)1 << 20)
/* Pieces in flight: as many as connections, up to this. */
#define PIECES_MAX 32u
/* Bytes after which the state is saved, which waits for the disk. */
#define SAVE_STEP ((uint64_t)256 << 20)

/* Piece i of the object uses slot i % pieces. All before `done` of the file are written. */
struct fetch {
    struct ikv_store *store;
    struct ikv_fetch_options options;
    struct ikv_partial partial;
    struct ikv_fetch_stats stats;
    const struct ikv_io_backend *backend;
    struct ikv_io *io;
    unsigned pieces;
    struct ikv_io_request *requests; /* a slot's */
    bool *written;                   /* a slot's piece is in the file, but not yet in `done` */
    unsigned char *memory;           /* PIECE bytes a slot */
    uint64_t next;                   /* offset of the next piece to be requested */
    unsigned in_flight;
    atomic_bool canceled;
};

/* ---------------------------------------------------------------- pieces */

static int request_pieces(struct fetch *fetch)
{
    struct ikv_partial *partial = &fetch->partial;

    while (fetch->next < partial->size &&
           fetch->next - partial->done < (uint64_t)fetch->pieces * PIECE) {
        const unsigned slot = (unsigned)(fetch->next / PIECE % fetch->pieces);
        const uint32_t length = (uint32_t)ikv_min(PIECE, partial->size - fetch->next);
        fetch->requests[slot] = (struct ikv_io_request){
            .file = &fetch->store->file,
            .offset = fetch->next,
            .length = length,
            .need = length,
            .buffer = fetch->memory + (size_t)slot * PIECE,
            .canceled = &fetch->canceled,
        };
        const int code = fetch->backend->submit(fetch->io, &fetch->requests[slot]);
        if (code < 0)
            return code;
        fetch->in_flight++;
        fetch->next += length;
    }
    return 0;
}

static int write_piece(struct fetch *fetch, const struct ikv_io_request *request)
{
    struct ikv_partial *partial = &fetch->partial;
    const int code = ikv_pwrite_all(partial->fd, request->buffer, request->length, request->offset);

    if (code < 0)
        return code;
    fetch->written[request->offset / PIECE % fetch->pieces] = true;
    for (bool *done = &fetch->written[partial->done / PIECE % fetch->pieces]; *done;
         done = &fetch->written[partial->done / PIECE % fetch->pieces]) {
        *done = false;
        partial->done = ikv_min(partial->done + PIECE, partial->size);
    }
    fetch->stats.fetched += request->length;
    return 0;
}

static int show_progress(const struct fetch *fetch)
{
    const ikv_progress point = {"fetch", fetch->partial.done, fetch->partial.size, "bytes"};

    return fetch->options.on_progress &&
                   fetch->options.on_progress(fetch->options.user, &point) != 0
               ? IKV_E_CANCELED
               : 0;
}

/* Take what has finished. After a failure, `*ret_code`, only waits for what is in flight. */
static void reap(struct fetch *fetch, int *ret_code, bool *ret_is_remote)
{
    const struct ikv_io_request *request = fetch->backend->reap(fetch->io);

    fetch->in_flight--;
    fetch->stats.retries += request->retries;
    if (*ret_code < 0)
        return;
    *ret_is_remote = request->code < 0;
    *ret_code = request->code < 0 ? request->code : write_piece(fetch, request);
    if (*ret_code == 0 && fetch->partial.done - fetch->partial.saved >= SAVE_STEP)
        *ret_code = ikv_partial_save(&fetch->partial);
    if (*ret_code == 0)
        *ret_code = show_progress(fetch);
    if (*ret_code < 0)
        atomic_store_explicit(&fetch->canceled, true, memory_order_relaxed);
}

/* Read the rest of the object. What was read is kept in all cases. */
static int read_object(struct fetch *fetch, ikv_error *err)
{
    const struct ikv_partial *partial = &fetch->partial;
    bool is_remote = true;
    char text[240];
    int code = show_progress(fetch);

    fetch->next = partial->done;
    while (code == 0 && partial->done < partial->size) {
        code = request_pieces(fetch);
        if (code == 0)
            reap(fetch, &code, &is_remote);
    }
    while (fetch->in_flight > 0)
        reap(fetch, &code, &is_remote);
    const int saved = partial->done < partial->size ? ikv_partial_save(&fetch->partial) : 0;
    if (code == IKV_E_CANCELED)
        return ikv_fail(err, code, IKV_AT_FILE(fetch->store->path), "fetching it was stopped");
    if (code < 0 && is_remote)
        return ikv_fail(
            err, code, IKV_AT_FILE(fetch->store->path), "%s",
            ikv_file_explain(&fetch->store->file, code, "cannot fetch", text, sizeof text));
    if (code == 0)
        code = saved;
    return code < 0 ? ikv_fail(err, code, IKV_AT_FILE(partial->path), "cannot write") : 0;
}

static int read_pieces(struct fetch *fetch, ikv_error *err)
{
    const struct ikv_source *source = fetch->store->file.source;
    fetch->backend = source->type->backend;
    fetch->pieces = (unsigned)ikv_min(source->depth, PIECES_MAX);
    /* The backend has half of the depth in flight. */
    const struct ikv_io_options options = {.depth = 2 * fetch->pieces};

    fetch->requests = calloc(fetch->pieces, sizeof *fetch->requests);
    fetch->written = calloc(fetch->pieces, sizeof *fetch->written);
    fetch->memory = malloc((size_t)fetch->pieces * PIECE);
    int code = fetch->requests && fetch->written && fetch->memory
                   ? fetch->backend->create(&options, &fetch->io)
                   : -ENOMEM;
    if (code < 0)
        code = ikv_fail(err, code, IKV_AT_FILE(fetch->store->path), "cannot fetch");
    else
        code = read_object(fetch, err);
    if (fetch->io && fetch->backend->system_calls)
        fetch->stats.requests += fetch->backend->system_calls(fetch->io);
    fetch->backend->destroy(fetch->io);
    free(fetch->requests);
    free(fetch->written);
    free(fetch->memory);
    return code;
}

/* ---------------------------------------------------------------- the whole file */

/* The file is complete, but nobody knows yet whether it is sound. */
static int verify(struct fetch *fetch, const ikv_open_options *open_options, ikv_error *err)
{
    ikv_open_options local = IKV_OPEN_OPTIONS_INIT;
    ikv_verify_options options = IKV_VERIFY_OPTIONS_INIT;

    local.key_type = open_options->key_type;
    local.stride = open_options->stride;
    local.index_memory = open_options->index_memory;
    options.on_progress = fetch->options.on_progress;
    options.user = fetch->options.user;
    options.max_problems = 1;
    return ikv_verify(fetch->partial.path, &local, &options, NULL, err);
}

static int fetch_to(struct fetch *fetch, const char *path, const ikv_open_options *open_options,
                    ikv_error *err)
{
    struct ikv_partial *partial = &fetch->partial;
    const struct ikv_source *source = fetch->store->file.source;

    int code = ikv_partial_open(partial, path, source->size, source->identity, err);
    if (code < 0)
        return code;
    fetch->stats.file_size = source->size;
    fetch->stats.resumed = partial->done;
    fetch->stats.requests = source->open_requests;
    code = read_pieces(fetch, err);
    if (code == 0) {
        code = ikv_partial_end(partial);
        if (code < 0)
            code = ikv_fail(err, code, IKV_AT_FILE(partial->path), "cannot write");
    }
    if (code == 0) {
        code = verify(fetch, open_options, err);
        if (code == IKV_E_CANCELED)
            (void)ikv_partial_save(partial); /* it is complete, and can be verified later */
    }
    if (code == 0)
        code = ikv_target_publish(
            &partial->target, partial->path + (partial->target.name - partial->target.path), err);
    ikv_partial_close(partial);
    return code;
}

int ikv_fetch(const char *url, const char *path, const ikv_open_options *open_options,
              const ikv_fetch_options *options, ikv_fetch_stats *ret_stats, ikv_error *err)
{
    struct fetch fetch = {.partial = IKV_NO_PARTIAL};
    ikv_open_options known = IKV_OPEN_OPTIONS_INIT;

    if (!url || !path)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_fetch: an argument is NULL");
    int code = ikv_options_copy(&fetch.options, sizeof fetch.options, options, err);
    if (code == 0)
        code = ikv_options_copy(&known, sizeof known, open_options, err);
    if (code < 0)
        return code;
    ikv_open_options remote = IKV_OPEN_OPTIONS_INIT;
    remote.key_type = known.key_type;
    remote.stride = known.stride;
    remote.http = known.http;
    remote.index_memory = 1;
    code = ikv_open(url, &remote, &fetch.store, err);
    if (code < 0)
        return code;
    if (fetch.store->file.source)
        code = fetch_to(&fetch, path, &known, err);
    else
        code = ikv_fail(err, IKV_E_INVALID, IKV_AT_FILE(url), "ikv_fetch: not a URL");
    ikv_close(fetch.store);
    if (ret_stats && (code == 0 || code == IKV_E_DURABILITY))
        *ret_stats = fetch.stats;
    return code;
}
