#include "core/write/index_writer.h"

#include "core/format/checksum.h"

void ikv_index_writer_begin(struct ikv_index_writer *writer, struct ikv_output *output,
                            const struct ikv_key_info *key, uint32_t stride,
                            struct ikv_tape *fences, struct ikv_tape *page_sums)
{
    writer->output = output;
    writer->key = *key;
    writer->stride = stride;
    writer->written = 0;
    writer->last_position = 0;
    writer->ascending = true;
    writer->page_used = 0;
    writer->fences = fences;
    writer->page_sums = page_sums;
}

static int close_page(struct ikv_index_writer *writer)
{
    unsigned char sum[8];
    int code = 0;

    if (writer->fences) {
        code = ikv_tape_append(writer->fences, writer->page, writer->key.width);
        ikv_store64(sum, ikv_checksum(writer->page, writer->page_used));
        if (code == 0)
            code = ikv_tape_append(writer->page_sums, sum, IKV_PAGE_CHECKSUM_SIZE);
    }
    if (code == 0)
        code = ikv_output_append(writer->output, writer->page, writer->page_used);
    writer->page_used = 0;
    return code;
}

int ikv_index_writer_put(struct ikv_index_writer *writer, const uint64_t *words, uint64_t position)
{
    /* An entry belongs to the page in whose slice it begins, see ikv_geometry. */
    uint64_t page_of_last = (writer->written - writer->stride) / IKV_PAGE_SIZE;
    if (writer->page_used && writer->written / IKV_PAGE_SIZE != page_of_last) {
        int code = close_page(writer);
        if (code < 0)
            return code;
    }
    ikv_entry_encode(&writer->key, writer->stride, words, position,
                     writer->page + writer->page_used);
    if (position < writer->last_position)
        writer->ascending = false;
    writer->last_position = position;
    writer->page_used += writer->stride;
    writer->written += writer->stride;
    return 0;
}

int ikv_index_writer_end(struct ikv_index_writer *writer)
{
    return writer->page_used ? close_page(writer) : 0;
}
