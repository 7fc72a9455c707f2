/* Own descriptors for threads that read the same file. */
#include "core/io/thread_files.h"

#include "engines.h"
#include "platform.h"
#include "stores.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    tmpdir dir;
    char *path;
    struct ikv_io_file shared;
};

static int make_file(void **state)
{
    struct fixture *fixture = must_malloc(sizeof *fixture);

    tmpdir_make(&fixture->dir);
    fixture->path = tmpdir_file(&fixture->dir, "file");
    file_write(fixture->path, "0123456789", 10);
    fixture->shared =
        (struct ikv_io_file){.fd = open(fixture->path, O_RDONLY | O_CLOEXEC), .serial = 5};
    *state = fixture;
    return fixture->shared.fd < 0;
}

static int remove_file(void **state)
{
    struct fixture *fixture = *state;

    (void)close(fixture->shared.fd);
    tmpdir_remove(&fixture->dir);
    free(fixture->path);
    free(fixture);
    return 0;
}

static ino_t inode_of(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

/* Whether the descriptors share a file offset. */
static bool share_offset(int a, int b)
{
    assert_int_equal(lseek(a, 0, SEEK_SET), 0);
    assert_int_equal(lseek(b, 7, SEEK_SET), 7);
    return lseek(a, 0, SEEK_CUR) == 7;
}

/* Even if the path has another file by then. */
static void each_thread_opens_the_same_file(void **state)
{
    const struct fixture *fixture = *state;
    const struct ikv_io_file *shared = &fixture->shared;
    const size_t before = process_descriptors();
    struct ikv_thread_files files = {0};

    assert_ptr_equal(ikv_thread_file(&files, shared, 0), shared);
    assert_int_equal(process_descriptors(), before);
    assert_int_equal(unlink(fixture->path), 0);
    file_write(fixture->path, "another", 7);
    for (unsigned number = 1; number <= IKV_THREAD_FILES; number++) {
        const struct ikv_io_file *file = ikv_thread_file(&files, shared, number);
        if (file == shared) { /* not supported here */
            ikv_thread_files_close(&files);
            skip();
        }
        assert_int_equal(inode_of(file->fd), inode_of(shared->fd));
        assert_int_equal(file->serial, shared->serial);
        assert_false(share_offset(file->fd, shared->fd));
        assert_int_not_equal(fcntl(file->fd, F_GETFD) & FD_CLOEXEC, 0);
        assert_ptr_equal(ikv_thread_file(&files, shared, number), file);
        assert_ptr_equal(ikv_thread_file(&files, shared, number + IKV_THREAD_FILES), file);
    }
    assert_int_equal(process_descriptors(), before + IKV_THREAD_FILES);
    ikv_thread_files_close(&files);
    assert_int_equal(process_descriptors(), before);
}

static void direct_files_are_shared(void **state)
{
    const struct fixture *fixture = *state;
    struct ikv_io_file direct = fixture->shared;
    struct ikv_thread_files files = {0};

    direct.direct = true;
    assert_ptr_equal(ikv_thread_file(&files, &direct, 3), &direct);
    ikv_thread_files_close(&files);
}

static void shared_without_free_descriptors(void **state)
{
    const struct fixture *fixture = *state;
    struct ikv_thread_files files = {0};
    struct rlimit before;
    struct rlimit none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const struct ikv_io_file *file = ikv_thread_file(&files, &fixture->shared, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_ptr_equal(file, &fixture->shared);
    ikv_thread_files_close(&files);
}

/* Whether no descriptor of the file is open: otherwise it gives no write lease. */
static bool is_released(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    const bool released = test_lease(fd) || errno == EINVAL || errno == EACCES;
    (void)close(fd);
    return released;
}

/* Opens a store, looks up batches on all workers, and closes it. */
static void use_store(const char *path, const open_mode *mode, ikv_engine *engine,
                      const store_model *model, size_t descriptors_max)
{
    const size_t before = process_descriptors();
    ikv_store *store = engine_open(path, IKV_KEY_U64, mode, engine);
    ikv_result *result = NULL;
    rng_state rng = {3};
    size_t count = 0;
    unsigned char *keys = batch_keys(model, &rng, BATCH_ALL, 3000, &count);

    assert_int_equal(ikv_result_new(&result), 0);
    for (int i = 0; i < 10; i++)
        assert_batch(store, model, keys, count, IKV_EXACT, result);
    assert_in_range(process_descriptors(), before + 1, before + descriptors_max);
    assert_false(is_released(path));
    ikv_result_free(result);
    ikv_close(store);
    assert_true(is_released(path));
    free(keys);
}

/* A store closes its files descriptors, and no worker's ring keeps one. */
static void a_store_closes_its_files(void **state)
{
    enum { THREADS = 3 };
    const struct fixture *fixture = *state;
    char *path = tmpdir_file(&fixture->dir, "store");
    open_mode modes[OPEN_MODES_MAX];
    store_model model;

    engine_fill(path, IKV_KEY_U64, 0, 3000, MODEL_SIZES_SMALL, 1, &model);
    const size_t count = open_modes(path, IKV_KEY_U64, modes);
    for (size_t i = 0; i < count; i++) {
        const size_t before = process_descriptors();
        ikv_engine *engine = engine_make(THREADS, 0, 0, 0);

        /* Rings stay, with a descriptor each. */
        for (int round = 0; round < 3; round++)
            use_store(path, &modes[i], engine, &model, (size_t)2 * THREADS + 1);
        ikv_engine_close(engine);
        assert_int_equal(process_descriptors(), before);
    }
    model_free(&model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_thread_opens_the_same_file, make_file, remove_file),
        cmocka_unit_test_setup_teardown(direct_files_are_shared, make_file, remove_file),
        cmocka_unit_test_setup_teardown(shared_without_free_descriptors, make_file, remove_file),
        cmocka_unit_test_setup_teardown(a_store_closes_its_files, make_file, remove_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
