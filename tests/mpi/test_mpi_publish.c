/* What builds do to each other, and to the table in their directory: builds that were killed at any
 * point, that are refused, or that run at the same time lose nothing that a manifest lists. */
#include "mpi_checks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEYS = 2000, SHARDS = 6 };

/* Keys 0 to KEYS - 1, divided among ranks by turns; the value is the key plus `version`. */
struct input {
    uint32_t next, key, value, version;
    const char *list; /* a directory to be listed at the end, to `names` */
    char *names;
    bool fails;
};

static int next_pair(void *user, ikv_mpi_pair *pair)
{
    struct input *input = user;
    if (input->next >= KEYS) {
        if (input->list != NULL) {
            tmpdir dir;
            (void)snprintf(dir.path, sizeof dir.path, "%s", input->list);
            input->names = tmpdir_list(&dir);
        }
        return input->fails ? IKV_E_CANCELED : 0;
    }
    input->key = input->next;
    input->value = input->key + input->version;
    input->next += (uint32_t)mpi_ranks;
    *pair = (ikv_mpi_pair){.key = &input->key, .value = &input->value, .size = 4};
    return 1;
}

static struct input input_of(uint32_t version)
{
    return (struct input){.next = (uint32_t)mpi_rank, .version = version};
}

/* Stops at the second store that this rank finishes: its sorted pairs are the first one. */
static int stop_late(void *user, const ikv_progress *progress)
{
    int *finished = user;
    return strcmp(progress->phase, "sync") == 0 && ++*finished > 2;
}

struct request {
    unsigned char id[16];
    uint32_t flags, version;
    bool stopped, fails;
};

static int build(const char *dir, const struct request *request, ikv_error *err)
{
    ikv_writer_options writer;
    ikv_mpi_build_options options = mpi_build_options(&writer, IKV_KEY_U32, SHARDS);
    int finished = 0;
    struct input input = input_of(request->version);
    input.fails = request->fails;
    writer.store_id = request->id;
    options.flags = request->flags;
    if (request->stopped) {
        writer.on_progress = stop_late;
        writer.progress_user = &finished;
    }
    (void)MPI_Barrier(MPI_COMM_WORLD);
    return ikv_mpi_build(MPI_COMM_WORLD, dir, &options, next_pair, &input, NULL, err);
}

static void check_table(const char *dir, uint32_t version)
{
    ikv_mpi *table;
    ikv_error err;
    uint32_t keys[KEYS];
    for (uint32_t i = 0; i < KEYS; i++)
        keys[i] = i;
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir, NULL, &table, &err), &err);
    CHECK_OK(ikv_mpi_get_many(table, keys, KEYS, NULL, NULL, &err), &err);
    for (uint32_t i = 0; i < KEYS; i++) {
        const ikv_mpi_item *item = &ikv_mpi_items(table)[i];
        const uint32_t wanted = i + version;
        CHECK(item->status == IKV_FOUND && item->size == 4 && memcmp(item->value, &wanted, 4) == 0);
    }
    ikv_mpi_close(table);
    (void)MPI_Barrier(MPI_COMM_WORLD);
}

/* ---------------------------------------------------------------- what killed builds leave */

/* A build that was killed between publishing its table and removing its journal. */
static void test_journal_left(void)
{
    const struct request first = {.id = "the first table"}, other = {.id = "another"};
    tmpdir dir;
    ikv_error err;
    unsigned char *journal = NULL;
    size_t size = 0;
    mpi_case("a journal beside its table");
    mpi_new_dir(&dir);
    char *path = tmpdir_file(&dir, ".ikv-building");
    struct request stopped = first;
    stopped.stopped = true;
    CHECK(build(dir.path, &stopped, &err) == IKV_E_CANCELED);
    if (mpi_rank == 0)
        journal = file_read(path, &size);
    struct request resumed = first;
    resumed.flags = IKV_MPI_BUILD_RESUME;
    CHECK_OK(build(dir.path, &resumed, &err), &err);
    CHECK(!file_exists(path));
    for (int i = 0; i < 2; i++) {
        (void)MPI_Barrier(MPI_COMM_WORLD);
        if (mpi_rank == 0)
            file_write(path, journal, size);
        struct request failing = i == 0 ? other : first;
        failing.fails = i == 0;
        failing.flags = i == 0 ? 0 : IKV_MPI_BUILD_RESUME;
        if (i == 0)
            CHECK(build(dir.path, &failing, &err) == IKV_E_CANCELED);
        else
            CHECK_FAILED(build(dir.path, &failing, &err), IKV_E_STATE, &err, "published");
        check_table(dir.path, 0);
    }
    /* The next one takes its place, and nothing else remains. */
    struct request next = other;
    next.version = 7;
    CHECK_OK(build(dir.path, &next, &err), &err);
    check_table(dir.path, 7);
    CHECK(tmpdir_count(&dir) == SHARDS + 1);
    free(journal);
    free(path);
}

/* A build that is refused leaves what another one needs to be resumed. */
static void test_refused(void)
{
    const struct request first = {.id = "the first table"};
    struct request second = {.id = "the second", .version = 9, .stopped = true};
    tmpdir dir;
    ikv_error err;
    mpi_case("a build that is refused");
    mpi_new_dir(&dir);
    CHECK_OK(build(dir.path, &first, &err), &err);
    CHECK(build(dir.path, &second, &err) == IKV_E_CANCELED);
    CHECK_FAILED(build(dir.path, &first, &err), IKV_E_INVALID, &err, "same names");
    check_table(dir.path, 0);
    second.stopped = false;
    second.flags = IKV_MPI_BUILD_RESUME;
    CHECK_OK(build(dir.path, &second, &err), &err);
    check_table(dir.path, 9);
}

/* ---------------------------------------------------------------- names */

/* Ids that differ in the bytes that are not part of the names of files. */
static void test_same_names(void)
{
    const struct request first = {.id = "12345678 first"};
    struct request second = {.id = "12345678 other", .fails = true};
    tmpdir dir;
    ikv_error err;
    mpi_case("ids that give the same names");
    mpi_new_dir(&dir);
    CHECK_OK(build(dir.path, &first, &err), &err);
    CHECK_FAILED(build(dir.path, &second, &err), IKV_E_INVALID, &err, "same names");
    check_table(dir.path, 0);
}

/* Builds that share a directory for temporary files: the names have the whole id. */
static void test_names_of_runs(void)
{
    tmpdir dir, temporary;
    ikv_writer_options writer;
    ikv_error err;
    static const unsigned char id[17] = "abcdefghijklmnop";
    mpi_case("names of temporary stores");
    mpi_new_dir(&dir);
    mpi_new_dir(&temporary);
    const ikv_mpi_build_options options = mpi_build_options(&writer, IKV_KEY_U32, SHARDS);
    struct input input = input_of(0);
    writer.store_id = id;
    writer.temp_dir = temporary.path;
    input.list = temporary.path;
    CHECK_OK(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_pair, &input, NULL, &err),
             &err);
    char wanted[96];
    (void)snprintf(wanted, sizeof wanted, ".ikv-run-6162636465666768696a6b6c6d6e6f70-%ld-%d",
                   (long)getpid(), mpi_rank);
    CHECK(strstr(input.names, wanted) != NULL);
    free(input.names);
    (void)MPI_Barrier(MPI_COMM_WORLD);
    CHECK(tmpdir_count(&temporary) == 0);
}

/* ---------------------------------------------------------------- at the same time */

/* A process that holds the lock of a directory, as a command that writes the table does. */
static pid_t hold_lock(const char *path)
{
    int ready[2];
    char byte = 0;
    CHECK(pipe(ready) == 0);
    const pid_t child = fork();
    if (child == 0) {
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        const int fd = open(path, O_RDWR | O_CREAT, 0666);
        if (fd < 0 || fcntl(fd, F_SETLK, &whole) != 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    (void)close(ready[1]);
    CHECK(child > 0 && read(ready[0], &byte, 1) == 1);
    (void)close(ready[0]);
    return child;
}

static void test_locked(void)
{
    const struct request first = {.id = "the first table"};
    const struct request second = {.id = "the second", .version = 3};
    tmpdir dir;
    ikv_error err;
    pid_t child = 0;
    mpi_case("two builds of a table");
    mpi_new_dir(&dir);
    char *path = tmpdir_file(&dir, ".ikv-lock");
    CHECK_OK(build(dir.path, &first, &err), &err);
    CHECK(!file_exists(path));
    (void)MPI_Barrier(MPI_COMM_WORLD);
    if (mpi_rank == 0)
        child = hold_lock(path);
    CHECK_FAILED(build(dir.path, &second, &err), -EBUSY, &err, dir.path);
    check_table(dir.path, 0);
    if (mpi_rank == 0) {
        CHECK(file_exists(path));
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
    }
    /* The file that a killed process left is not a lock. */
    CHECK_OK(build(dir.path, &second, &err), &err);
    CHECK(!file_exists(path));
    check_table(dir.path, 3);
    free(path);
}

/* Ranks that don't read the same input. */
static void test_other_options(void)
{
    tmpdir dir;
    ikv_writer_options writer;
    ikv_error err;
    mpi_case("other options on one rank");
    mpi_new_dir(&dir);
    for (int i = 0; i < 3 && mpi_ranks > 1; i++) {
        ikv_mpi_build_options options = mpi_build_options(&writer, IKV_KEY_U32, SHARDS);
        struct input input = input_of(0);
        const bool other = mpi_rank == 1;
        options.fingerprint = i == 0 && other;
        options.shards += i == 1 && other;
        writer.metadata = i == 2 && other ? "two" : "one";
        writer.metadata_size = 3;
        CHECK_FAILED(
            ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_pair, &input, NULL, &err),
            IKV_E_INVALID, &err, "not the same on all ranks");
    }
    CHECK(tmpdir_count(&dir) == 0);
}

/* Of a path that is too long for a message its end is kept. */
static void test_long_path(void)
{
    char path[1024] = "";
    ikv_error err;
    mpi_case("a long path");
    while (strlen(path) < 600)
        (void)strcat(path, "no/such/");
    (void)strcat(path, "directory");
    const struct request first = {.id = "the first table"};
    CHECK_FAILED(build(path, &first, &err), -ENOENT, &err, "no/such/directory: ");
}

/* The manifest has the permissions that its shards have. */
static void test_mode(void)
{
    tmpdir dir;
    ikv_writer_options writer;
    ikv_error err;
    mpi_case("permissions");
    mpi_new_dir(&dir);
    const ikv_mpi_build_options options = mpi_build_options(&writer, IKV_KEY_U32, SHARDS);
    struct input input = input_of(0);
    writer.mode = 0600;
    CHECK_OK(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_pair, &input, NULL, &err),
             &err);
    char *path = tmpdir_file(&dir, "manifest.json");
    struct stat st;
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    free(path);
}

int main(int argc, char **argv)
{
    mpi_begin(&argc, &argv);
    test_journal_left();
    test_refused();
    test_same_names();
    test_names_of_runs();
    test_locked();
    test_other_options();
    test_long_path();
    test_mode();
    return mpi_end();
}
