/* How a finished store gets to its path: all at once, past what is there, with the permissions that
 * were asked for, and not at all where it can't. */
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "victim.h"

#include <errno.h>
#include <fcntl.h>
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
#include <sys/wait.h>
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

/* No assertions here: cmocka's belong to the main thread. */
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

/* Several builders of one path, and all the while somebody who looks what is there. */
static void builders_of_one_path_leave_one_whole_store(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_make_in_memory(&dir);
    char *path = tmpdir_file(&dir, "store");
    builder builders[BUILDERS];
    pthread_t threads[BUILDERS];
    atomic_int running = BUILDERS;
    size_t looks = 0;

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
    for (bool more = true; more; looks++) {
        size_t size;
        more = atomic_load(&running) > 0; /* look once more after the last of them */
        unsigned char *image = file_read(path, &size);
        if (!is_one_of(builders, image, size))
            fail_msg("look %zu found %zu bytes that are no store of any builder", looks, size);
        free(image);
    }
    for (size_t i = 0; i < BUILDERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(builders[i].code, 0);
        free(builders[i].image);
        model_free(&builders[i].model);
    }
    assert_int_equal(tmpdir_count(&dir), 1);
    print_message("%zu looks while %d builders were at work\n", looks, BUILDERS);
    free(path);
    tmpdir_remove(&dir);
}

/* ---------------------------------------------------------------- what is at the path */

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

static void what_is_no_file_is_not_replaced(void **state)
{
    victim *self = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

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
    /* The same numbers as /dev/null; takes privileges. */
    if (mknod(self->path, S_IFCHR | 0600, (dev_t)((1 << 8) | 3)) == 0)
        assert_refused(self, S_IFCHR);
    victim_reset(self);
}

/* Somebody puts something else at the path, or takes the temporary file away, while we write. */
static void surprises_before_finish(void **state)
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

/* ---------------------------------------------------------------- permissions */

/* The mode of the temporary file, and then that of the store. */
static void assert_modes(victim *self, uint32_t asked, mode_t expected)
{
    ikv_writer *writer = NULL;
    ikv_error err;

    self->options.mode = asked;
    assert_ok(ikv_writer_new(self->path, &self->options, &writer, &err), &err);
    char *temporary = victim_orphan(self);
    assert_non_null(temporary);
    assert_int_equal(mode_of(temporary) & 07777 & ~(mode_t)0600, 0); /* a umask can take more */
    free(temporary);
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
    assert_int_equal(mode_of(self->path) & 07777, expected);
    self->options.mode = 0;
}

static void the_mode_is_the_one_asked_for(void **state)
{
    static const mode_t masks[] = {0, 002, 022, 027, 077, 0777};
    static const mode_t modes[] = {0400, 0444, 0600, 0640, 0644, 0666, 0755};
    victim *self = *state;
    mode_t before = umask(0);

    for (size_t m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
        (void)umask(masks[m]);
        assert_modes(self, 0, 0666 & ~masks[m]);
        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
            assert_modes(self, modes[i], modes[i]);
        assert_int_equal(umask(masks[m]), masks[m]); /* nobody changed it */
    }
    (void)umask(before);
    victim_reset(self);
}

/* As nobody if we are somebody to whom permissions mean nothing. */
static int build_in_child(victim *self)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(200);
        _exit(-victim_build(self, NULL) & 0xff);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_directory_that_is_not_writable(void **state)
{
    victim *self = *state;
    assert_int_equal(chmod(self->dir.path, 0555), 0);
    int code = build_in_child(self);
    assert_int_equal(chmod(self->dir.path, 0700), 0);
    assert_int_equal(code, EACCES);
    assert_true(victim_is_old(self));
    assert_int_equal(victim_orphans(self), 0);
}

/* ---------------------------------------------------------------- paths */

static void build_at(const victim *self, const char *path, int expected)
{
    ikv_writer *writer = NULL;
    ikv_error err;
    const char *named = strlen(path) < sizeof(err.file) ? path : NULL; /* else it is cut */
    assert_failed(ikv_writer_new(path, &self->options, &writer, &err), expected, &err, named);
    assert_null(writer);
}

static void paths_that_can_not_be(void **state)
{
    victim *self = *state;
    char *missing = tmpdir_file(&self->dir, "missing/store");
    char *below_file = tmpdir_file(&self->dir, "store/store");
    char *slash = tmpdir_file(&self->dir, "");
    char name[400];
    memset(name, 'n', sizeof(name));
    name[300] = '\0';
    char *long_name = tmpdir_file(&self->dir, name);

    build_at(self, missing, -ENOENT);
    build_at(self, below_file, -ENOTDIR);
    build_at(self, long_name, -ENAMETOOLONG);
    ikv_writer *writer = NULL;
    assert_int_equal(ikv_writer_new(slash, &self->options, &writer, NULL), IKV_E_INVALID);
    assert_int_equal(ikv_writer_new("", &self->options, &writer, NULL), IKV_E_INVALID);
    assert_null(writer);
    assert_true(victim_is_old(self));
    assert_int_equal(victim_orphans(self), 0);
    free(missing);
    free(below_file);
    free(slash);
    free(long_name);
}

/* The temporary name is longer than the target's: that must not matter. */
static void the_longest_name_is_possible(void **state)
{
    victim *self = *state;
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    char *path = tmpdir_file(&self->dir, name);
    store_write(path, &self->model, &self->options);
    assert_store_equals(path, &self->model);
    remove_path(path);
    free(path);
    assert_int_equal(victim_orphans(self), 0);
}

/* A relative path means the directory that was current when writing began. */
static void a_change_of_directory_does_not_matter(void **state)
{
    victim *self = *state;
    int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ikv_writer *writer = NULL;
    ikv_error err;
    tmpdir elsewhere;

    tmpdir_make_in_memory(&elsewhere);
    assert_int_equal(chdir(self->dir.path), 0);
    assert_ok(ikv_writer_new("store", &self->options, &writer, &err), &err);
    assert_int_equal(chdir(elsewhere.path), 0);
    for (size_t i = 0; i < self->model.count; i++) {
        const model_pair *pair = &self->model.pairs[i];
        assert_ok(ikv_writer_add(writer, pair->key, pair->value, pair->size, &err), &err);
    }
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
    assert_true(victim_is_new(self));
    assert_int_equal(tmpdir_count(&elsewhere), 0);
    assert_int_equal(fchdir(before), 0);
    close(before);
    tmpdir_remove(&elsewhere);
    victim_reset(self);
}

static void a_missing_directory_for_temporary_files(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_BYTES(128), .pairs = 20000, .memory = 8u << 20};
    victim self;
    ikv_error err;

    victim_make(&self, &setup);
    char *missing = tmpdir_file(&self.dir, "missing");
    self.options.temp_dir = missing;
    assert_failed(victim_build(&self, &err), -ENOENT, &err, NULL);
    assert_true(victim_is_old(&self));
    assert_int_equal(victim_orphans(&self), 0);
    free(missing);
    victim_free(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_readers_keep_the_old_store),
        cmocka_unit_test(builders_of_one_path_leave_one_whole_store),
        cmocka_unit_test(a_symbolic_link_is_replaced),
        cmocka_unit_test(what_is_no_file_is_not_replaced),
        cmocka_unit_test(surprises_before_finish),
        cmocka_unit_test(the_mode_is_the_one_asked_for),
        cmocka_unit_test(a_directory_that_is_not_writable),
        cmocka_unit_test(paths_that_can_not_be),
        cmocka_unit_test(the_longest_name_is_possible),
        cmocka_unit_test(a_change_of_directory_does_not_matter),
        cmocka_unit_test(a_missing_directory_for_temporary_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
