/*
 * Scans in key order whose index reads fail, or reach the end of a file that was truncated while
 * the store was open. The scan must not use what a failed read left in the buffer of an earlier
 * load, and no key may be lost silently.
 */
#include "indexkv.h"

#include "fault_io.h"
#include "numbered.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define PAGES           151u

/* Memory for reading ahead: a window of one item, of a few, and of more than one load of pages. */
static const uint64_t MEMORIES[] = {1, 5000, 0, UINT64_C(64) << 20};

/* Pages that a scan loads at a time: leaves by extents of 1 MiB. */
static uint64_t loaded_pages(const numbered_store *s)
{
    return s->places.is_clustered ? 256 : 64;
}

/* Truncate the file within this index page after the store was opened. */
static void truncate_index(void **state, numbered_store *s, uint64_t page, uint64_t memory)
{
    const uint64_t cut = numbered_first_entry(s, page);
    numbered_bounds bounds = {NUMBERED_NO_BOUND, NUMBERED_NO_BOUND, 0, memory};
    char *path = tmpdir_file(*state, "truncated");
    char *intact = s->path;
    ikv_store *store;
    ikv_error err = {0};
    int code;

    file_copy(s->path, path);
    s->path = path;
    store = store_open(path, s->type, 0, 0);
    file_truncate(path, numbered_entry_offset(s, cut) + 100);
    for (int with_to = 0; with_to < 2; with_to++) {
        bounds.to = with_to ? s->count - 1 : NUMBERED_NO_BOUND;
        uint64_t delivered = numbered_scan(s, store, bounds, &code, &err);
        assert_failed(code, IKV_E_TRUNCATED, &err, path);
        assert_true(delivered <= cut);
        assert_true(delivered >= numbered_first_entry(s, page / loaded_pages(s) * loaded_pages(s)));
    }
    ikv_close(store);
    s->path = intact;
    free(path);
}

static void index_truncated_under_open_store(void **state)
{
    static const uint64_t pages[] = {0, 63, 64, 100, PAGES - 1};

    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        numbered_store s;

        numbered_make(*state, IKV_KEY_U64, flags, PAGES, 0, &s);
        for (size_t p = 0; p < COUNT_OF(pages); p++)
            for (size_t m = 0; m < COUNT_OF(MEMORIES); m++)
                truncate_index(state, &s, pages[p], MEMORIES[m]);
        numbered_free(&s);
    }
}

/* The window spans more entries than one load, but its first values do not fit into the memory. The
 * scan retries with a smaller window, which begins before the entries of the failed read. */
static const uint64_t OVER_BUDGET[] = {1000000, 1450000, 2000000, 3000000, 4500000, 6000000};
#define MANY_PAGES 300u
#define LARGE      300u

static void index_truncated_while_window_shrinks(void **state)
{
    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        numbered_store s;

        numbered_make(*state, IKV_KEY_U64, flags, MANY_PAGES, LARGE, &s);
        for (size_t m = 0; m < COUNT_OF(OVER_BUDGET); m++) {
            truncate_index(state, &s, 94, OVER_BUDGET[m]);
            truncate_index(state, &s, 64, OVER_BUDGET[m]);
            truncate_index(state, &s, 127, OVER_BUDGET[m]);
        }
        numbered_free(&s);
    }
}

/* A failed read may have overwritten part of its buffer. */
static void fill_failed_buffer(void *user, const fault_event *event)
{
    (void)user;
    if (event->call == FAULT_READ && event->result < 0)
        memset(event->buffer, 0xee, event->size);
}

typedef struct read_list {
    uint64_t pages_begin;
    uint64_t reads; /* of any part of the file */
    size_t count;
    uint64_t calls[1024]; /* numbers of the index reads */
} read_list;

static void note_index_read(void *user, const fault_event *event)
{
    read_list *list = user;

    if (event->call != FAULT_READ)
        return;
    if (event->offset >= list->pages_begin && list->count < COUNT_OF(list->calls))
        list->calls[list->count++] = list->reads;
    list->reads++;
}

static void list_index_reads(const numbered_store *s, ikv_store *store, numbered_bounds bounds,
                             read_list *ret_list)
{
    fault_plan plan = {.calls = FAULT_BIT(FAULT_READ), .action = FAULT_NOTHING};
    int code;

    *ret_list = (read_list){.pages_begin = s->places.pages[0].begin};
    fault_start(&plan, note_index_read, ret_list);
    assert_int_equal(numbered_scan(s, store, bounds, &code, NULL), s->count);
    fault_stop();
    assert_in_range(ret_list->count, s->places.is_clustered ? 1 : 3, COUNT_OF(ret_list->calls) - 1);
}

static void fail_index_reads(const numbered_store *s, uint64_t index_memory, uint64_t memory)
{
    ikv_store *store = store_open(s->path, s->type, 0, index_memory);
    numbered_bounds bounds = {NUMBERED_NO_BOUND, NUMBERED_NO_BOUND, 0, memory};
    read_list list;
    ikv_error err;
    int code;

    list_index_reads(s, store, bounds, &list);
    for (size_t i = 0; i < list.count; i++) {
        if (!test_in_sample(i, list.count, 3))
            continue;
        fault_plan plan = {.calls = FAULT_BIT(FAULT_READ),
                           .index = list.calls[i],
                           .action = FAULT_FAIL,
                           .error = EIO};
        bounds.to = i % 2 ? s->count - 1 : NUMBERED_NO_BOUND;
        fault_start(&plan, fill_failed_buffer, NULL);
        uint64_t delivered = numbered_scan(s, store, bounds, &code, &err);
        assert_int_equal(fault_stop().faults, 1);
        /* Only this read fails, so the scan succeeds if it reads the same pages again. */
        if (code == IKV_E_END)
            assert_int_equal(delivered, s->count);
        else
            assert_failed(code, -EIO, &err, s->path);
    }
    ikv_close(store);
}

static void failing_reads_of_the_index(void **state)
{
    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        numbered_store s;

        numbered_make(*state, IKV_KEY_U64, flags, PAGES, 0, &s);
        for (size_t m = 0; m < COUNT_OF(MEMORIES); m++) {
            fail_index_reads(&s, 0, MEMORIES[m]);
            fail_index_reads(&s, 1, MEMORIES[m]);
        }
        numbered_free(&s);
        numbered_make(*state, IKV_KEY_U64, flags, MANY_PAGES, LARGE, &s);
        for (size_t m = 0; m < COUNT_OF(OVER_BUDGET); m++)
            fail_index_reads(&s, 0, OVER_BUDGET[m]);
        numbered_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_truncated_under_open_store),
        cmocka_unit_test(index_truncated_while_window_shrinks),
        cmocka_unit_test_teardown(failing_reads_of_the_index, stop_faults),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
