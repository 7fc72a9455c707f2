#include "core/write/records.h"

int ikv_writer_append_record(struct ikv_writer *writer, const void *stored_key, const void *value,
                             uint32_t size)
{
    unsigned char field[4];
    uint32_t surplus = ikv_writer_surplus(writer);

    ikv_store32(field, size + surplus);
    int code = ikv_output_append(&writer->output, field, sizeof field);
    if (code == 0 && size)
        code = ikv_output_append(&writer->output, value, size);
    if (code == 0 && surplus) {
        ikv_store32(field, ikv_record_checksum(writer->record_seed, stored_key, writer->key.width,
                                               value, size));
        code = ikv_output_append(&writer->output, field, sizeof field);
    }
    return code;
}

int ikv_writer_end_records(struct ikv_writer *writer)
{
    struct ikv_output *output = &writer->output;

    writer->records_end = writer->index_start = ikv_output_offset(output);
    if (!writer->plain)
        writer->index_start = ikv_round_up(writer->records_end, IKV_PAGE_SIZE);
    int code = ikv_output_append(output, NULL, (size_t)(writer->index_start - writer->records_end));
    const int sums = ikv_output_end_sums(output);
    return code < 0 ? code : sums;
}
