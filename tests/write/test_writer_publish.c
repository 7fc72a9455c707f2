/* Publishing: a finished store replaces the file at its path atomically, whatever readers and other
 * builders do, and replaces only regular files and links. */
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "victim.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int set_up(void **state)
{
    victim *self = must_malloc(sizeof(*self));
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = 400, .sizes = MODEL_SIZES_MIXED};
    victim_make(self, &setup);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    victim_free(*state);
    free(*state);
    return 0;
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        test_die("lstat %s: %s", path, strerror(errno));
    return st.st_mode;
}

static void remove_path(const char *path)
{
    if (remove(path) != 0)
        test_die("remove %s: %s", path, strerror(errno));
}

/* ---------------------------------------------------------------- readers and other builders */

static void open_readers_keep_the_old_store(void **state)
{
    victim *self = *state;
    ikv_store *stores[5];
    store_model models[5];
    ikv_error err;
    ikv_result *result = NULL;

    assert_int_equal(ikv_result_new(&result), 0);
    for (size_t i = 0; i < 5; i++) {
        rng_state rng = {i};
        ikv_writer_options options = store_options(IKV_KEY_U64);
        model_init(&models[i], IKV_KEY_U64);
        model_fill(&models[i], &rng, 300 + i, MODEL_KEYS_DENSE, MODEL_SIZES_SMALL);
        store_write(self->path, &models[i], &options);
        stores[i] = store_open(self->path, IKV_KEY_U64, 0, 0);
    }
    assert_ok(victim_build(self, &err), &err);
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < models[i].sorted_count; k++)
            assert_get(stores[i], &models[i], models[i].sorted[k]->key, IKV_EXACT, result);
        assert_key_scan(stores[i], &models[i], NULL, NULL, 0, 0);
        ikv_close(stores[i]);
        model_free(&models[i]);
    }
    assert_store_equals(self->path, &self->model);
    ikv_result_free(result);
    victim_reset(self);
}

#define BUILDERS 3

typedef struct builder {
    const char *path;
    store_model model;
    unsigned char *image;
    size_t size;
    atomic_int *running;
    size_t rounds;
    int code; /* the first failure */
} builder;

/* No assertions here: those of cmocka work only in the main thread. */
static int build_once(builder *self)
{
    ikv_writer_options options = store_options(self->model.type);
    ikv_writer *writer = NULL;
    int code = ikv_writer_new(self->path, &options, &writer, NULL);
    if (code != 0)
        return code;
    for (size_t i = 0; i < self->model.count; i++) {
        const model_pair *pair = &self->model.pairs[i];
        code = ikv_writer_add(writer, pair->key, pair->value, pair->size, NULL);
        if (code != 0) {
            ikv_writer_abort(writer);
            return code;
        }
    }
    return ikv_writer_finish(writer, NULL, NULL);
}

static void *build_often(void *user)
{
    builder *self = user;
    for (size_t i = 0; i < self->rounds && self->code == 0; i++)
        self->code = build_once(self);
    atomic_fetch_sub(self->running, 1);
    return NULL;
}

static bool is_one_of(const builder *builders, const unsigned char *image, size_t size)
{
    for (size_t i = 0; i < BUILDERS; i++) {
        if (builders[i].size == size && memcmp(builders[i].image, image, size) == 0)
            return true;
    }
    return false;
}

/* Several builders write to one path while a reader checks the file. */
static void concurrent_builders(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_make_in_memory(&dir);
    char *path = tmpdir_file(&dir, "store");
    builder builders[BUILDERS];
    pthread_t threads[BUILDERS];
    atomic_int running = BUILDERS;
    size_t checks = 0;

    memset(builders, 0, sizeof(builders));
    for (size_t i = 0; i < BUILDERS; i++) {
        rng_state rng = {i};
        builders[i].path = path;
        builders[i].running = &running;
        builders[i].rounds = test_scaled(150);
        model_init(&builders[i].model, IKV_KEY_U32);
        model_fill(&builders[i].model, &rng, 100 + 500 * i, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
        assert_int_equal(build_once(&builders[i]), 0);
        builders[i].image = file_read(path, &builders[i].size);
    }
    for (size_t i = 0; i < BUILDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, build_often, &builders[i]), 0);
    for (bool more = true; more; checks++) {
        size_t size;
        more = atomic_load(&running) > 0; /* once more after the last build */
        unsigned char *image = file_read(path, &size);
        if (!is_one_of(builders, image, size))
            fail_msg("check %zu: %zu bytes that are not the store of a builder", checks, size);
        free(image);
    }
    for (size_t i = 0; i < BUILDERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(builders[i].code, 0);
        free(builders[i].image);
        model_free(&builders[i].model);
    }
    assert_int_equal(tmpdir_count(&dir), 1);
    print_message("%zu checks while %d builders were running\n", checks, BUILDERS);
    free(path);
    tmpdir_remove(&dir);
}

/* ---------------------------------------------------------------- other files at the path */

static void a_symbolic_link_is_replaced(void **state)
{
    victim *self = *state;
    static const char *const targets[] = {"other", "missing", ".", "store"};
    char *other = tmpdir_file(&self->dir, "other");
    ikv_error err;

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        file_write(other, "not to be touched", 17);
        remove_path(self->path);
        assert_int_equal(symlink(targets[i], self->path), 0);
        assert_ok(victim_build(self, &err), &err);
        assert_true(S_ISREG(mode_of(self->path)));
        assert_true(victim_is_new(self));
        size_t size;
        unsigned char *bytes = file_read(other, &size);
        assert_int_equal(size, 17);
        assert_memory_equal(bytes, "not to be touched", 17);
        free(bytes);
        assert_int_equal(tmpdir_count(&self->dir), 2);
    }
    free(other);
    victim_reset(self);
}

static void assert_refused(victim *self, mode_t kind)
{
    ikv_error err;
    assert_failed(victim_build(self, &err), IKV_E_NOT_REGULAR, &err, self->path);
    assert_int_equal(mode_of(self->path) & S_IFMT, kind);
    assert_int_equal(victim_orphans(self), 0);
    remove_path(self->path);
}

static void other_kinds_of_files_are_not_replaced(void **state)
{
    victim *self = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    remove_path(self->path);
    assert_int_equal(mkdir(self->path, 0700), 0);
    assert_refused(self, S_IFDIR);
    assert_int_equal(mkfifo(self->path, 0600), 0);
    assert_refused(self, S_IFIFO);
    if (strlen(self->path) < sizeof(address.sun_path)) {
        strcpy(address.sun_path, self->path);
        assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        assert_refused(self, S_IFSOCK);
    }
    close(fd);
    /* The numbers of /dev/null. Needs privileges. */
    if (mknod(self->path, S_IFCHR | 0600, (dev_t)((1 << 8) | 3)) == 0)
        assert_refused(self, S_IFCHR);
    victim_reset(self);
}

/* During the build, another file appears at the path, or the temporary file is removed. */
static void changes_during_the_build(void **state)
{
    victim *self = *state;
    ikv_writer *writer = NULL;
    ikv_error err;

    assert_ok(ikv_writer_new(self->path, &self->options, &writer, &err), &err);
    remove_path(self->path);
    assert_int_equal(mkdir(self->path, 0700), 0);
    assert_failed(ikv_writer_finish(writer, NULL, &err), -EISDIR, &err, self->path);
    assert_true(S_ISDIR(mode_of(self->path)));
    assert_int_equal(victim_orphans(self), 0);
    remove_path(self->path);
    victim_reset(self);

    assert_ok(ikv_writer_new(self->path, &self->options, &writer, &err), &err);
    char *temporary = victim_orphan(self);
    assert_non_null(temporary);
    remove_path(temporary);
    free(temporary);
    assert_failed(ikv_writer_finish(writer, NULL, &err), -ENOENT, &err, self->path);
    assert_true(victim_is_old(self));
    assert_int_equal(victim_orphans(self), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_readers_keep_the_old_store),
        cmocka_unit_test(concurrent_builders),
        cmocka_unit_test(a_symbolic_link_is_replaced),
        cmocka_unit_test(other_kinds_of_files_are_not_replaced),
        cmocka_unit_test(changes_during_the_build),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
