#include "mpi_checks.h"

#include "hostkey.h"
#include "rng.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int mpi_rank, mpi_ranks;
tmpdir mpi_dir;
static char current[256];

void mpi_fail(const char *file, int line, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "%s:%d: rank %d of %d: %s: %s\n", file, line, mpi_rank, mpi_ranks,
                  current, text);
    (void)fflush(stderr);
    (void)MPI_Abort(MPI_COMM_WORLD, 1);
    abort();
}

void mpi_check_failed(const char *file, int line, int code, int wanted, const ikv_error *err,
                      const char *part)
{
    char first[sizeof err->message];
    if (code != wanted)
        mpi_fail(file, line, "code %d, expected %d: %s", code, wanted, code ? err->message : "");
    if (strstr(err->message, part) == NULL)
        mpi_fail(file, line, "the message lacks '%s': %s", part, err->message);
    memcpy(first, err->message, sizeof first);
    (void)MPI_Bcast(first, sizeof first, MPI_CHAR, 0, MPI_COMM_WORLD);
    if (strcmp(first, err->message) != 0)
        mpi_fail(file, line, "rank 0 has another message: %s; %s", first, err->message);
}

void mpi_case(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(current, sizeof current, format, arguments);
    va_end(arguments);
}

void mpi_begin(int *argc, char ***argv)
{
    int provided;
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        exit(77);
    (void)MPI_Comm_rank(MPI_COMM_WORLD, &mpi_rank);
    (void)MPI_Comm_size(MPI_COMM_WORLD, &mpi_ranks);
    CHECK(provided >= MPI_THREAD_FUNNELED);
    if (mpi_rank == 0)
        tmpdir_make_in_memory(&mpi_dir);
    (void)MPI_Bcast(&mpi_dir, sizeof mpi_dir, MPI_BYTE, 0, MPI_COMM_WORLD);
}

int mpi_end(void)
{
    (void)MPI_Barrier(MPI_COMM_WORLD);
    if (mpi_rank == 0)
        tmpdir_remove(&mpi_dir);
    return MPI_Finalize() == MPI_SUCCESS ? 0 : 1;
}

void mpi_new_dir(tmpdir *ret)
{
    if (mpi_rank == 0)
        tmpdir_make_inside(&mpi_dir, ret);
    (void)MPI_Bcast(ret, sizeof *ret, MPI_BYTE, 0, MPI_COMM_WORLD);
}

/* ---------------------------------------------------------------- pairs */

static ikv_key_type sorted_type;

static int compare_keys(const void *a, const void *b)
{
    return hostkey_compare(sorted_type, a, b);
}

void pairs_make(struct pairs *pairs, ikv_key_type type, size_t count, size_t value_max,
                uint64_t seed)
{
    rng_state rng = {seed};
    *pairs = (struct pairs){.type = type, .width = hostkey_width(type)};
    const size_t width = pairs->width;
    pairs->keys = must_malloc(count * width);
    rng_fill(&rng, pairs->keys, count * width);
    sorted_type = type;
    qsort(pairs->keys, count, width, compare_keys);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || hostkey_compare(type, pairs->keys + (pairs->count - 1) * width,
                                      pairs->keys + i * width) != 0)
            memmove(pairs->keys + pairs->count++ * width, pairs->keys + i * width, width);
    pairs->ends = must_malloc(pairs->count * sizeof *pairs->ends);
    size_t end = 0;
    for (size_t i = 0; i < pairs->count; i++)
        pairs->ends[i] = end += rng_below(&rng, value_max + 1);
    pairs->values = must_malloc(end);
    rng_fill(&rng, pairs->values, end);
}

void pairs_free(struct pairs *pairs)
{
    free(pairs->keys);
    free(pairs->values);
    free(pairs->ends);
}

const unsigned char *pairs_value(const struct pairs *pairs, size_t i, size_t *ret_size)
{
    const size_t begin = i > 0 ? pairs->ends[i - 1] : 0;
    *ret_size = pairs->ends[i] - begin;
    return pairs->values + begin;
}

size_t pairs_find(const struct pairs *pairs, const void *key, ikv_match match)
{
    size_t below = 0, above = pairs->count; /* below: keys <= key */
    while (below < above) {
        const size_t middle = (below + above) / 2;
        if (hostkey_compare(pairs->type, pairs->keys + middle * pairs->width, key) <= 0)
            below = middle + 1;
        else
            above = middle;
    }
    const int equal =
        below > 0 &&
        hostkey_compare(pairs->type, pairs->keys + (below - 1) * pairs->width, key) == 0;
    if (equal)
        return below - 1;
    if (match == IKV_FLOOR && below > 0)
        return below - 1;
    if (match == IKV_CEILING && below < pairs->count)
        return below;
    return SIZE_MAX;
}

ikv_mpi_build_options mpi_build_options(ikv_writer_options *writer, ikv_key_type type,
                                        size_t shards)
{
    static const unsigned char table_id[16] = "a build's tables";
    ikv_mpi_build_options options = IKV_MPI_BUILD_OPTIONS_INIT;
    *writer = (ikv_writer_options)IKV_WRITER_OPTIONS_INIT;
    writer->key_type = type;
    writer->store_id = table_id;
    writer->memory = (uint64_t)16 << 20;
    options.writer = writer;
    options.shards = (uint32_t)shards;
    return options;
}
