/* Permissions, directories and names of stores. */
#include "stores.h"
#include "tmpdir.h"
#include "victim.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* ---------------------------------------------------------------- permissions */

/* The modes of the temporary file and of the finished store. */
static void assert_modes(victim *self, uint32_t given, mode_t expected)
{
    ikv_writer *writer = NULL;
    ikv_error err;

    self->options.mode = given;
    assert_ok(ikv_writer_new(self->path, &self->options, &writer, &err), &err);
    char *temporary = victim_orphan(self);
    assert_non_null(temporary);
    assert_int_equal(mode_of(temporary) & 07777 & ~(mode_t)0600, 0); /* umask may clear more bits */
    free(temporary);
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
    assert_int_equal(mode_of(self->path) & 07777, expected);
    self->options.mode = 0;
}

static void mode_as_given(void **state)
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
        assert_int_equal(umask(masks[m]), masks[m]); /* unchanged */
    }
    (void)umask(before);
    victim_reset(self);
}

/* As user nobody if this process is root, to whom permissions do not apply. */
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

static void a_read_only_directory(void **state)
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
    const char *named = strlen(path) < sizeof(err.file) ? path : NULL; /* otherwise shortened */
    assert_failed(ikv_writer_new(path, &self->options, &writer, &err), expected, &err, named);
    assert_null(writer);
}

static void invalid_paths(void **state)
{
    victim *self = *state;
    char *missing = tmpdir_file(&self->dir, "missing/store");
    char *inside_file = tmpdir_file(&self->dir, "store/store");
    char *slash = tmpdir_file(&self->dir, "");
    char name[400];
    memset(name, 'n', sizeof(name));
    name[300] = '\0';
    char *long_name = tmpdir_file(&self->dir, name);

    build_at(self, missing, -ENOENT);
    build_at(self, inside_file, -ENOTDIR);
    build_at(self, long_name, -ENAMETOOLONG);
    ikv_writer *writer = NULL;
    assert_int_equal(ikv_writer_new(slash, &self->options, &writer, NULL), IKV_E_INVALID);
    assert_int_equal(ikv_writer_new("", &self->options, &writer, NULL), IKV_E_INVALID);
    assert_null(writer);
    assert_true(victim_is_old(self));
    assert_int_equal(victim_orphans(self), 0);
    free(missing);
    free(inside_file);
    free(slash);
    free(long_name);
}

/* The temporary name is not longer than a name may be. */
static void the_longest_name(void **state)
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

/* A relative path is resolved when writing begins. */
static void changing_the_working_directory(void **state)
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
        cmocka_unit_test(mode_as_given),
        cmocka_unit_test(a_read_only_directory),
        cmocka_unit_test(invalid_paths),
        cmocka_unit_test(the_longest_name),
        cmocka_unit_test(changing_the_working_directory),
        cmocka_unit_test(a_missing_directory_for_temporary_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
