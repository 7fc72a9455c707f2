/* The page cache keeps a new file in folios as large as the writes that create it, so stores are
 * written in pieces of 2 MiB, aligned to their size: huge pages. */
#include "checks.h"
#include "fault_io.h"
#include "stores.h"
#include "tmpdir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PIECE      (UINT64_C(2) << 20)
#define PIECES_MAX 64
#define VALUE_SIZE 500

/* How the pieces of the store's file were written, as seen by an observer of system calls. */
typedef struct pieces {
    int fd; /* of the file; -1: not open */
    uint64_t size;
    bool is_whole[PIECES_MAX]; /* its first write covered all of it */
    bool is_cut[PIECES_MAX];   /* its first write covered a part of it */
} pieces;

static void note_write(pieces *file, const fault_event *event)
{
    const uint64_t first = event->offset / PIECE;
    const uint64_t end = event->offset + event->size;

    for (uint64_t i = first; i <= (end - 1) / PIECE; i++) {
        assert_true(i < PIECES_MAX);
        if (file->is_whole[i] || file->is_cut[i])
            continue;
        file->is_whole[i] = event->offset <= i * PIECE && end >= (i + 1) * PIECE;
        file->is_cut[i] = !file->is_whole[i];
    }
    file->size = end > file->size ? end : file->size;
}

/* Pages beyond the end are dropped from the page cache. */
static void note_truncation(pieces *file, uint64_t size)
{
    for (uint64_t i = (size + PIECE - 1) / PIECE; i < PIECES_MAX; i++)
        file->is_whole[i] = file->is_cut[i] = false;
    file->size = size;
}

static void observe(void *user, const fault_event *event)
{
    pieces *file = user;

    /* Portable builds name the temporary files of the sort, too: /.indexkv.RANDOM.tmp */
    if (event->call == FAULT_OPEN && event->path && (event->flags & O_CREAT) &&
        !strstr(event->path, "/.indexkv.") && event->result >= 0)
        file->fd = (int)event->result;
    else if (event->call == FAULT_CLOSE && event->fd == file->fd)
        file->fd = -1;
    else if (event->call == FAULT_WRITE && event->fd == file->fd && event->result > 0)
        note_write(file, event);
    else if (event->call == FAULT_FTRUNCATE && event->fd == file->fd)
        note_truncation(file, event->offset);
}

typedef struct input {
    uint64_t count;
    uint64_t next;
    uint64_t factor; /* keys are its multiples, modulo 2^64; 1: in order */
    uint64_t again;  /* this pair repeats the previous key; 0: none */
    uint64_t key;
    unsigned char value[VALUE_SIZE];
} input;

static int next_pair(void *user, ikv_pair *pair)
{
    input *in = user;

    if (in->next == in->count)
        return 0;
    const uint64_t i = in->next++;
    in->key = (in->again > 0 && i == in->again ? i - 1 : i) * in->factor;
    memset(in->value, (int)(i % 251), sizeof in->value);
    *pair = (ikv_pair){&in->key, in->value, sizeof in->value};
    return 1;
}

/* Of every store but its first piece, whose header is written before, and its last one. */
static void assert_whole_pieces(const char *path, input in, const ikv_writer_options *options)
{
    const fault_plan none = {.calls = FAULT_BIT(FAULT_WRITE), .index = UINT64_MAX};
    ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
    ikv_build_stats stats;
    pieces file = {.fd = -1};
    ikv_error err;

    fault_start(&none, observe, &file);
    const int code = ikv_build(path, options, next_pair, &in, &stats, &err);
    (void)fault_stop();
    assert_ok(code, &err);
    assert_true(stats.file_size >= 4 * PIECE);
    assert_int_equal(file.size, stats.file_size);
    for (uint64_t i = 1; i < stats.file_size / PIECE; i++)
        if (!file.is_whole[i])
            fail_msg("piece %llu was written in parts", (unsigned long long)i);
    open.key_type = IKV_KEY_U64;
    assert_ok(ikv_verify(path, &open, NULL, NULL, &err), &err);
    assert_int_equal(remove(path), 0);
}

static void check(void **state, ikv_layout layout, input in, ikv_writer_options options)
{
    char *path = tmpdir_file(*state, "store");

    options.layout = layout;
    options.key_type = IKV_KEY_U64;
    assert_whole_pieces(path, in, &options);
    free(path);
}

#define RANDOM UINT64_C(0x9e3779b97f4a7c15)

static void test_arrival(void **state)
{
    const ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    const input in = {.count = 30000, .factor = RANDOM};

    check(state, IKV_LAYOUT_ARRIVAL, in, options);
}

/* An index of several pieces, which begins in the middle of one. */
static void test_plain(void **state)
{
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    const input in = {.count = 150000, .factor = RANDOM};

    options.flags = IKV_WRITE_PLAIN;
    check(state, IKV_LAYOUT_ARRIVAL, in, options);
}

/* Records after the dropped one move down. */
static void test_compacted(void **state)
{
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    const input in = {.count = 30000, .factor = RANDOM, .again = 12000};

    options.on_duplicate = IKV_DUPLICATES_LAST;
    check(state, IKV_LAYOUT_ARRIVAL, in, options);
}

static void test_clustered(void **state)
{
    const ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    const input in = {.count = 30000, .factor = RANDOM};

    check(state, IKV_LAYOUT_CLUSTERED, in, options);
}

/* In order: leaves are written at once. */
static void test_clustered_in_order(void **state)
{
    const ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    const input in = {.count = 30000, .factor = 1};

    check(state, IKV_LAYOUT_CLUSTERED, in, options);
}

/* Pairs are sorted in runs. */
static void test_clustered_spilled(void **state)
{
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    const input in = {.count = 60000, .factor = RANDOM};

    options.memory = UINT64_C(8) << 20;
    check(state, IKV_LAYOUT_CLUSTERED, in, options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_arrival, stop_faults),
        cmocka_unit_test_teardown(test_plain, stop_faults),
        cmocka_unit_test_teardown(test_compacted, stop_faults),
        cmocka_unit_test_teardown(test_clustered, stop_faults),
        cmocka_unit_test_teardown(test_clustered_in_order, stop_faults),
        cmocka_unit_test_teardown(test_clustered_spilled, stop_faults),
    };
    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
