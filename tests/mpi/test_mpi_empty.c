/* Shards without a pair are no part of the table: when its manifest is published they are gone, so
 * that a job that is killed at any time afterwards leaves none. */
#include "mpi_checks.h"

#include "shards/manifest.h"

#include <stdlib.h>
#include <string.h>

int __real_ikv_manifest_publish(const struct ikv_manifest *manifest, ikv_error *err);
int __wrap_ikv_manifest_publish(const struct ikv_manifest *manifest, ikv_error *err);

static size_t published; /* shards of the table */

static size_t count_shards(const char *names)
{
    size_t count = 0;
    for (const char *at = names; (at = strstr(at, "shard-")) != NULL; at++)
        count++;
    return count;
}

int __wrap_ikv_manifest_publish(const struct ikv_manifest *manifest, ikv_error *err)
{
    tmpdir dir = {{0}};
    CHECK(strlen(manifest->dir) < sizeof dir.path);
    memcpy(dir.path, manifest->dir, strlen(manifest->dir) + 1);
    char *names = tmpdir_list(&dir);
    CHECK(count_shards(names) == manifest->shard_count);
    free(names);
    published = manifest->shard_count;
    return __real_ikv_manifest_publish(manifest, err);
}

static int next_pair(void *user, ikv_mpi_pair *pair)
{
    static const uint32_t keys[] = {7, 9};
    size_t *next = user;
    if (mpi_rank != 0 || *next == 2)
        return 0;
    *pair = (ikv_mpi_pair){.key = &keys[(*next)++], .value = "", .size = 0};
    return 1;
}

int main(int argc, char **argv)
{
    ikv_writer_options writer;
    ikv_mpi_build_stats stats;
    ikv_error err;
    tmpdir dir;
    size_t next = 0;
    mpi_begin(&argc, &argv);
    mpi_case("empty shards");
    mpi_new_dir(&dir);
    const ikv_mpi_build_options options = mpi_build_options(&writer, IKV_KEY_U32, 6);
    CHECK_OK(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_pair, &next, &stats, &err),
             &err);
    CHECK(stats.pairs == 2);
    CHECK(mpi_rank != 0 || (published > 0 && published < 6));
    return mpi_end();
}
