#include "core/store/detect.h"

#include "core/format/checksum.h"
#include "core/store/open_leaves.h"
#include "core/store/sections.h"

#include <errno.h>
#include <stdlib.h>

#define VERSIONS_PLAUSIBLE 255 /* a file that begins with a greater number is something else */

/* Header and footer as read, before the file type is known. */
struct first_look {
    unsigned char header_bytes[IKV_HEADER_SIZE];
    struct ikv_header header;
    bool header_is_native;
    enum ikv_footer_check footer_check;
    struct ikv_footer footer;
};

static int look(struct ikv_store *store, struct first_look *look, ikv_error *err)
{
    unsigned char footer[IKV_FOOTER_SIZE];

    if (store->file_size < IKV_HEADER_SIZE)
        return ikv_fail(err, IKV_E_NOT_STORE, IKV_AT_FILE(store->path),
                        "%llu bytes are too few for a header",
                        (unsigned long long)store->file_size);
    int code = ikv_store_read(store, look->header_bytes, IKV_HEADER_SIZE, 0, err);
    if (code < 0)
        return code;
    ikv_header_decode(look->header_bytes, &look->header);
    look->header_is_native = ikv_header_is_native(&look->header);
    look->footer_check = IKV_FOOTER_ABSENT;
    if (store->file_size >= IKV_HEADER_SIZE + IKV_FOOTER_SIZE) {
        code = ikv_store_read(store, footer, sizeof footer, store->file_size - sizeof footer, err);
        if (code == 0)
            look->footer_check = ikv_footer_decode(footer, &look->footer);
    }
    return code;
}

/* Fields that every version 2 header must satisfy. */
static int check_header(const struct ikv_store *store, const struct ikv_header *header,
                        ikv_error *err)
{
    const struct ikv_where at = IKV_AT_FILE(store->path);

    if (header->version != IKV_FORMAT_VERSION) {
        if (header->version == 0 || header->version > VERSIONS_PLAUSIBLE)
            return ikv_fail(err, IKV_E_NOT_STORE, at, "it does not begin with a version");
        return ikv_fail(err, IKV_E_VERSION, at, "version %u", header->version);
    }
    if (header->completed > 1)
        return ikv_fail(err, IKV_E_NOT_STORE, at, "its header makes no sense");
    if (header->completed == 0)
        return ikv_fail(err, IKV_E_INCOMPLETE, at, "opening it");
    if (header->index_start < IKV_HEADER_SIZE)
        return ikv_fail(err, IKV_E_HEADER, at, "the index begins inside the header");
    if (header->index_start > store->file_size)
        return ikv_fail(
            err, IKV_E_TRUNCATED, at, "the index begins at %llu, the file has %llu bytes",
            (unsigned long long)header->index_start, (unsigned long long)store->file_size);
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

/* Is the beginning of the record area still what the footer's store had there? */
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
        return code > IKV_E_INVALID ? code : 0; /* -errno: nothing was learned about the file */
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

/*
 * The header's tag is wrong, but there is a footer of ours. Two stories fit: the crate rewrote the
 * file in place and left the footer behind, or the header was damaged. A footer holds a copy of its
 * header: if they differ in a single byte of version, completed or tag, it is damage, since a
 * rewrite changes count or index start. Otherwise the records decide: the crate writes over them
 * from the front, so as long as the first block is as it was it is damage. (The crate's store of no
 * pairs is the one that leaves them alone.)
 */
static int check_left_footer(struct ikv_store *store, const struct first_look *look, ikv_error *err)
{
    const struct ikv_header *header = &look->header;
    size_t where = 0;
    const bool one = differing_bytes(look->header_bytes, look->footer.header, &where) == 1;
    bool damaged =
        one && !(where >= 3 && where < 19); /* not in the fields that a rewrite changes */

    if (!damaged && !(header->pair_count == 0 && header->index_start == IKV_HEADER_SIZE)) {
        int code = is_record_area_unchanged(store, &look->footer, &damaged);
        if (code < 0)
            return ikv_fail(err, code, IKV_AT_FILE(store->path), "reading it");
    }
    if (damaged)
        return ikv_fail(err, IKV_E_HEADER, IKV_AT_OFFSET(store->path, where),
                        "it differs from the footer's copy");
    return 0;
}

static int check_own_footer(const struct ikv_store *store, const struct first_look *look,
                            ikv_error *err)
{
    const struct ikv_header *header = &look->header;
    const struct ikv_where at = IKV_AT_FILE(store->path);

    if (look->footer_check == IKV_FOOTER_VALID) {
        if (memcmp(look->header_bytes, look->footer.header, IKV_HEADER_SIZE) != 0)
            return ikv_fail(err, IKV_E_FOOTER, at, "it belongs to another header");
        return 0;
    }
    if (header->pair_count > (store->file_size - header->index_start) / 16)
        return ikv_fail(err, IKV_E_TRUNCATED, at, "the index ends beyond the file");
    const bool absent = look->footer_check == IKV_FOOTER_ABSENT;
    const uint64_t size = ikv_min(store->file_size, IKV_FOOTER_SIZE);
    return ikv_fail(err, IKV_E_FOOTER, IKV_AT_OFFSET(store->path, store->file_size - size),
                    absent ? "there is none at the end of the file" : "its checksum is wrong");
}

/* A native header carries a tag over its own bytes. If the tag is right, header and footer must
 * agree. If it is wrong, the file is plain or damaged. */
static int check_parts(struct ikv_store *store, const struct first_look *look, ikv_error *err)
{
    const bool interrupted =
        look->header.version == IKV_FORMAT_VERSION && look->header.completed == 0;
    int code = 0;

    if (!look->header_is_native && !interrupted && look->footer_check == IKV_FOOTER_VALID)
        code = check_left_footer(store, look, err);
    if (code == 0)
        code = check_header(store, &look->header, err);
    if (code == 0 && look->header_is_native)
        code = check_own_footer(store, look, err);
    return code;
}

int ikv_store_detect(struct ikv_store *store, struct ikv_detected *ret, ikv_error *err)
{
    struct first_look first = {0};

    int code = look(store, &first, err);
    if (code == 0)
        code = check_parts(store, &first, err);
    if (code == 0)
        *ret = (struct ikv_detected){first.header, first.footer, first.header_is_native};
    return code;
}
