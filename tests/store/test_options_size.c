/*
 * The size field that options begin with. The library reads that many bytes, but must refuse sizes
 * that are garbage, as in uninitialised options. In these tests, options end at the end of
 * accessible memory.
 */
#include "indexkv.h"

#include "open_checks.h"
#include "stores.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT_OF(array)  (sizeof(array) / sizeof((array)[0]))
#define OPTIONS_SIZE_MAX 4096u /* larger sizes are refused */

/* Zeros, followed by an inaccessible page. */
typedef struct memory_edge {
    unsigned char *begin;
    size_t size; /* accessible bytes */
    size_t whole;
} memory_edge;

static memory_edge make_edge(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    memory_edge edge = {.size = (OPTIONS_SIZE_MAX + page - 1) / page * page};

    edge.whole = edge.size + page;
    edge.begin = mmap(NULL, edge.whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(edge.begin != MAP_FAILED);
    assert_int_equal(mprotect(edge.begin + edge.size, page, PROT_NONE), 0);
    return edge;
}

/* Copies the options, with another size field, to `readable` bytes before the end of memory. */
static void *place(const memory_edge *edge, const void *options, size_t options_size,
                   size_t readable, size_t size)
{
    unsigned char *at = edge->begin + edge->size - readable;

    memset(edge->begin, 0, edge->size);
    memcpy(at, options, options_size);
    memcpy(at, &size, sizeof(size));
    return at;
}

typedef struct called {
    const char *path;
    ikv_store *store;
    ikv_result *result;
} called;

typedef int (*options_call)(const called *on, const void *options, ikv_error *err);

static int call_open(const called *on, const void *options, ikv_error *err)
{
    ikv_store *store = NULL;
    int code = ikv_open(on->path, options, &store, err);

    assert_true((store != NULL) == (code == 0));
    ikv_close(store);
    return code;
}

static int call_get(const called *on, const void *options, ikv_error *err)
{
    const uint64_t key = 1;

    return ikv_get_many(on->store, &key, 1, options, on->result, err);
}

static int call_scan(const called *on, const void *options, ikv_error *err)
{
    ikv_scan *scan = NULL;
    int code = ikv_scan_open(on->store, options, &scan, err);

    assert_true((scan != NULL) == (code == 0));
    ikv_scan_close(scan);
    return code;
}

static int call_write(const called *on, const void *options, ikv_error *err)
{
    ikv_writer *writer = NULL;
    int code = ikv_writer_new(on->path, options, &writer, err);

    assert_true((writer != NULL) == (code == 0));
    ikv_writer_abort(writer);
    return code;
}

static int call_verify(const called *on, const void *options, ikv_error *err)
{
    return ikv_verify(on->path, NULL, options, NULL, err);
}

static int call_verify_open(const called *on, const void *options, ikv_error *err)
{
    return ikv_verify(on->path, options, NULL, NULL, err);
}

static void try_sizes(const called *on, options_call call, const void *options, size_t size)
{
    static const size_t garbage[] = {OPTIONS_SIZE_MAX + 1, 1 << 20, SIZE_MAX / 2, SIZE_MAX};
    const memory_edge edge = make_edge();
    ikv_error err;

    for (size_t small = 0; small < sizeof(size_t); small++)
        assert_failed(call(on, place(&edge, options, size, size, small), &err), IKV_E_INVALID, &err,
                      NULL);
    for (size_t i = 0; i < COUNT_OF(garbage); i++)
        assert_failed(call(on, place(&edge, options, size, size, garbage[i]), &err), IKV_E_INVALID,
                      &err, NULL);
    /* Options of a later version, whose unknown fields are zero. */
    for (size_t more = 0; size + more <= OPTIONS_SIZE_MAX; more += 8) {
        unsigned char *at = place(&edge, options, size, size + more, size + more);

        assert_ok(call(on, at, &err), &err);
        if (more > 0) {
            at[size + more - 1] = 1;
            assert_failed(call(on, at, &err), IKV_E_INVALID, &err, NULL);
        }
    }
    assert_int_equal(munmap(edge.begin, edge.whole), 0);
}

static void options_of_every_size(void **state)
{
    const ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
    const ikv_get_options get = IKV_GET_OPTIONS_INIT;
    const ikv_scan_options scan = IKV_SCAN_OPTIONS_INIT;
    const ikv_verify_options verify = IKV_VERIFY_OPTIONS_INIT;
    ikv_writer_options write = IKV_WRITER_OPTIONS_INIT;
    char *path = tmpdir_file(*state, "options");
    called on = {.path = path};

    write_native(path, IKV_KEY_U64, 10, NULL);
    on.store = store_open(path, 0, 0, 0);
    assert_ok(ikv_result_new(&on.result), NULL);
    write.key_type = IKV_KEY_U64;
    try_sizes(&on, call_open, &open, sizeof(open));
    try_sizes(&on, call_get, &get, sizeof(get));
    try_sizes(&on, call_scan, &scan, sizeof(scan));
    try_sizes(&on, call_write, &write, sizeof(write));
    try_sizes(&on, call_verify, &verify, sizeof(verify));
    try_sizes(&on, call_verify_open, &open, sizeof(open));
    ikv_result_free(on.result);
    ikv_close(on.store);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_every_size),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
