#include "core/verify/verify_records.h"

#include "core/format/checksum.h"
#include "core/io/reader.h"
#include "core/store/sections.h"

#define REPORT_EVERY ((uint64_t)1 << 14)

struct walk {
    struct ikv_verifier *verifier;
    struct ikv_reader reader;
    struct ikv_checksum_stream *sum;
    uint64_t problems_before;
};

/* Read `size` bytes, adding them to the checksum if `sum`. */
static int take(struct walk *walk, uint64_t size, bool sum)
{
    while (size > 0) {
        const unsigned char *bytes;
        size_t n;
        int code = ikv_reader_take(&walk->reader, size, &bytes, &n);
        if (code < 0)
            return code;
        if (sum)
            ikv_checksum_stream_add(walk->sum, bytes, n);
        size -= n;
    }
    return 0;
}

static int verify_content(struct walk *walk, uint64_t position, uint32_t size,
                          const unsigned char *stored)
{
    const struct ikv_store *store = walk->verifier->store;
    unsigned char field[IKV_RECORD_CHECKSUM_SIZE];

    if (!store->has_trailer)
        return take(walk, size, false);
    ikv_checksum_stream_reset_record(walk->sum, store->record_seed, stored, store->index.key.width);
    int code = take(walk, size - sizeof field, true);
    if (code == 0)
        code = ikv_reader_copy(&walk->reader, field, sizeof field);
    if (code < 0)
        return code;
    if (ikv_load32(field) == (uint32_t)ikv_checksum_stream_value(walk->sum))
        return 0;
    return ikv_verify_problem(walk->verifier, IKV_E_RECORD, position, stored,
                              "wrong record checksum");
}

/* Verify the record at the reader's offset, to which an entry points; the next one is at `end`. */
static int verify_record(struct walk *walk, const unsigned char *stored, uint64_t end)
{
    struct ikv_verifier *verifier = walk->verifier;
    const struct ikv_store *store = verifier->store;
    const uint64_t position = walk->reader.offset;
    const uint64_t room = end - position;
    unsigned char field[IKV_RECORD_HEADER_SIZE];

    if (room < sizeof field) {
        int code = ikv_verify_problem(verifier, IKV_E_INDEX, position, stored,
                                      "the next entry points into this record");
        return code == 0 ? take(walk, room, false) : code;
    }
    int code = ikv_reader_copy(&walk->reader, field, sizeof field);
    if (code < 0)
        return code;
    uint32_t size = ikv_load32(field);
    /* If the index is damaged, the entries of records in between may be unknown. */
    bool fits = verifier->index_damaged ? size <= room - sizeof field : size == room - sizeof field;
    if (!fits || size < store->surplus) {
        code = ikv_verify_problem(verifier, IKV_E_RECORD, position, stored,
                                  "the record does not end where the next one starts");
        return code == 0 ? take(walk, room - sizeof field, false) : code;
    }
    ikv_verify_note_record(verifier, size - store->checksum_size);
    code = verify_content(walk, position, size, stored);
    return code == 0 ? take(walk, end - walk->reader.offset, false) : code;
}

/* Skip to `position`. A record that no entry points to is a problem. */
static int skip_to(struct walk *walk, uint64_t position)
{
    struct ikv_verifier *verifier = walk->verifier;
    int code = 0;

    if (position == walk->reader.offset)
        return 0;
    if (!verifier->index_damaged)
        code = ikv_verify_problem(verifier, IKV_E_INDEX, walk->reader.offset, NULL,
                                  "no entry points to this record");
    return code == 0 ? take(walk, position - walk->reader.offset, false) : code;
}

static int walk_records(struct walk *walk)
{
    struct ikv_verifier *verifier = walk->verifier;
    const struct ikv_key_info *info = &verifier->store->index.key;
    const uint64_t records_end = verifier->store->records_end;
    uint64_t held[IKV_ENTRY_WORDS_MAX];
    unsigned char stored[IKV_KEY_WIDTH_MAX];
    uint64_t seen = 0;
    int code;

    const uint64_t *entry = ikv_sorter_next(verifier->by_position, &code);
    if (code == 0)
        code = skip_to(walk, entry ? entry[0] : records_end);
    while (entry && code == 0) {
        memcpy(held, entry, (info->words + 1) * sizeof held[0]);
        ikv_key_store(info, held + 1, stored);
        entry = ikv_sorter_next(verifier->by_position, &code);
        if (code < 0)
            return code;
        uint64_t end = entry ? entry[0] : records_end;
        if (end == held[0])
            code = ikv_verify_problem(verifier, IKV_E_INDEX, end, stored,
                                      "two entries point to this record");
        else
            code = verify_record(walk, stored, end);
        if (code == 0 && seen++ % REPORT_EVERY == 0)
            code = ikv_verify_progress(verifier, "records", held[0], records_end);
    }
    return code;
}

/* Verify the padding, the blocks' checksums, and the properties that summarise all records. */
static int verify_totals(struct walk *walk)
{
    struct ikv_verifier *verifier = walk->verifier;
    const struct ikv_store *store = verifier->store;

    int code = ikv_verify_zero(verifier, store->records_end, store->index.index_start);
    /* The last block includes the padding. */
    if (code == 0)
        code = take(walk, walk->reader.end - walk->reader.offset, false);
    if (code < 0 || verifier->report.problems > walk->problems_before)
        return code;
    if (walk->reader.bad_blocks)
        return ikv_verify_problem(verifier, IKV_E_SECTION, store->block_sums_offset, NULL,
                                  "the records are intact, but a block checksum is wrong");
    return ikv_verify_totals(verifier);
}

int ikv_verify_records(struct ikv_verifier *verifier)
{
    const struct ikv_store *store = verifier->store;
    struct walk walk = {.verifier = verifier, .problems_before = verifier->report.problems};

    int code = ikv_sorter_finish(verifier->by_position, NULL, NULL);
    if (code == 0)
        code = ikv_reader_init(&walk.reader, &store->file, IKV_HEADER_SIZE,
                               store->index.index_start, store->block_sums_offset);
    if (code == 0)
        code = ikv_checksum_stream_new(&walk.sum);
    walk.reader.count_bad_blocks = true;
    if (code == 0)
        code = walk_records(&walk);
    if (code == 0 && store->has_trailer)
        code = verify_totals(&walk);
    verifier->report.bytes += walk.reader.bytes;
    ikv_checksum_stream_free(walk.sum);
    ikv_reader_free(&walk.reader);
    return code;
}
