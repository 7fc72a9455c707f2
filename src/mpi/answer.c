#include "mpi/answer.h"

/* In place of sizes, which are below: a value has at most IKV_VALUE_SIZE_MAX bytes. */
#define CODE_MISSING    UINT32_MAX
#define CODE_CORRUPT    (UINT32_MAX - 1)
#define CODE_UNREADABLE (UINT32_MAX - 2)

static uint32_t code_of(const ikv_item *item)
{
    if (item == NULL || item->status == IKV_UNREADABLE)
        return CODE_UNREADABLE;
    if (item->status == IKV_FOUND)
        return item->size;
    return item->status == IKV_MISSING ? CODE_MISSING : CODE_CORRUPT;
}

void ikv_answer_encode(struct bytes *bytes, const ikv_mpi *table, bool with_key,
                       const ikv_store *store, const ikv_item *item)
{
    uint32_t code = code_of(item);
    unsigned char last[IKV_KEY_WIDTH_MAX];
    const bool has_value = code <= IKV_VALUE_SIZE_MAX;
    if (has_value && table->manifest->has_ranges && ikv_range_last(store, item, last) != 0)
        code = CODE_CORRUPT;
    ikv_bytes_put(bytes, &code, sizeof code);
    if (code > IKV_VALUE_SIZE_MAX)
        return;
    if (with_key)
        ikv_bytes_put(bytes, item->key, table->key_width);
    if (table->manifest->has_ranges)
        ikv_bytes_put(bytes, last, table->key_width);
    ikv_bytes_put(bytes, item->value, item->size);
}

size_t ikv_answer_decode(const unsigned char *bytes, size_t size, const ikv_mpi *table,
                         bool with_key, ikv_mpi_item *ret_item)
{
    uint32_t code;
    if (size < sizeof code)
        return 0;
    memcpy(&code, bytes, sizeof code);
    *ret_item = (ikv_mpi_item){.status = code == CODE_MISSING   ? IKV_MISSING
                                         : code == CODE_CORRUPT ? IKV_CORRUPT
                                                                : IKV_UNREADABLE};
    if (code > IKV_VALUE_SIZE_MAX)
        return sizeof code;
    const size_t keys = (size_t)with_key + (size_t)table->manifest->has_ranges,
                 head = sizeof code + keys * table->key_width;
    if (size < head || size - head < code)
        return 0;
    ret_item->status = IKV_FOUND;
    ret_item->size = code;
    ret_item->value = bytes + head;
    if (with_key)
        ret_item->key = bytes + sizeof code;
    if (table->manifest->has_ranges)
        ret_item->last = bytes + head - table->key_width;
    return head + code;
}
