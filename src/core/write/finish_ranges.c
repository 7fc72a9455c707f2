#include "core/write/finish_ranges.h"

#include "core/write/records.h"

#include <errno.h>

static int put(void *user, const struct ikv_range *range, const void *value, uint32_t size)
{
    struct ikv_writer *writer = user;
    const uint32_t width = writer->key.width;
    unsigned char *content = ikv_scratch_get(&writer->content, (size_t)size + width);

    if (!content)
        return -ENOMEM;
    memcpy(content, value, size);
    memcpy(content + size, range->last, width);
    return ikv_writer_put(writer, range->first, content, size + width);
}

/* The two ranges as text. */
struct range_texts {
    char first[IKV_KEY_TEXT_MAX];
    char last[IKV_KEY_TEXT_MAX];
};

static void format(const struct ikv_key_info *key, const struct ikv_range *range,
                   struct range_texts *ret)
{
    unsigned char host[IKV_KEY_WIDTH_MAX];

    ikv_key_swap_host(key, range->first, host);
    (void)ikv_key_format(key->type, IKV_SYNTAX_AUTO, host, ret->first, sizeof ret->first);
    ikv_key_swap_host(key, range->last, host);
    (void)ikv_key_format(key->type, IKV_SYNTAX_AUTO, host, ret->last, sizeof ret->last);
}

static int fail_conflict(const struct ikv_writer *writer, int code, ikv_error *err)
{
    unsigned char host[IKV_KEY_WIDTH_MAX];
    struct ikv_range outer;
    struct ikv_range inner;
    struct range_texts a;
    struct range_texts b;

    ikv_ranges_conflict(writer->ranges, &outer, &inner);
    format(&writer->key, &outer, &a);
    format(&writer->key, &inner, &b);
    ikv_key_swap_host(&writer->key, inner.first, host);
    const struct ikv_where where = {writer->output.target.path, IKV_NO_OFFSET, writer->key.type,
                                    host};
    if (code == IKV_E_DUPLICATE)
        return ikv_fail(err, code, where, "range %s to %s", b.first, b.last);
    return ikv_fail(err, code, where, "ranges %s to %s and %s to %s", a.first, a.last, b.first,
                    b.last);
}

int ikv_writer_write_ranges(struct ikv_writer *writer, ikv_error *err)
{
    const int code =
        ikv_ranges_finish(writer->ranges, put, writer, writer->progress, writer->progress_user);

    ikv_ranges_stats(writer->ranges, &writer->range_stats);
    if (code == IKV_E_OVERLAP || code == IKV_E_DUPLICATE)
        return fail_conflict(writer, code, err);
    ikv_ranges_free(writer->ranges); /* the next steps use its memory */
    writer->ranges = NULL;
    return code < 0 ? ikv_fail(err, code, IKV_AT_FILE(writer->output.target.path), "cannot write")
                    : 0;
}
