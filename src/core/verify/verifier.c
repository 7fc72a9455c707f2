#include "core/verify/verifier.h"

#include "core/io/source.h"
#include "core/store/sections.h"

int ikv_verify_problem(struct ikv_verifier *verifier, int code, uint64_t offset,
                       const unsigned char *stored_key, const char *what)
{
    const struct ikv_key_info *info = &verifier->store->index.key;
    unsigned char key[IKV_KEY_WIDTH_MAX];
    struct ikv_where where = {verifier->store->path, offset, IKV_KEY_NONE, NULL};
    struct ikv_error problem;

    if (stored_key) {
        ikv_key_swap_host(info, stored_key, key);
        where.key_type = info->type;
        where.key = key;
    }
    (void)ikv_fail(&problem, code, where, "%s", what);
    if (verifier->report.problems++ == 0)
        verifier->first = problem;
    if (verifier->options.on_problem)
        verifier->options.on_problem(verifier->options.user, &problem);
    verifier->full = verifier->report.problems >= verifier->options.max_problems;
    return verifier->full ? IKV_E_CANCELED : 0;
}

int ikv_verify_progress(struct ikv_verifier *verifier, const char *phase, uint64_t done,
                        uint64_t total)
{
    struct ikv_progress now = {phase, done, total, "bytes"};

    if (verifier->options.on_progress &&
        verifier->options.on_progress(verifier->options.user, &now) != 0)
        return IKV_E_CANCELED;
    return 0;
}

int ikv_verify_zero(struct ikv_verifier *verifier, uint64_t begin, uint64_t end)
{
    unsigned char bytes[IKV_PAGE_SIZE];

    while (begin < end) {
        size_t n = (size_t)ikv_min(sizeof bytes, end - begin);
        int code = ikv_file_read(&verifier->store->file, bytes, n, begin, NULL);
        if (code < 0)
            return code;
        verifier->report.bytes += n;
        for (size_t i = 0; i < n; i++) {
            if (bytes[i] != 0)
                return ikv_verify_problem(verifier, IKV_E_PADDING, begin + i, NULL,
                                          "between two parts of the file");
        }
        begin += n;
    }
    return 0;
}

void ikv_verify_note_record(struct ikv_verifier *verifier, uint32_t size)
{
    const struct ikv_properties *properties = &verifier->store->properties;

    if (verifier->report.records == 0 || size < verifier->value_min)
        verifier->value_min = size;
    if (size > verifier->value_max)
        verifier->value_max = size;
    if (size > properties->value_size_p99)
        verifier->above_p99++;
    verifier->value_bytes += size;
    verifier->report.records++;
}

int ikv_verify_totals(struct ikv_verifier *verifier)
{
    const struct ikv_store *store = verifier->store;
    const struct ikv_properties *properties = &store->properties;
    const bool in_key_order = (properties->flags & IKV_PROPERTY_IN_KEY_ORDER) != 0;

    if (verifier->report.problems > 0 || (verifier->report.records == properties->pair_count &&
                                          verifier->value_bytes == properties->value_bytes &&
                                          verifier->value_min == properties->value_size_min &&
                                          verifier->value_max == properties->value_size_max &&
                                          verifier->above_p99 <= verifier->report.records / 100 &&
                                          verifier->ascending == in_key_order))
        return 0;
    return ikv_verify_problem(verifier, IKV_E_SECTION,
                              ikv_store_section(store, IKV_SECTION_PROPERTIES)->offset, NULL,
                              "the properties do not match the records");
}
