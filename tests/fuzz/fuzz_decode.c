/*
 * The decoders of the format alone, at full speed: header, footer, directory, properties, leaves,
 * entries of leaves, segments of filters. What a decoder accepts and encodes again must be what it
 * decoded; what it points to must be inside the bytes.
 */
#include "fuzz.h"

#include "core/format/filter.h"
#include "core/format/leaf.h"
#include "core/format/trailer.h"

#include <string.h>

/* The first bytes of an input in memory of exactly this size. */
#define TAKE(name, size)                                                                           \
    unsigned char name[size] = {0};                                                                \
    take_bytes(input, name, size)

static void take_bytes(fuzz_input *input, unsigned char *to, size_t size)
{
    const size_t n = input->size < size ? input->size : size;

    memcpy(to, input->bytes, n);
    input->bytes += n;
    input->size -= n;
}

static void must_equal(const unsigned char *a, const unsigned char *b, size_t size,
                       const char *what)
{
    if (memcmp(a, b, size) != 0)
        fuzz_fail("%s: encoded differently", what);
}

static void decode_header(fuzz_input *input)
{
    unsigned char again[IKV_HEADER_SIZE];
    struct ikv_header header;
    TAKE(bytes, IKV_HEADER_SIZE);

    ikv_header_decode(bytes, &header);
    (void)ikv_header_is_native(&header);
    ikv_header_encode(&header, again);
    must_equal(bytes, again, sizeof(again), "header");
}

static void decode_footer(fuzz_input *input)
{
    unsigned char again[IKV_FOOTER_SIZE];
    struct ikv_footer footer;
    TAKE(bytes, IKV_FOOTER_SIZE);

    if (ikv_footer_decode(bytes, &footer) != IKV_FOOTER_VALID)
        return;
    ikv_footer_encode(&footer, again);
    must_equal(bytes, again, 72, "footer");
}

static void decode_section(fuzz_input *input)
{
    unsigned char again[IKV_SECTION_ENTRY_SIZE];
    struct ikv_section section;
    TAKE(bytes, IKV_SECTION_ENTRY_SIZE);

    ikv_section_decode(bytes, &section);
    ikv_section_encode(&section, again);
    must_equal(bytes, again, sizeof(again), "section");
}

static void decode_properties(fuzz_input *input)
{
    unsigned char again[IKV_PROPERTIES_SIZE];
    struct ikv_properties properties;

    if (ikv_properties_decode(input->bytes, input->size, &properties) != 0)
        return;
    ikv_properties_encode(&properties, again);
    must_equal(input->bytes, again, 60, "properties");
}

static void decode_leaves(fuzz_input *input)
{
    unsigned char again[IKV_LEAVES_SIZE];
    struct ikv_leaves leaves;

    if (ikv_leaves_decode(input->bytes, input->size, &leaves) != 0)
        return;
    ikv_leaves_encode(&leaves, again);
    must_equal(input->bytes, again, 20, "leaves");
}

/* A leaf of 4096 bytes, of which the input is the end: that is where its directory is. */
static void decode_leaf(fuzz_input *input)
{
    static unsigned char leaf[IKV_LEAF_SIZE_MIN];
    static size_t used;
    struct ikv_key_info key;
    struct ikv_leaf decoded;
    const ikv_key_type type = (ikv_key_type)fuzz_take(input, 2);
    const size_t n = input->size < sizeof(leaf) ? input->size : sizeof(leaf);

    if (!ikv_key_describe(type, &key))
        return;
    memset(leaf + sizeof(leaf) - (used > n ? used : n), 0, used > n ? used : n);
    memcpy(leaf + sizeof(leaf) - n, input->bytes, n);
    used = n;
    if (!ikv_leaf_decode(leaf, sizeof(leaf), &key, &decoded))
        return;
    if (decoded.entries < leaf || decoded.outside < leaf ||
        decoded.entries + (size_t)decoded.count * ikv_leaf_stride(&key) >
            leaf + sizeof(leaf) - IKV_LEAF_FOOTER_SIZE ||
        decoded.outside + (size_t)8 * decoded.outside_count > decoded.entries ||
        decoded.records_end > (size_t)(decoded.outside - leaf))
        fuzz_fail("a leaf reaches beyond its bytes");
    if (decoded.outside_count > decoded.count)
        fuzz_fail("a leaf with more records outside than entries");
    (void)ikv_leaf_is_intact(&decoded, 1, 0);
    for (uint32_t i = 0; i < decoded.count; i++) {
        const unsigned char *entry = decoded.entries + (size_t)i * ikv_leaf_stride(&key);
        const uint32_t place = ikv_leaf_place(&key, entry);
        uint32_t size = 0;

        const uint64_t position = ikv_leaf_position(&decoded, 4096, place);
        if ((place & IKV_PLACE_OUTSIDE) && place - IKV_PLACE_OUTSIDE >= decoded.outside_count &&
            position != 0)
            fuzz_fail("a position that the leaf does not have");
        if ((place & IKV_PLACE_OUTSIDE) || place > sizeof(leaf) - 4)
            continue;
        if (ikv_leaf_content(&decoded, place, ikv_load32(leaf + place), &size) &&
            place + 4 + size > decoded.records_end)
            fuzz_fail("a record reaches beyond the records");
    }
}

static void decode_filter(fuzz_input *input)
{
    static unsigned char cells[1 << 16];
    unsigned char again[IKV_FILTER_ENTRY_SIZE];
    struct ikv_filter_segment segment;
    TAKE(bytes, IKV_FILTER_ENTRY_SIZE);

    if (!ikv_filter_segment_decode(bytes, &segment))
        return;
    ikv_filter_segment_encode(&segment, again);
    must_equal(bytes, again, 44, "filter segment");
    if (ikv_filter_size(&segment) > sizeof(cells))
        return;
    /* At the end of the array, so that a sanitizer sees what is beyond. */
    const unsigned char *from = cells + sizeof(cells) - ikv_filter_size(&segment);
    for (unsigned i = 0; i < 8; i++)
        (void)ikv_filter_may_contain(&segment, from, ikv_filter_hash(i, bytes, sizeof(bytes)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static void (*const decode[])(fuzz_input *) = {decode_header,     decode_footer, decode_section,
                                                   decode_properties, decode_leaves, decode_leaf,
                                                   decode_filter};
    fuzz_input input = {bytes, size};

    decode[fuzz_choose(&input, sizeof(decode) / sizeof(decode[0]))](&input);
    return 0;
}
