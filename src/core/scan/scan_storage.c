#include "core/scan/scan_storage.h"

int ikv_scan_storage_open(struct ikv_scan *scan)
{
    const struct ikv_store *store = scan->store;

    /* Checksums of blocks include the padding after the records. */
    uint64_t end = store->block_sums_offset ? store->index.index_start : store->records_end;
    return ikv_reader_init(&scan->reader, &store->file, IKV_HEADER_SIZE, end,
                           store->block_sums_offset);
}

static void count_reads(struct ikv_scan *scan)
{
    scan->stats.record_reads = scan->reader.reads;
    scan->stats.record_bytes = scan->reader.bytes;
    scan->stats.retries = scan->reader.retries;
    scan->stats.records = scan->seen;
}

static int end_of_records(struct ikv_scan *scan)
{
    if (scan->store->has_trailer && scan->seen != scan->store->index.count)
        return ikv_scan_fail(scan, IKV_E_RECORD, scan->reader.offset,
                             "the numbers of records and entries differ");
    return IKV_E_END;
}

static int read_failed(struct ikv_scan *scan, int code, uint64_t position)
{
    return ikv_scan_fail(scan, code, position,
                         code == IKV_E_RECORD ? "block checksum mismatch" : "cannot read records");
}

int ikv_scan_storage_next(struct ikv_scan *scan, ikv_item *ret_item)
{
    const struct ikv_store *store = scan->store;
    const uint64_t position = scan->reader.offset;
    unsigned char field[IKV_RECORD_HEADER_SIZE];

    if (position == store->records_end)
        return end_of_records(scan);
    if (!ikv_position_possible(store, position))
        return ikv_scan_fail(scan, IKV_E_RECORD, position, "incomplete last record");
    int code = ikv_reader_copy(&scan->reader, field, sizeof field);
    if (code < 0)
        return read_failed(scan, code, position);
    uint32_t size = ikv_load32(field);
    if (!ikv_record_size_possible(store, position, size))
        return ikv_scan_fail(scan, IKV_E_RECORD, position, "impossible size");
    unsigned char *value = ikv_scratch_get(&scan->value, size);
    if (!value)
        return ikv_scan_fail(scan, -ENOMEM, position, "cannot read records");
    code = ikv_reader_copy(&scan->reader, value, size);
    if (code < 0)
        return read_failed(scan, code, position);
    scan->seen++;
    count_reads(scan);
    *ret_item = (ikv_item){value, NULL, size - store->surplus, IKV_FOUND};
    return 0;
}
