#include "core/open/open_plain.h"

#define WINDOW     64 /* entries sampled at one place */
#define WINDOWS    3  /* at the start, in the middle, at the end */
#define OLD_STRIDE 24

/* Result of sampling the index, read with some stride. */
struct sample {
    uint64_t entries;
    uint64_t bad_positions;
    uint64_t pairs;
    uint64_t descents;  /* pairs of adjacent entries that are out of order */
    bool ends_reversed; /* the first key is greater than the last */
};

static void sample_window(const struct ikv_store *store, const struct ikv_geometry *index,
                          const unsigned char *entries, uint64_t count, struct sample *sample)
{
    uint64_t words[IKV_KEY_WORDS_MAX];

    for (uint64_t i = 0; i < count; i++) {
        const unsigned char *entry = entries + i * index->stride;
        sample->entries++;
        if (!ikv_position_possible(store, ikv_entry_position(&index->key, entry)))
            sample->bad_positions++;
        if (i > 0) {
            ikv_key_load(&index->key, entry - index->stride, words);
            sample->pairs++;
            if (ikv_key_compare_stored(&index->key, words, entry) > 0)
                sample->descents++;
        }
    }
}

static int take_sample(struct ikv_store *store, const struct ikv_geometry *index,
                       struct sample *sample, ikv_error *err)
{
    unsigned char entries[WINDOW * IKV_STRIDE_MAX];
    uint64_t first[IKV_KEY_WORDS_MAX] = {0};
    const uint64_t count = ikv_min(index->count, WINDOW);
    /* Each window of a remote object is a request; the end of the object is held already. */
    const uint64_t most = store->file.source ? WINDOWS - 1 : WINDOWS;
    const uint64_t windows = index->count > WINDOW ? most : 1;

    *sample = (struct sample){0};
    for (uint64_t i = 0; i < windows && count > 0; i++) {
        uint64_t begin = windows > 1 ? (index->count - count) / (windows - 1) * i : 0;
        if (i > 0 && i == windows - 1)
            begin = index->count - count;
        int code = ikv_store_read(store, entries, (size_t)(count * index->stride),
                                  ikv_entry_offset(index, begin), err);
        if (code < 0)
            return code;
        if (i == 0)
            ikv_key_load(&index->key, entries, first);
        sample_window(store, index, entries, count, sample);
        if (i + 1 == windows)
            sample->ends_reversed =
                ikv_key_compare_stored(&index->key, first, entries + (count - 1) * index->stride) >
                0;
    }
    return 0;
}

/* A few damaged entries are left to lookups to detect; a mostly wrong sample is another type. */
static bool is_plausible(const struct sample *sample)
{
    return !sample->ends_reversed && sample->bad_positions * 2 <= sample->entries &&
           sample->descents * 4 <= sample->pairs;
}

static uint64_t faults(const struct sample *sample)
{
    return sample->bad_positions + sample->descents + (sample->ends_reversed ? 1 : 0);
}

static bool fits(const struct ikv_store *store, const struct ikv_header *header, uint32_t stride)
{
    return header->pair_count <= (store->file_size - header->index_start) / stride;
}

static int check_type(const struct ikv_store *store, const struct sample *sample, ikv_error *err)
{
    char name[16];

    if (is_plausible(sample))
        return 0;
    return ikv_fail(
        err, IKV_E_KEY_TYPE_MISMATCH, IKV_AT_OFFSET(store->path, store->index.index_start),
        "read as %s keys with a stride of %u, the index is not in order or points "
        "outside the records",
        ikv_key_type_name(store->index.key.type, name, sizeof name), store->index.stride);
}

/* Both strides fit the file size: choose the more plausible one. */
static int choose_stride(struct ikv_store *store, const struct ikv_key_info *key,
                         const struct ikv_header *header, ikv_error *err)
{
    const uint32_t stride[2] = {ikv_key_stride(key), OLD_STRIDE};
    struct ikv_geometry index[2];
    struct sample sample[2];
    unsigned chosen;

    for (unsigned i = 0; i < 2; i++) {
        ikv_geometry_set(&index[i], key, stride[i], header->index_start, header->pair_count);
        int code = take_sample(store, &index[i], &sample[i], err);
        if (code < 0)
            return code;
    }
    const uint64_t size = store->file_size - header->index_start;
    if (header->pair_count <= 1) /* both read the same entry */
        chosen = 0;
    else if (is_plausible(&sample[0]) != is_plausible(&sample[1]))
        chosen = is_plausible(&sample[1]);
    else if (faults(&sample[0]) != faults(&sample[1]))
        chosen = faults(&sample[1]) < faults(&sample[0]);
    else if (size == header->pair_count * stride[0] || size == header->pair_count * stride[1])
        chosen = size == header->pair_count * stride[1];
    else
        return ikv_fail(err, IKV_E_STRIDE, IKV_AT_FILE(store->path),
                        "strides of 32 and 24 bytes are both plausible");
    store->index = index[chosen];
    return check_type(store, &sample[chosen], err);
}

static int check_stride_option(const struct ikv_store *store, const struct ikv_key_info *key,
                               uint32_t stride, ikv_error *err)
{
    const uint32_t current = ikv_key_stride(key);

    if (stride == 0 || stride == current ||
        (current == 32 && key->width == 16 && stride == OLD_STRIDE))
        return 0;
    return ikv_fail(err, IKV_E_INVALID, IKV_AT_FILE(store->path),
                    "open options: a stride of %u is invalid for this key type", stride);
}

int ikv_store_open_plain(struct ikv_store *store, const struct ikv_header *header,
                         const ikv_open_options *options, ikv_error *err)
{
    const struct ikv_where at = IKV_AT_FILE(store->path);
    struct ikv_key_info key;
    struct sample sample;

    if (!fits(store, header, 16)) /* the smallest stride */
        return ikv_fail(err, IKV_E_TRUNCATED, at, "the index extends beyond the end of the file");
    if (header->pair_count > (header->index_start - IKV_HEADER_SIZE) / IKV_RECORD_HEADER_SIZE)
        return ikv_fail(err, IKV_E_HEADER, at, "more pairs than fit into the file");
    if (!ikv_key_describe(options->key_type, &key))
        return ikv_fail(err, IKV_E_KEY_TYPE_MISSING, at, "cannot open");
    int code = check_stride_option(store, &key, options->stride, err);
    if (code < 0)
        return code;

    store->records_end = header->index_start;
    store->record_size_max = UINT32_MAX;
    uint32_t stride = options->stride ? options->stride : ikv_key_stride(&key);
    const bool either = key.width == 16 && stride == 32 && !options->stride;
    if (either && fits(store, header, 32))
        return choose_stride(store, &key, header, err);
    if (either)
        stride = OLD_STRIDE;
    if (!fits(store, header, stride))
        return ikv_fail(err, IKV_E_TRUNCATED, at, "the index extends beyond the end of the file");
    ikv_geometry_set(&store->index, &key, stride, header->index_start, header->pair_count);
    code = take_sample(store, &store->index, &sample, err);
    return code == 0 ? check_type(store, &sample, err) : code;
}
