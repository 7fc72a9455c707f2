#include "mpi/fingerprint.h"

#include "base/exit_status.h"
#include "base/message.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* No text is another one than an empty text. */
static uint64_t mix_text(uint64_t hash, const char *text)
{
    for (const char *p = text; p != NULL && *p != '\0'; p++)
        hash = mix(hash, (unsigned char)*p);
    return mix(hash, text == NULL ? 256 : 257);
}

static uint64_t mix_format(uint64_t hash, const struct pair_format *format)
{
    const uint64_t values[] = {(uint64_t)format->format,
                               (uint64_t)format->key_type,
                               (uint64_t)format->key_syntax,
                               format->ranges,
                               (unsigned char)format->comment,
                               format->strict,
                               format->one_line,
                               format->one_size,
                               format->value_size,
                               (uint64_t)format->line_ends,
                               format->escape,
                               format->nul,
                               (unsigned char)format->delimiter,
                               format->header};
    const char *const texts[] = {format->key_column, format->end_column, format->value_columns,
                                 format->key_field, format->value_field};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        hash = mix(hash, values[i]);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        hash = mix_text(hash, texts[i]);
    return hash;
}

/* A pipe has no size, and its time changes while it is read. */
static uint64_t hash_of_file(const char *path)
{
    struct stat st;
    uint64_t hash = mix_text(0, path);
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
        hash = mix(mix(hash, (uint64_t)st.st_size), (uint64_t)st.st_mtime);
    return hash;
}

/* The first file whose hash is not the same on all ranks; SIZE_MAX: none. */
static size_t first_difference(const struct job *job, const uint64_t *hashes, uint64_t *least,
                               uint64_t *most, size_t count)
{
    (void)MPI_Allreduce(hashes, least, (int)count, MPI_UINT64_T, MPI_MIN, job->comm);
    (void)MPI_Allreduce(hashes, most, (int)count, MPI_UINT64_T, MPI_MAX, job->comm);
    for (size_t i = 0; i < count; i++)
        if (least[i] != most[i])
            return i;
    return SIZE_MAX;
}

int fingerprint_make(const struct job *job, const struct pair_format *format, bool skip,
                     char **paths, size_t count, uint64_t *ret_fingerprint)
{
    uint64_t hash = mix(mix_format(0, format), skip);
    uint64_t *hashes = calloc(3 * count + 1, sizeof *hashes);
    int status = job_status(job, hashes == NULL ? out_of_memory() : STATUS_DONE);
    if (status != STATUS_DONE || hashes == NULL) {
        free(hashes);
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_of_file(paths[i]);
        hash = mix(hash, hashes[i]);
    }
    const size_t other = first_difference(job, hashes, hashes + count, hashes + 2 * count, count);
    free(hashes);
    if (other == SIZE_MAX) {
        *ret_fingerprint = hash;
        return STATUS_DONE;
    }
    if (job->rank == 0)
        message("%s: its size or time is not the same for all ranks: it is being written, or they "
                "see different files",
                paths[other]);
    return STATUS_IO;
}
