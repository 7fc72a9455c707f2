/* A table that is replaced between the reading of its manifest and the opening of its shards: the
 * new one is opened. */
#include "mpi_checks.h"

#include "shards/manifest.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 500, SHARDS = 5 };

/* The next time that a manifest is read, what is in `with` takes the place of the table. */
static struct {
    const char *dir, *with;
} replacement;

int __real_ikv_manifest_read(const char *dir, struct ikv_manifest **ret, ikv_error *err);
int __wrap_ikv_manifest_read(const char *dir, struct ikv_manifest **ret, ikv_error *err);

int __wrap_ikv_manifest_read(const char *dir, struct ikv_manifest **ret, ikv_error *err)
{
    char command[2 * TMPDIR_PATH_MAX + 64];
    const int code = __real_ikv_manifest_read(dir, ret, err);
    if (replacement.with != NULL) {
        (void)snprintf(command, sizeof command, "rm -f '%s'/* && cp '%s'/* '%s'", replacement.dir,
                       replacement.with, replacement.dir);
        replacement.with = NULL;
        CHECK(system(command) == 0);
    }
    return code;
}

/* Keys 0 to KEYS - 1 of rank 0; the value is the key plus `version`. */
struct input {
    uint32_t next, key, value, version;
};

static int next_pair(void *user, ikv_mpi_pair *pair)
{
    struct input *input = user;
    if (mpi_rank != 0 || input->next == KEYS)
        return 0;
    input->key = input->next++;
    input->value = input->key + input->version;
    *pair = (ikv_mpi_pair){.key = &input->key, .value = &input->value, .size = 4};
    return 1;
}

static void build(const char *dir, uint32_t version)
{
    ikv_writer_options writer;
    ikv_mpi_build_options options = mpi_build_options(&writer, IKV_KEY_U32, SHARDS);
    struct input input = {.version = version};
    const unsigned char id[16] = {
        (unsigned char)(version / 1000)}; /* so that no name is used twice */
    ikv_error err;
    writer.store_id = id;
    CHECK_OK(ikv_mpi_build(MPI_COMM_WORLD, dir, &options, next_pair, &input, NULL, &err), &err);
}

static void test_replaced(ikv_mpi_missing missing)
{
    tmpdir dir, other;
    ikv_mpi *table;
    ikv_error err;
    ikv_mpi_info info;
    ikv_mpi_open_options options = IKV_MPI_OPEN_OPTIONS_INIT;
    uint32_t keys[KEYS];
    mpi_new_dir(&dir);
    mpi_new_dir(&other);
    build(dir.path, 1000);
    build(other.path, 2000);
    (void)MPI_Barrier(MPI_COMM_WORLD);
    if (mpi_rank == 0) {
        replacement.dir = dir.path;
        replacement.with = other.path;
    }
    options.missing_shards = missing;
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, &options, &table, &err), &err);
    ikv_mpi_get_info(table, &info);
    CHECK(info.missing_shards == 0);
    for (uint32_t i = 0; i < KEYS; i++)
        keys[i] = i;
    CHECK_OK(ikv_mpi_get_many(table, keys, KEYS, NULL, NULL, &err), &err);
    for (uint32_t i = 0; i < KEYS; i++) {
        const ikv_mpi_item *item = &ikv_mpi_items(table)[i];
        const uint32_t wanted = i + 2000;
        CHECK(item->status == IKV_FOUND && item->size == 4 && memcmp(item->value, &wanted, 4) == 0);
    }
    ikv_mpi_close(table);
    (void)MPI_Barrier(MPI_COMM_WORLD);
}

int main(int argc, char **argv)
{
    mpi_begin(&argc, &argv);
    mpi_case("replaced while it is opened");
    test_replaced(IKV_MPI_MISSING_ERROR);
    mpi_case("the same, with missing shards reported");
    test_replaced(IKV_MPI_MISSING_REPORT);
    return mpi_end();
}
