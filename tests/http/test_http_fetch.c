/* Downloads: the same bytes as on the server, continued after they were stopped, never a mixture.
 */
#include "fixtures.h"
#include "http_stores.h"
#include "rng.h"
#include "stores.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PIECE (1u << 20)

static http_stores stores;
static char *target;
static char *partial;

static int fetch(size_t store, const ikv_http_options *http, const ikv_fetch_options *options,
                 ikv_fetch_stats *stats, ikv_error *err)
{
    ikv_open_options open_options = IKV_OPEN_OPTIONS_INIT;
    char *url = http_server_url(stores.server, stores.path[store]);

    open_options.key_type = IKV_KEY_U64;
    open_options.http = http;
    *err = (ikv_error){0};
    const int code = ikv_fetch(url, target, &open_options, options, stats, err);
    free(url);
    return code;
}

static void assert_same_file(const char *a, const char *b)
{
    size_t size[2];
    unsigned char *bytes[2] = {file_read(a, &size[0]), file_read(b, &size[1])};

    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);
    free(bytes[0]);
    free(bytes[1]);
}

static void begin(void)
{
    (void)unlink(target);
    (void)unlink(partial);
    http_server_set(stores.server, &(http_plan){.choose = NULL});
}

static void the_same_bytes(void **state)
{
    ikv_fetch_stats stats;
    ikv_error err;
    struct stat st;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        begin();
        assert_ok(fetch(i, NULL, NULL, &stats, &err), &err);
        assert_same_file(stores.path[i], target);
        assert_int_equal(stat(partial, &st), -1);
        assert_int_equal(stat(target, &st), 0);
        assert_int_equal(stats.file_size, st.st_size);
        assert_int_equal(stats.fetched, st.st_size);
        assert_int_equal(stats.resumed, 0);
        assert_int_equal(stats.retries, 0);
    }
}

/* ---------------------------------------------------------------- continuing */

struct limit {
    uint64_t base;
    uint64_t count; /* requests after this many fail */
};

static http_fault fail_after(void *user, uint64_t number)
{
    const struct limit *limit = user;

    return number - limit->base < limit->count ? HTTP_FINE : HTTP_STATUS;
}

/* Fetch until the server fails for good. */
static void fetch_some(struct limit *limit, uint64_t requests)
{
    const ikv_http_options http = {.size = sizeof http, .connections = 1, .attempts = 1};
    ikv_error err;
    struct stat st;

    *limit = (struct limit){http_server_requests(stores.server), requests};
    http_server_set(stores.server,
                    &(http_plan){.choose = fail_after, .user = limit, .status = 503});
    assert_failed(fetch(1, &http, NULL, NULL, &err), IKV_E_REMOTE, &err, NULL);
    assert_non_null(strstr(err.message, "HTTP status 503"));
    assert_int_equal(stat(partial, &st), 0);
    assert_int_equal(stat(target, &st), -1);
    http_server_set(stores.server, &(http_plan){.choose = NULL});
}

static void stopped_and_continued(void **state)
{
    struct limit limit;
    ikv_fetch_stats stats;
    ikv_error err;

    (void)state;
    begin();
    fetch_some(&limit, 5); /* two or three for opening */
    fetch_some(&limit, 4);
    assert_ok(fetch(1, NULL, NULL, &stats, &err), &err);
    assert_in_range(stats.resumed, 3 * PIECE, 5 * PIECE);
    assert_int_equal(stats.fetched, stats.file_size - stats.resumed);
    assert_same_file(stores.path[1], target);
}

/* A state with a wrong bit, or a file that was cut, is not continued. */
static void damaged_states(void **state)
{
    struct limit limit;
    ikv_fetch_stats stats;
    ikv_error err;
    struct stat st;

    (void)state;
    for (int how = 0; how < 2; how++) {
        begin();
        fetch_some(&limit, 5);
        assert_int_equal(stat(partial, &st), 0);
        if (how == 0)
            file_flip_bit(partial, ((uint64_t)st.st_size - 40) * 8 + 3);
        else
            assert_int_equal(truncate(partial, st.st_size - 1), 0);
        assert_ok(fetch(1, NULL, NULL, &stats, &err), &err);
        assert_int_equal(stats.resumed, 0);
        assert_same_file(stores.path[1], target);
    }
}

static void a_replaced_object(void **state)
{
    struct limit limit;
    ikv_fetch_stats stats;
    ikv_error err;
    struct stat st;

    (void)state;
    begin();
    fetch_some(&limit, 5);
    assert_int_equal(stat(stores.path[1], &st), 0);
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = st.st_mtime - 100}};
    assert_int_equal(utimensat(AT_FDCWD, stores.path[1], times, 0), 0);
    assert_ok(fetch(1, NULL, NULL, &stats, &err), &err);
    assert_int_equal(stats.resumed, 0);
    assert_same_file(stores.path[1], target);
}

static int stop(void *user, const ikv_progress *progress)
{
    (void)user;
    return strcmp(progress->phase, "fetch") != 0;
}

/* Stopped during verification: all is there. */
static void canceled(void **state)
{
    const ikv_fetch_options options = {.size = sizeof options, .on_progress = stop};
    ikv_fetch_stats stats;
    ikv_error err;
    struct stat st;

    (void)state;
    begin();
    assert_int_equal(fetch(0, NULL, &options, NULL, &err), IKV_E_CANCELED);
    assert_int_equal(stat(target, &st), -1);
    assert_ok(fetch(0, NULL, NULL, &stats, &err), &err);
    assert_int_equal(stats.fetched, 0);
    assert_same_file(stores.path[0], target);
}

/* ---------------------------------------------------------------- what is not put in place */

static void damage_on_the_server(void **state)
{
    static const char old[] = "what was there before";
    ikv_error err;
    size_t size;
    struct stat st;

    (void)state;
    begin();
    file_write(target, old, sizeof old);
    assert_int_equal(stat(stores.path[1], &st), 0);
    file_flip_bit(stores.path[1], (uint64_t)st.st_size / 3 * 8);
    const int code = fetch(1, NULL, NULL, NULL, &err);
    file_flip_bit(stores.path[1], (uint64_t)st.st_size / 3 * 8);
    assert_in_range(-code, -IKV_E_HEADER, -IKV_E_PADDING);
    assert_non_null(strstr(err.message, ".partial"));
    unsigned char *bytes = file_read(target, &size);
    assert_int_equal(size, sizeof old);
    assert_memory_equal(bytes, old, size);
    free(bytes);
}

static void targets(void **state)
{
    char *url = http_server_url(stores.server, stores.path[1]);
    ikv_error err;

    (void)state;
    begin();
    assert_failed(ikv_fetch(stores.path[1], target, NULL, NULL, NULL, &err), IKV_E_INVALID, &err,
                  stores.path[1]);
    assert_failed(ikv_fetch(url, group_dir.path, NULL, NULL, NULL, &err), IKV_E_NOT_REGULAR, &err,
                  group_dir.path);
    assert_failed(ikv_fetch(url, "/no/such/directory/file", NULL, NULL, NULL, &err), -ENOENT, &err,
                  "/no/such/directory/file");
    assert_int_equal(ikv_fetch(NULL, target, NULL, NULL, NULL, &err), IKV_E_INVALID);
    assert_int_equal(symlink(stores.path[0], partial), 0);
    assert_failed(ikv_fetch(url, target, NULL, NULL, NULL, &err), -ELOOP, &err, partial);
    free(url);
}

static void another_process(void **state)
{
    char *url = http_server_url(stores.server, stores.path[1]);
    int ready[2];
    int end[2];
    char byte = 0;
    ikv_error err;

    (void)state;
    begin();
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(end), 0);
    const pid_t child = fork();
    if (child == 0) {
        const int fd = open(partial, O_RDWR | O_CREAT, 0600);
        (void)close(end[1]);
        if (flock(fd, LOCK_EX) == 0 && write(ready[1], &byte, 1) == 1)
            (void)!read(end[0], &byte, 1);
        _exit(0);
    }
    (void)close(end[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_failed(ikv_fetch(url, target, NULL, NULL, NULL, &err), -EBUSY, &err, partial);
    (void)close(end[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_ok(ikv_fetch(url, target, NULL, NULL, NULL, &err), &err);
    (void)close(ready[0]);
    (void)close(ready[1]);
    free(url);
}

static int setup(void **state)
{
    http_stores_start(&stores, state, 200000, MODEL_SIZES_SMALL);
    target = tmpdir_file(&group_dir, "fetched");
    partial = tmpdir_file(&group_dir, "fetched.partial");
    return 0;
}

static int teardown(void **state)
{
    free(target);
    free(partial);
    return http_stores_stop(&stores, state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes), cmocka_unit_test(stopped_and_continued),
        cmocka_unit_test(damaged_states), cmocka_unit_test(a_replaced_object),
        cmocka_unit_test(canceled),       cmocka_unit_test(damage_on_the_server),
        cmocka_unit_test(targets),        cmocka_unit_test(another_process),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
