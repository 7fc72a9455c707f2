#include "core/write/finish_clustered.h"

#include <errno.h>
#include <stdlib.h>

#define PIECE ((size_t)1 << 18)

/* The index of the base format was collected while its positions became known. */
static int write_index(struct ikv_writer *writer)
{
    const struct ikv_tape *tape = &writer->clustered->leaves.index;
    const uint64_t size = ikv_tape_size(tape);
    unsigned char *piece = malloc(PIECE);
    int code = piece ? 0 : -ENOMEM;

    for (uint64_t at = 0; at < size && code == 0; at += PIECE) {
        const size_t n = (size_t)ikv_min(PIECE, size - at);
        code = ikv_writer_report(writer, "index", at / writer->stride, writer->pairs, "pairs");
        if (code == 0)
            code = ikv_tape_read(tape, at, piece, n);
        if (code == 0)
            code = ikv_output_append(&writer->output, piece, n);
    }
    free(piece);
    return code;
}

static void collect_stats(struct ikv_writer *writer)
{
    const struct ikv_clustered *clustered = writer->clustered;
    const struct ikv_pair_sorter_stats *sorted = &clustered->sorted;

    writer->pairs = clustered->leaves.pairs;
    writer->dropped_count = clustered->dropped;
    writer->sizes = clustered->sizes;
    writer->in_key_order = true;
    writer->sorted = (struct ikv_sorter_stats){
        .entries = writer->pairs,
        .runs = sorted->runs,
        .spilled_bytes = sorted->spilled_bytes + clustered->leaves.index.spilled,
        .passes = sorted->passes,
        .input_sorted = clustered->state != IKV_SORTING,
    };
}

int ikv_writer_complete_clustered(struct ikv_writer *writer)
{
    int code = ikv_clustered_finish(writer->clustered, writer->progress, writer->progress_user);

    if (code < 0)
        return code;
    collect_stats(writer);
    writer->records_end = ikv_output_offset(&writer->output);
    writer->index_start = ikv_round_up(writer->records_end, IKV_PAGE_SIZE);
    code = ikv_output_append(&writer->output, NULL,
                             (size_t)(writer->index_start - writer->records_end));
    return code == 0 && writer->has_index ? write_index(writer) : code;
}
