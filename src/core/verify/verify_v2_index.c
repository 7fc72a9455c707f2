#include "core/verify/verify_v2_index.h"

int ikv_v2_walk_begin(struct ikv_v2_walk *walk, struct ikv_verifier *verifier)
{
    const struct ikv_store *store = verifier->store;
    const struct ikv_geometry *index = &store->v2_index;

    walk->verifier = verifier;
    walk->is_stopped = !store->leaves.has_index;
    return ikv_reader_init(&walk->reader, &store->file, index->index_start,
                           index->index_start + index->count * index->stride, 0);
}

void ikv_v2_walk_free(struct ikv_v2_walk *walk)
{
    if (walk->verifier)
        walk->verifier->report.bytes += walk->reader.bytes;
    ikv_reader_free(&walk->reader);
}

int ikv_v2_walk_compare(struct ikv_v2_walk *walk, const unsigned char *key, uint64_t position)
{
    const struct ikv_geometry *index = &walk->verifier->store->v2_index;
    const uint64_t offset = walk->reader.offset;
    unsigned char expected[IKV_STRIDE_MAX];
    unsigned char entry[IKV_STRIDE_MAX];

    if (walk->is_stopped)
        return 0;
    if (walk->reader.end - offset < index->stride) {
        walk->is_stopped = true;
        return ikv_verify_problem(walk->verifier, IKV_E_INDEX, offset, key,
                                  "the leaves have more pairs than the v2 index");
    }
    int code = ikv_reader_copy(&walk->reader, entry, index->stride);
    if (code < 0)
        return code;
    ikv_entry_encode_stored(&index->key, index->stride, key, position, expected);
    if (memcmp(entry, expected, index->stride) == 0)
        return 0;
    return ikv_verify_problem(walk->verifier, IKV_E_INDEX, offset, key,
                              "the entry of the v2 index differs from the leaf's");
}

int ikv_v2_walk_end(struct ikv_v2_walk *walk)
{
    if (walk->is_stopped || walk->reader.offset == walk->reader.end)
        return 0;
    return ikv_verify_problem(walk->verifier, IKV_E_INDEX, walk->reader.offset, NULL,
                              "the v2 index has more pairs than the leaves");
}
