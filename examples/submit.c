/*
 * Look up many batches from one thread that waits for nothing but poll, as an event loop does.
 *
 *     submit    as many batches as are to be under way
 *     poll      for batches that are done (and whatever else a program waits for)
 *     take      each that is done: use its answers, then give its result the next batch
 */
#include <indexkv.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCHES    20
#define BATCH_KEYS 8
#define UNDER_WAY  4
#define PAIRS      5000

/* A batch under way. Its keys stay in place until its answers were used. */
struct place {
    ikv_result *result;
    uint64_t keys[BATCH_KEYS];
};

struct loop {
    ikv_store *store;
    ikv_completions *completions;
    struct place places[UNDER_WAY];
    unsigned submitted;
    unsigned done;
    unsigned found;
    unsigned missing;
};

/* The squares of even numbers. */
static int write_store(const char *path, ikv_error *err)
{
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    ikv_writer *writer;

    options.key_type = IKV_KEY_U64;
    if (ikv_writer_new(path, &options, &writer, err) < 0)
        return -1;
    for (uint64_t number = 0; number < 2 * (uint64_t)PAIRS; number += 2) {
        char square[24];
        const int size = snprintf(square, sizeof square, "%" PRIu64, number * number);
        if (ikv_writer_add(writer, &number, square, (size_t)size, err) < 0) {
            ikv_writer_abort(writer);
            return -1;
        }
    }
    return ikv_writer_finish(writer, NULL, err);
}

/* The next batch, if there is one left. The call returns at once. */
static int submit(struct loop *loop, struct place *place, ikv_error *err)
{
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;

    if (loop->submitted == BATCHES)
        return 0;
    for (unsigned i = 0; i < BATCH_KEYS; i++)
        place->keys[i] = 500u * loop->submitted + 61u * i;
    options.completions = loop->completions;
    if (ikv_submit(loop->store, place->keys, BATCH_KEYS, NULL, &options, place->result, err) < 0)
        return -1;
    loop->submitted++;
    return 0;
}

static void use_answers(struct loop *loop, const struct place *place)
{
    const ikv_item *items = ikv_result_items(place->result);

    for (unsigned i = 0; i < BATCH_KEYS; i++) {
        if (items[i].status == IKV_FOUND)
            loop->found++;
        else if (items[i].status == IKV_MISSING)
            loop->missing++;
    }
}

/* All batches that are done by now. */
static int take(struct loop *loop, ikv_error *err)
{
    ikv_result *result;

    while ((result = ikv_completions_next(loop->completions)) != NULL) {
        struct place *place = loop->places;
        while (place->result != result)
            place++;
        loop->done++;
        if (ikv_result_code(result) < 0) {
            snprintf(err->message, sizeof err->message, "%s",
                     ikv_strerror(ikv_result_code(result)));
            return -1;
        }
        use_answers(loop, place);
        if (submit(loop, place, err) < 0)
            return -1;
    }
    return 0;
}

static int run(struct loop *loop, ikv_error *err)
{
    struct pollfd wanted = {.fd = ikv_completions_fd(loop->completions), .events = POLLIN};

    for (unsigned i = 0; i < UNDER_WAY; i++) {
        if (ikv_result_new(&loop->places[i].result) < 0 || submit(loop, &loop->places[i], err) < 0)
            return -1;
    }
    while (loop->done < BATCHES) {
        if (poll(&wanted, 1, -1) < 0) /* other descriptors would be in here, too */
            continue;                 /* a signal */
        if (take(loop, err) < 0)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "squares.ikv";
    ikv_error err = {.message = "out of memory"};
    struct loop loop = {0};
    int failed = write_store(path, &err) < 0 || ikv_open(path, NULL, &loop.store, &err) < 0 ||
                 ikv_completions_new(&loop.completions, &err) < 0 || run(&loop, &err) < 0;

    if (failed)
        fprintf(stderr, "%s\n", err.message);
    else
        printf("%u batches: %u squares, %u missing\n", loop.done, loop.found, loop.missing);
    ikv_close(loop.store); /* waits for batches that are under way, if it came to that */
    for (unsigned i = 0; i < UNDER_WAY; i++)
        ikv_result_free(loop.places[i].result);
    ikv_completions_free(loop.completions);
    return failed;
}
