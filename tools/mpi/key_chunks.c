#include "mpi/key_chunks.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "mpi/file_parts.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What is looked at to guess the length of a line. */
enum { SAMPLE = 1 << 16 };

/* Bytes that hold about as many keys as a batch: a line is about as long as the first ones. */
static uint64_t chunk_size(const struct key_source *format, uint64_t file_size)
{
    const size_t width = ikv_key_width(format->type);
    if (format->binary)
        return format->batch * width;
    char bytes[SAMPLE];
    size_t lines = 0;
    const int fd = open(format->path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = fd >= 0 ? read(fd, bytes, sizeof bytes) : 0;
    if (fd >= 0)
        (void)close(fd);
    for (ssize_t i = 0; i < size; i++)
        lines += bytes[i] == (format->nul ? '\0' : '\n');
    const uint64_t length = lines > 0 ? ((uint64_t)size + lines - 1) / lines : file_size;
    return format->batch / 8 * 7 * length + length;
}

static void choose_chunks(struct key_chunks *chunks, const struct job *job,
                          const struct key_source *format)
{
    const uint64_t ranks = (uint64_t)job->ranks, rank = (uint64_t)job->rank;
    const uint64_t unit = format->binary ? ikv_key_width(format->type) : 1;
    if (format->in_parts) {
        chunks->size = (chunks->file_size + ranks - 1) / ranks;
        chunks->size = (chunks->size + unit - 1) / unit * unit;
    } else {
        uint64_t size = job->rank == 0 ? chunk_size(format, chunks->file_size) : 0;
        (void)MPI_Bcast(&size, 1, MPI_UINT64_T, 0, job->comm);
        /* Every rank gets something to do. */
        const uint64_t fair = (chunks->file_size / ranks / unit + 1) * unit;
        chunks->size = size < fair ? size : fair;
    }
    chunks->size = chunks->size > 0 ? chunks->size : unit;
    chunks->begin = rank;
    chunks->end = (chunks->file_size + chunks->size - 1) / chunks->size;
    chunks->step = ranks;
}

int key_chunks_open(struct key_chunks *chunks, const struct job *job,
                    const struct key_source *format, struct rejects *rejects)
{
    *chunks = (struct key_chunks){0};
    int cut = 0, status = STATUS_DONE;
    if (job->rank == 0) {
        bool can;
        status = file_can_be_cut(format->path, format->binary, &can, &chunks->file_size);
        cut = can;
    }
    (void)MPI_Bcast(&cut, 1, MPI_INT, 0, job->comm);
    (void)MPI_Bcast(&chunks->file_size, 1, MPI_UINT64_T, 0, job->comm);
    status = job_status(job, status);
    if (status != STATUS_DONE)
        return status;
    chunks->cut = cut != 0;
    if (chunks->cut)
        choose_chunks(chunks, job, format);
    if (!chunks->cut && job->rank != 0)
        return job_status(job, STATUS_DONE);
    struct key_reader *reader = &chunks->reader;
    status = key_reader_from_file(reader, format->type, format->syntax, format->path,
                                  format->binary, rejects);
    chunks->is_open = status == STATUS_DONE;
    reader->format.escape = format->escape;
    if (format->nul)
        reader->format.line_end = reader->input.line_end = '\0';
    reader->report_bad = format->report_bad;
    return job_status(job, status);
}

void key_chunks_close(struct key_chunks *chunks)
{
    if (chunks->is_open)
        key_reader_close(&chunks->reader);
    chunks->is_open = false;
}

static int next_of_whole(struct key_chunks *chunks, size_t limit, struct key_batch *batch,
                         bool *ret_ended)
{
    if (!chunks->is_open)
        return INPUT_END;
    *ret_ended = true;
    return key_reader_next(&chunks->reader, limit, batch);
}

int key_chunks_next(struct key_chunks *chunks, size_t limit, struct key_batch *batch,
                    bool *ret_ended)
{
    struct key_reader *reader = &chunks->reader;
    if (!chunks->cut)
        return next_of_whole(chunks, limit, batch, ret_ended);
    if (chunks->is_open && reader->status != STATUS_DONE)
        return INPUT_FAILED;
    if (!chunks->in_chunk) {
        if (chunks->begin >= chunks->end)
            return INPUT_END;
        const uint64_t begin = chunks->begin * chunks->size, rest = chunks->file_size - begin,
                       end = rest < chunks->size ? chunks->file_size : begin + chunks->size;
        chunks->begin += chunks->step;
        reader->status = key_reader_part(reader, begin, end);
        chunks->in_chunk = true;
    }
    const int result = key_reader_next(reader, limit, batch);
    if (result == INPUT_FAILED)
        return result;
    *ret_ended = result == INPUT_END || input_part_ended(&reader->input);
    chunks->in_chunk = !*ret_ended;
    return INPUT_MORE;
}
