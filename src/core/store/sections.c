#include "core/store/sections.h"

#include "core/format/checksum.h"

int ikv_store_section_fail(const struct ikv_store *store, const struct ikv_section *section,
                           int code, const char *what, ikv_error *err)
{
    return ikv_fail(err, code, IKV_AT_OFFSET(store->path, section->offset),
                    "section of type %u: %s", section->type, what);
}

const struct ikv_section *ikv_store_section(const struct ikv_store *store, uint32_t type)
{
    for (uint32_t i = 0; i < store->section_count; i++) {
        if (store->sections[i].type == type)
            return &store->sections[i];
    }
    return NULL;
}

static int check_section(const struct ikv_store *store, const struct ikv_section *section,
                         uint64_t least, uint64_t end, ikv_error *err)
{
    if (section->offset < least || section->offset > end || section->length > end - section->offset)
        return ikv_store_section_fail(store, section, IKV_E_SECTION, "outside the trailer", err);
    if (section->type < IKV_SECTION_PROPERTIES || section->type > IKV_SECTION_LAST) {
        if (section->flags & IKV_SECTION_OPTIONAL)
            return 0;
        return ikv_store_section_fail(store, section, IKV_E_UNSUPPORTED,
                                      "unknown type, and not optional", err);
    }
    if (ikv_store_section(store, section->type))
        return ikv_store_section_fail(store, section, IKV_E_SECTION, "duplicate section", err);
    return 0;
}

int ikv_store_read_directory(struct ikv_store *store, const struct ikv_header *header,
                             const struct ikv_footer *footer, ikv_error *err)
{
    unsigned char bytes[IKV_SECTIONS_MAX * IKV_SECTION_ENTRY_SIZE];
    const size_t size = (size_t)footer->sections * IKV_SECTION_ENTRY_SIZE;
    const uint64_t footer_start = store->file_size - IKV_FOOTER_SIZE;
    const struct ikv_where at = IKV_AT_OFFSET(store->path, footer_start);

    if (footer->version != IKV_TRAILER_VERSION)
        return ikv_fail(err, IKV_E_VERSION, at, "trailer version %u", footer->version);
    if (footer->file_size != store->file_size)
        return ikv_fail(err, IKV_E_FOOTER, at, "the footer says %llu bytes, the file has %llu",
                        (unsigned long long)footer->file_size,
                        (unsigned long long)store->file_size);
    if (footer->sections > IKV_SECTIONS_MAX || header->index_start > footer_start ||
        footer_start - header->index_start < size)
        return ikv_fail(err, IKV_E_FOOTER, at, "invalid number of sections, %u", footer->sections);

    const uint64_t start = footer_start - size;
    int code = ikv_store_read(store, bytes, size, start, err);
    if (code < 0)
        return code;
    if (ikv_checksum(bytes, size) != footer->directory_checksum)
        return ikv_fail(err, IKV_E_SECTION, IKV_AT_OFFSET(store->path, start),
                        "wrong checksum of the section directory");
    for (uint32_t i = 0; i < footer->sections && code == 0; i++) {
        struct ikv_section *section = &store->sections[i];
        ikv_section_decode(bytes + (size_t)i * IKV_SECTION_ENTRY_SIZE, section);
        code = check_section(store, section, header->index_start, start, err);
        if (code == 0)
            store->section_count++;
    }
    return code;
}

int ikv_store_read_section(struct ikv_store *store, const struct ikv_section *section, void *buf,
                           size_t size, ikv_error *err)
{
    if (section->length > size)
        return ikv_store_section_fail(store, section, IKV_E_SECTION, "too long", err);
    int code = ikv_store_read(store, buf, (size_t)section->length, section->offset, err);
    if (code == 0 && ikv_checksum(buf, (size_t)section->length) != section->checksum)
        code = ikv_store_section_fail(store, section, IKV_E_SECTION, "wrong checksum", err);
    return code;
}
