#include "mpi/ordered_output.h"

#include "base/exit_status.h"
#include "base/message.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes in one call of MPI: its counts are ints. */
#define CALL_MAX ((size_t)1 << 30)

/* The names of ranks' parts: this and the number. */
#define PART_PREFIX "part-"

static int fail(const char *path, int error)
{
    message("%s: %s", path, strerror(error));
    return STATUS_IO;
}

static int mpi_fail(const char *path, int code)
{
    char text[MPI_MAX_ERROR_STRING];
    int length;
    (void)MPI_Error_string(code, text, &length);
    message("%s: %s", path, text);
    return STATUS_IO;
}

/* ---------------------------------------------------------------- open */

/* The rank in the name of its part; -1: it is another file. */
static long number_of_part(const char *name)
{
    const size_t prefix = strlen(PART_PREFIX);
    char *end;
    if (strncmp(name, PART_PREFIX, prefix) != 0 || name[prefix] < '0' || name[prefix] > '9')
        return -1;
    const long number = strtol(name + prefix, &end, 10);
    return *end == '\0' ? number : -1;
}

/* Remove the parts of ranks that this job does not have, which an earlier one left. */
static int remove_other_parts(const struct ordered_output *ordered)
{
    int status = STATUS_DONE;
    DIR *dir = opendir(ordered->path);
    if (dir == NULL)
        return fail(ordered->path, errno);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (number_of_part(entry->d_name) >= ordered->job->ranks &&
            unlinkat(dirfd(dir), entry->d_name, 0) != 0)
            status = fail(entry->d_name, errno);
    (void)closedir(dir);
    return status;
}

static int open_part(struct ordered_output *ordered)
{
    char path[4096];
    if (mkdir(ordered->path, 0777) != 0 && errno != EEXIST)
        return fail(ordered->path, errno);
    if (ordered->job->rank == 0 && remove_other_parts(ordered) != STATUS_DONE)
        return STATUS_IO;
    (void)snprintf(path, sizeof path, "%s/" PART_PREFIX "%05d", ordered->path, ordered->job->rank);
    ordered->temporary = strdup(path);
    if (ordered->temporary == NULL)
        return out_of_memory();
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail(path, errno);
    return output_open_file(&ordered->output, fd, ordered->temporary);
}

/* Open the shared file; rank 0 creates it. No rank waits for others in calls that fail on one. */
static int open_file(struct ordered_output *ordered, int mode)
{
    const int code = MPI_File_open(MPI_COMM_SELF, ordered->temporary, MPI_MODE_WRONLY | mode,
                                   MPI_INFO_NULL, &ordered->file);
    if (code == MPI_SUCCESS)
        return STATUS_DONE;
    ordered->file = MPI_FILE_NULL;
    return mpi_fail(ordered->temporary, code);
}

/* Ranks share a file under another name until it is complete. */
static int open_shared(struct ordered_output *ordered)
{
    const size_t size = strlen(ordered->path) + sizeof ".incomplete";
    ordered->temporary = malloc(size);
    if (ordered->temporary == NULL)
        return out_of_memory();
    (void)snprintf(ordered->temporary, size, "%s.incomplete", ordered->path);
    if (ordered->job->rank == 0 && unlink(ordered->temporary) != 0 && errno != ENOENT)
        return fail(ordered->temporary, errno);
    return ordered->job->rank == 0 ? open_file(ordered, MPI_MODE_CREATE) : STATUS_DONE;
}

int ordered_output_open(struct ordered_output *ordered, const struct job *job, const char *path,
                        bool in_parts)
{
    *ordered = (struct ordered_output){
        .job = job, .path = path, .in_parts = in_parts, .file = MPI_FILE_NULL};
    if (in_parts)
        return job_status(job, open_part(ordered));
    int status = path != NULL ? open_shared(ordered) : STATUS_DONE;
    if (status == STATUS_DONE)
        status = output_open_sink(&ordered->output, &ordered->pending);
    status = job_status(job, status);
    if (status != STATUS_DONE || path == NULL)
        return status;
    return job_status(job, job->rank != 0 ? open_file(ordered, 0) : STATUS_DONE);
}

int ordered_output_chunk(struct ordered_output *ordered)
{
    (void)output_flush(&ordered->output);
    if (ordered->output.error != 0)
        return STATUS_IO; /* closing reports it */
    ordered->complete++;
    if (!ordered->in_parts &&
        !buffer_append(&ordered->ends, &ordered->pending.size, sizeof ordered->pending.size))
        return out_of_memory();
    return STATUS_DONE;
}

/* ---------------------------------------------------------------- write */

/* Write to the shared file at an offset. */
static int write_at(struct ordered_output *ordered, uint64_t offset, const char *bytes, size_t size)
{
    while (size > 0) {
        const size_t part = size < CALL_MAX ? size : CALL_MAX;
        MPI_Status written;
        int count = 0;
        const int code = MPI_File_write_at(ordered->file, (MPI_Offset)offset, bytes, (int)part,
                                           MPI_BYTE, &written);
        if (code != MPI_SUCCESS)
            return mpi_fail(ordered->temporary, code);
        (void)MPI_Get_count(&written, MPI_BYTE, &count);
        if (count <= 0)
            return fail(ordered->temporary, ENOSPC);
        offset += (size_t)count;
        bytes += count;
        size -= (size_t)count;
    }
    return STATUS_DONE;
}

static int write_all(const char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(STDOUT_FILENO, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail("standard output", errno);
        bytes += written;
        size -= (size_t)written;
    }
    return STATUS_DONE;
}

/* Rank 0 writes what the others send it. */
static int write_standard(struct ordered_output *ordered, const char *bytes, size_t size)
{
    enum { TAG = 3, PART = 1 << 20 };
    const struct job *job = ordered->job;
    uint64_t mine = size;
    if (job->rank != 0) {
        (void)MPI_Send(&mine, 1, MPI_UINT64_T, 0, TAG, job->comm);
        for (size_t at = 0; at < size; at += PART)
            (void)MPI_Send(bytes + at, (int)(size - at < PART ? size - at : PART), MPI_BYTE, 0, TAG,
                           job->comm);
        return STATUS_DONE;
    }
    int status = write_all(bytes, size);
    char *buffer = malloc(PART);
    if (buffer == NULL) {
        status = out_of_memory();
        (void)MPI_Abort(job->comm, status);
    }
    for (int rank = 1; rank < job->ranks; rank++) {
        (void)MPI_Recv(&mine, 1, MPI_UINT64_T, rank, TAG, job->comm, MPI_STATUS_IGNORE);
        for (uint64_t at = 0; at < mine; at += PART) {
            const int part = (int)(mine - at < PART ? mine - at : PART);
            (void)MPI_Recv(buffer, part, MPI_BYTE, rank, TAG, job->comm, MPI_STATUS_IGNORE);
            if (status == STATUS_DONE)
                status = write_all(buffer, (size_t)part);
        }
    }
    free(buffer);
    return status;
}

/* The next round, of which this rank has a chunk from `begin` to `end` in `pending`. */
static int write_round(struct ordered_output *ordered, size_t begin, size_t end)
{
    const struct job *job = ordered->job;
    const char *bytes = ordered->pending.data != NULL ? ordered->pending.data + begin : "";
    uint64_t size = end - begin, before = 0, total = 0;
    ordered->written++;
    if (ordered->file == MPI_FILE_NULL)
        return write_standard(ordered, bytes, (size_t)size);
    (void)MPI_Exscan(&size, &before, 1, MPI_UINT64_T, MPI_SUM, job->comm);
    (void)MPI_Allreduce(&size, &total, 1, MPI_UINT64_T, MPI_SUM, job->comm);
    const uint64_t offset = ordered->offset + (job->rank == 0 ? 0 : before);
    ordered->offset += total;
    return write_at(ordered, offset, bytes, (size_t)size);
}

int ordered_output_write(struct ordered_output *ordered, bool ended)
{
    if (ordered->in_parts)
        return STATUS_DONE;
    /* The least of what is complete, and the most: the last round may lack some ranks. */
    uint64_t complete[2] = {ended ? UINT64_MAX : ordered->complete, UINT64_MAX - ordered->complete};
    (void)MPI_Allreduce(MPI_IN_PLACE, complete, 2, MPI_UINT64_T, MPI_MIN, ordered->job->comm);
    const uint64_t most = UINT64_MAX - complete[1],
                   target = complete[0] < most ? complete[0] : most;
    const size_t *ends = (const size_t *)(const void *)ordered->ends.data,
                 count = ordered->ends.size / sizeof *ends;
    size_t begin = 0, next = 0;
    int status = STATUS_DONE;
    while (ordered->written < target) {
        const size_t end = next < count ? ends[next++] : begin;
        status = exit_status_worse(status, write_round(ordered, begin, end));
        begin = end;
    }
    ordered->failed = ordered->failed || status != STATUS_DONE;
    if (next == 0 || !buffer_reserve(&ordered->pending, 1))
        return status;
    /* Keep what is not complete. */
    memmove(ordered->pending.data, ordered->pending.data + begin, ordered->pending.size - begin);
    ordered->pending.size -= begin;
    size_t *rest = (size_t *)(void *)ordered->ends.data;
    for (size_t i = next; i < count; i++)
        rest[i - next] = rest[i] - begin;
    ordered->ends.size = (count - next) * sizeof *rest;
    return status;
}

/* ---------------------------------------------------------------- close */

int ordered_output_close(struct ordered_output *ordered, int status, bool whole)
{
    const struct job *job = ordered->job;
    int code = MPI_SUCCESS;
    if (ordered->output.buffer != NULL) {
        const int closed = output_close(&ordered->output);
        status = exit_status_worse(status, closed);
        whole = whole && closed == STATUS_DONE;
    }
    if (ordered->file != MPI_FILE_NULL) {
        code = MPI_File_sync(ordered->file);
        const int closed = MPI_File_close(&ordered->file);
        code = code == MPI_SUCCESS ? closed : code;
    }
    if (code != MPI_SUCCESS)
        status = mpi_fail(ordered->temporary, code);
    status = job_status(job, status);
    whole = whole && !ordered->failed && code == MPI_SUCCESS;
    (void)MPI_Allreduce(MPI_IN_PLACE, &whole, 1, MPI_C_BOOL, MPI_LAND, job->comm);
    if (!ordered->in_parts && ordered->temporary != NULL && job->rank == 0) {
        if (whole ? rename(ordered->temporary, ordered->path) != 0
                  : unlink(ordered->temporary) != 0 && errno != ENOENT)
            status = fail(ordered->path, errno);
    }
    buffer_free(&ordered->pending);
    buffer_free(&ordered->ends);
    free(ordered->temporary);
    return job_status(job, status);
}
