#include "core/open/detect.h"

#include "core/format/checksum.h"
#include "core/open/open_leaves.h"
#include "core/store/sections.h"

#include <errno.h>
#include <stdlib.h>

#define VERSION_MAX 255 /* a file that starts with a greater number is not a store */

/* Header and footer as read, before the file type is known. */
struct file_parts {
    unsigned char header_bytes[IKV_HEADER_SIZE];
    struct ikv_header header;
    bool header_is_native;
    enum ikv_footer_check footer_check;
    struct ikv_footer footer;
};

static int read_parts(struct ikv_store *store, struct file_parts *parts, ikv_error *err)
{
    unsigned char footer[IKV_FOOTER_SIZE];

    if (store->file_size < IKV_HEADER_SIZE)
        return ikv_fail(err, IKV_E_NOT_STORE, IKV_AT_FILE(store->path),
                        "a file of %llu bytes is too short for a header",
                        (unsigned long long)store->file_size);
    int code = ikv_store_read(store, parts->header_bytes, IKV_HEADER_SIZE, 0, err);
    if (code < 0)
        return code;
    ikv_header_decode(parts->header_bytes, &parts->header);
    parts->header_is_native = ikv_header_is_native(&parts->header);
    parts->footer_check = IKV_FOOTER_ABSENT;
    if (store->file_size >= IKV_HEADER_SIZE + IKV_FOOTER_SIZE) {
        code = ikv_store_read(store, footer, sizeof footer, store->file_size - sizeof footer, err);
        if (code == 0)
            parts->footer_check = ikv_footer_decode(footer, &parts->footer);
    }
    return code;
}

/* Check the fields of any version 2 header. */
static int check_header(const struct ikv_store *store, const struct ikv_header *header,
                        ikv_error *err)
{
    const struct ikv_where at = IKV_AT_FILE(store->path);

    if (header->version != IKV_FORMAT_VERSION) {
        if (header->version == 0 || header->version > VERSION_MAX)
            return ikv_fail(err, IKV_E_NOT_STORE, at,
                            "the file does not start with a format version");
        return ikv_fail(err, IKV_E_VERSION, at, "version %u", header->version);
    }
    if (header->completed > 1)
        return ikv_fail(err, IKV_E_NOT_STORE, at, "invalid header");
    if (header->completed == 0)
        return ikv_fail(err, IKV_E_INCOMPLETE, at, "cannot open");
    if (header->index_start < IKV_HEADER_SIZE)
        return ikv_fail(err, IKV_E_HEADER, at, "the index starts inside the header");
    if (header->index_start > store->file_size)
        return ikv_fail(err, IKV_E_TRUNCATED, at, "the index starts at %llu, the file size is %llu",
                        (unsigned long long)header->index_start,
                        (unsigned long long)store->file_size);
    return 0;
}

static unsigned differing_bytes(const unsigned char *a, const unsigned char *b, size_t *where)
{
    unsigned count = 0;
    for (size_t i = 0; i < IKV_HEADER_SIZE; i++) {
        if (a[i] != b[i]) {
            *where = i;
            count++;
        }
    }
    return count;
}

/* Whether the first block of the record area still has the checksum in the footer's trailer. */
static int is_record_area_unchanged(struct ikv_store *store, const struct ikv_footer *footer,
                                    bool *ret)
{
    unsigned char sum[IKV_BLOCK_CHECKSUM_SIZE];
    struct ikv_header copy;
    const struct ikv_section *section;

    *ret = false;
    ikv_header_decode(footer->header, &copy);
    int code = ikv_store_read_directory(store, &copy, footer, NULL);
    section = ikv_store_section(store, IKV_SECTION_LEAVES);
    if (code == 0 && section)
        code = ikv_store_is_head_unchanged(store, section, ret);
    section = section ? NULL : ikv_store_section(store, IKV_SECTION_BLOCK_CHECKSUMS);
    store->section_count = 0;
    if (code < 0 || !section || section->length < sizeof sum || copy.index_start <= IKV_HEADER_SIZE)
        /* Other failures say nothing about the file. */
        return code > IKV_E_INVALID || code == IKV_E_CHANGED || code == IKV_E_REMOTE ? code : 0;
    const uint64_t sum_offset = section->offset;
    const size_t size = (size_t)ikv_min(copy.index_start, IKV_BLOCK_SIZE) - IKV_HEADER_SIZE;
    unsigned char *block = malloc(size);
    code = block ? ikv_store_read(store, sum, sizeof sum, sum_offset, NULL) : -ENOMEM;
    if (code == 0)
        code = ikv_store_read(store, block, size, IKV_HEADER_SIZE, NULL);
    if (code == 0)
        *ret = ikv_load64(sum) == ikv_checksum(block, size);
    free(block);
    return code;
}

/* The crate writes this header for a store without pairs; this library for one without a v2 index.
 */
static bool is_without_pairs(const struct ikv_header *header)
{
    return header->pair_count == 0 && header->index_start == IKV_HEADER_SIZE;
}

/*
 * The header's tag is wrong, but there is a valid footer. Either the crate has rewritten the file
 * in place, leaving the old footer at the end, or the header is damaged. The footer holds a copy of
 * its header: if they differ in one byte of version, completed or tag, the header is damaged, since
 * a rewrite changes pair count or index start. Otherwise the records decide: the crate overwrites
 * them from the start, so if the first block is unchanged the header is damaged. A crate's store
 * without pairs overwrites no records, so the two cases look the same if the header had no pairs
 * before; then it is damaged, so that no pairs are lost silently.
 */
static int check_leftover_footer(struct ikv_store *store, const struct file_parts *parts,
                                 ikv_error *err)
{
    size_t where = 0;
    const bool one = differing_bytes(parts->header_bytes, parts->footer.header, &where) == 1;
    bool damaged = one && !(where >= 3 && where < 19); /* not pair count or index start */
    struct ikv_header copy;

    ikv_header_decode(parts->footer.header, &copy);
    if (is_without_pairs(&parts->header)) {
        damaged = damaged || is_without_pairs(&copy);
    } else if (!damaged) {
        int code = is_record_area_unchanged(store, &parts->footer, &damaged);
        if (code < 0)
            return ikv_fail(err, code, IKV_AT_FILE(store->path), "cannot read");
    }
    if (damaged)
        return ikv_fail(err, IKV_E_HEADER, IKV_AT_OFFSET(store->path, where),
                        "the header differs from its copy in the footer");
    return 0;
}

static int check_footer(const struct ikv_store *store, const struct file_parts *parts,
                        ikv_error *err)
{
    const struct ikv_header *header = &parts->header;
    const struct ikv_where at = IKV_AT_FILE(store->path);

    if (parts->footer_check == IKV_FOOTER_VALID) {
        if (memcmp(parts->header_bytes, parts->footer.header, IKV_HEADER_SIZE) != 0)
            return ikv_fail(err, IKV_E_FOOTER, at, "the footer belongs to another header");
        return 0;
    }
    if (header->pair_count > (store->file_size - header->index_start) / 16)
        return ikv_fail(err, IKV_E_TRUNCATED, at, "the index extends beyond the end of the file");
    const bool absent = parts->footer_check == IKV_FOOTER_ABSENT;
    const uint64_t size = ikv_min(store->file_size, IKV_FOOTER_SIZE);
    return ikv_fail(err, IKV_E_FOOTER, IKV_AT_OFFSET(store->path, store->file_size - size),
                    absent ? "no footer at the end of the file" : "wrong footer checksum");
}

/* A native header carries a tag over its own bytes. If the tag is right, header and footer must
 * agree. If it is wrong, the file is plain or damaged. */
static int check_parts(struct ikv_store *store, const struct file_parts *parts, ikv_error *err)
{
    const bool interrupted =
        parts->header.version == IKV_FORMAT_VERSION && parts->header.completed == 0;
    int code = 0;

    if (!parts->header_is_native && !interrupted && parts->footer_check == IKV_FOOTER_VALID)
        code = check_leftover_footer(store, parts, err);
    if (code == 0)
        code = check_header(store, &parts->header, err);
    if (code == 0 && parts->header_is_native)
        code = check_footer(store, parts, err);
    return code;
}

int ikv_store_detect(struct ikv_store *store, struct ikv_detected *ret, ikv_error *err)
{
    struct file_parts parts = {0};

    int code = read_parts(store, &parts, err);
    if (code == 0)
        code = check_parts(store, &parts, err);
    if (code == 0)
        *ret = (struct ikv_detected){parts.header, parts.footer, parts.header_is_native};
    return code;
}
