/*
 * Look up many batches from one thread that only waits in poll, like an event loop.
 *
 *     submit    start IN_FLIGHT batches
 *     poll      wait for completed batches (and other events of the program)
 *     take      for each completed batch: use its answers, then submit the next batch
 */
#include <indexkv.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCHES    20
#define BATCH_KEYS 8
#define IN_FLIGHT  4
#define PAIRS      5000

/* A batch in flight. Its keys must stay valid until it has completed. */
struct slot {
    ikv_result *result;
    uint64_t keys[BATCH_KEYS];
};

struct loop {
    ikv_store *store;
    ikv_completions *completions;
    struct slot slots[IN_FLIGHT];
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

/* Submits the next batch, if there is one left. ikv_submit does not block. */
static int submit(struct loop *loop, struct slot *slot, ikv_error *err)
{
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;

    if (loop->submitted == BATCHES)
        return 0;
    for (unsigned i = 0; i < BATCH_KEYS; i++)
        slot->keys[i] = 500u * loop->submitted + 61u * i;
    options.completions = loop->completions;
    if (ikv_submit(loop->store, slot->keys, BATCH_KEYS, NULL, &options, slot->result, err) < 0)
        return -1;
    loop->submitted++;
    return 0;
}

static void use_answers(struct loop *loop, const struct slot *slot)
{
    const ikv_item *items = ikv_result_items(slot->result);

    for (unsigned i = 0; i < BATCH_KEYS; i++) {
        if (items[i].status == IKV_FOUND)
            loop->found++;
        else if (items[i].status == IKV_MISSING)
            loop->missing++;
    }
}

/* Takes all completed batches. */
static int take(struct loop *loop, ikv_error *err)
{
    ikv_result *result;

    while ((result = ikv_completions_next(loop->completions)) != NULL) {
        struct slot *slot = loop->slots;
        while (slot->result != result)
            slot++;
        loop->done++;
        if (ikv_result_code(result) < 0) {
            snprintf(err->message, sizeof err->message, "%s",
                     ikv_strerror(ikv_result_code(result)));
            return -1;
        }
        use_answers(loop, slot);
        if (submit(loop, slot, err) < 0)
            return -1;
    }
    return 0;
}

static int run(struct loop *loop, ikv_error *err)
{
    struct pollfd wanted = {.fd = ikv_completions_fd(loop->completions), .events = POLLIN};

    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        if (ikv_result_new(&loop->slots[i].result) < 0 || submit(loop, &loop->slots[i], err) < 0)
            return -1;
    }
    while (loop->done < BATCHES) {
        if (poll(&wanted, 1, -1) < 0) /* a real program would poll other descriptors, too */
            continue;                 /* EINTR */
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
    ikv_close(loop.store); /* after an error: waits for batches in flight */
    for (unsigned i = 0; i < IN_FLIGHT; i++)
        ikv_result_free(loop.slots[i].result);
    ikv_completions_free(loop.completions);
    return failed;
}
