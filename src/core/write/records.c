#include "core/write/records.h"

static int append_record(struct ikv_writer *writer, const void *stored_key, const void *value,
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

static int put_in_order_of_arrival(struct ikv_writer *writer, const unsigned char *stored_key,
                                   const void *value, uint32_t size)
{
    uint64_t entry[IKV_ENTRY_WORDS_MAX];

    ikv_key_load(&writer->key, stored_key, entry);
    entry[writer->key.words] = ikv_output_offset(&writer->output);
    int code = append_record(writer, stored_key, value, size);
    if (code == 0)
        code = ikv_sorter_add(writer->sorter, entry);
    if (code == 0)
        ikv_size_stats_add(&writer->sizes, size);
    return code;
}

int ikv_writer_put(struct ikv_writer *writer, const unsigned char *stored_key, const void *value,
                   uint32_t size)
{
    return writer->clustered ? ikv_clustered_add(writer->clustered, stored_key, value, size)
                             : put_in_order_of_arrival(writer, stored_key, value, size);
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
