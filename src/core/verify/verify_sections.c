#include "core/verify/verify_sections.h"

#include "core/format/checksum.h"
#include "core/io/source.h"

#include <errno.h>
#include <stdlib.h>

#define PIECE ((size_t)1 << 16)

/* Bytes of sections that are zero in this version of the format. */
static const struct {
    uint32_t type;
    uint32_t begin, end;
} reserved[] = {
    {IKV_SECTION_PROPERTIES, 60, IKV_PROPERTIES_SIZE},
    {IKV_SECTION_LEAVES, 20, 24},
    {IKV_SECTION_LEAVES, 32, IKV_LEAVES_SIZE},
};

/* `bytes`: those of the section, which was short enough to be read at once. */
static int verify_reserved(struct ikv_verifier *verifier, const struct ikv_section *section,
                           const unsigned char *bytes)
{
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        for (uint32_t at = reserved[i].begin;
             section->type == reserved[i].type && at < reserved[i].end; at++)
            if (bytes[at] != 0)
                return ikv_verify_problem(verifier, IKV_E_PADDING, section->offset + at, NULL,
                                          "a reserved field is not zero");
    return 0;
}

/* What the directory says besides the place in the file, which ikv_open has checked. */
static const char *wrong_in_entry(const struct ikv_section *section)
{
    const uint32_t type = section->type;
    const bool must_be_known =
        type == IKV_SECTION_PROPERTIES || type == IKV_SECTION_LEAVES || type == IKV_SECTION_EXTENTS;
    const bool may_be_skipped = type == IKV_SECTION_FILTER || type == IKV_SECTION_FILTER_CELLS;

    if (section->offset % IKV_SECTION_ALIGN != 0)
        return "the section is not aligned";
    if ((section->flags & ~(uint32_t)IKV_SECTION_OPTIONAL) != 0)
        return "the section has unknown flags";
    if ((section->flags & IKV_SECTION_OPTIONAL) ? must_be_known : may_be_skipped)
        return must_be_known ? "the section is optional" : "the section is not optional";
    return NULL;
}

static int verify_section(struct ikv_verifier *verifier, const struct ikv_section *section,
                          struct ikv_checksum_stream *sum, unsigned char *piece)
{
    ikv_checksum_stream_reset(sum);
    for (uint64_t at = 0; at < section->length; at += PIECE) {
        size_t n = (size_t)ikv_min(PIECE, section->length - at);
        int code = ikv_file_read(&verifier->store->file, piece, n, section->offset + at, NULL);
        if (code < 0)
            return code;
        ikv_checksum_stream_add(sum, piece, n);
        verifier->report.bytes += n;
    }
    verifier->report.sections++;
    if (ikv_checksum_stream_value(sum) != section->checksum)
        return ikv_verify_problem(verifier, IKV_E_SECTION, section->offset, NULL,
                                  "wrong section checksum");
    const char *what = wrong_in_entry(section);
    if (what)
        return ikv_verify_problem(verifier, IKV_E_SECTION, section->offset, NULL, what);
    return section->length <= PIECE ? verify_reserved(verifier, section, piece) : 0;
}

static int compare_offsets(const void *a, const void *b)
{
    const struct ikv_section *left = a;
    const struct ikv_section *right = b;
    return (left->offset > right->offset) - (left->offset < right->offset);
}

/* Check that sections do not overlap and that the bytes between them are zero. */
static int verify_layout(struct ikv_verifier *verifier)
{
    const struct ikv_store *store = verifier->store;
    const uint32_t count = store->section_count;
    struct ikv_section sections[IKV_SECTIONS_MAX];
    const uint64_t directory =
        store->file_size - IKV_FOOTER_SIZE - (uint64_t)count * IKV_SECTION_ENTRY_SIZE;
    uint64_t at =
        ikv_max(store->v2_index.index_start + store->v2_index.count * store->v2_index.stride,
                ikv_round_up(store->records_end, IKV_PAGE_SIZE));
    int code = 0;

    memcpy(sections, store->sections, count * sizeof sections[0]);
    qsort(sections, count, sizeof sections[0], compare_offsets);
    for (uint32_t i = 0; i < count && code == 0; i++) {
        if (sections[i].offset < at)
            return ikv_verify_problem(verifier, IKV_E_SECTION, sections[i].offset, NULL,
                                      "the section overlaps another part of the file");
        code = ikv_verify_zero(verifier, at, sections[i].offset);
        at = sections[i].offset + sections[i].length;
    }
    verifier->report.bytes += store->file_size - directory; /* read by ikv_open */
    return code == 0 ? ikv_verify_zero(verifier, at, directory) : code;
}

static int verify_footer(struct ikv_verifier *verifier)
{
    const struct ikv_store *store = verifier->store;
    const uint64_t offset = store->file_size - IKV_FOOTER_SIZE + IKV_FOOTER_ZERO;
    unsigned char bytes[IKV_FOOTER_ZERO_END - IKV_FOOTER_ZERO];

    const int code = ikv_file_read(&store->file, bytes, sizeof bytes, offset, NULL);
    for (size_t i = 0; i < sizeof bytes && code == 0; i++)
        if (bytes[i] != 0)
            return ikv_verify_problem(verifier, IKV_E_PADDING, offset + i, NULL,
                                      "a reserved field is not zero");
    return code;
}

int ikv_verify_sections(struct ikv_verifier *verifier)
{
    const struct ikv_store *store = verifier->store;
    struct ikv_checksum_stream *sum = NULL;
    unsigned char *piece = malloc(PIECE);

    int code = piece ? ikv_checksum_stream_new(&sum) : -ENOMEM;
    for (uint32_t i = 0; i < store->section_count && code == 0; i++)
        code = verify_section(verifier, &store->sections[i], sum, piece);
    ikv_checksum_stream_free(sum);
    free(piece);
    if (code == 0)
        code = verify_layout(verifier);
    return code == 0 ? verify_footer(verifier) : code;
}
