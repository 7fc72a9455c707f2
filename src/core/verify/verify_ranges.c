#include "core/verify/verify_ranges.h"

#include <errno.h>

#define REPORT_EVERY ((uint64_t)1 << 16)

struct walk {
    struct ikv_verifier *verifier;
    bool has_last;
    uint64_t last[IKV_KEY_WORDS_MAX]; /* key of the previous range */
};

static int verify_range(struct walk *walk, const ikv_item *item)
{
    const struct ikv_key_info *info = &walk->verifier->store->index.key;
    const unsigned char *last = (const unsigned char *)item->value + item->size;
    unsigned char first[IKV_KEY_WIDTH_MAX];
    uint64_t words[IKV_KEY_WORDS_MAX];
    int code = 0;

    ikv_key_swap_host(info, item->key, first);
    ikv_key_load(info, first, words);
    if (ikv_key_compare_stored(info, words, last) > 0)
        code = ikv_verify_problem(walk->verifier, IKV_E_RECORD, IKV_NO_OFFSET, first,
                                  "the range ends before it begins");
    else if (walk->has_last && ikv_words_compare(walk->last, words, info->words) >= 0)
        code = ikv_verify_problem(walk->verifier, IKV_E_RECORD, IKV_NO_OFFSET, first,
                                  "the range overlaps the one before it");
    ikv_key_load(info, last, walk->last);
    walk->has_last = true;
    return code;
}

int ikv_verify_ranges(struct ikv_verifier *verifier)
{
    struct walk walk = {.verifier = verifier};
    struct ikv_scan *scan = NULL;
    uint64_t seen = 0;
    ikv_item item;

    if (verifier->store->range_size == 0 || verifier->report.problems > 0)
        return 0;
    int code = ikv_scan_open(verifier->store, NULL, &scan, NULL);
    while (code == 0 && (code = ikv_scan_next(scan, &item, NULL)) == 0) {
        if (item.status != IKV_FOUND) /* it was sound a moment ago */
            code = -EIO;
        if (code == 0 && seen++ % REPORT_EVERY == 0)
            code = ikv_verify_progress(verifier, "ranges", seen, verifier->store->index.count);
        if (code == 0)
            code = verify_range(&walk, &item);
    }
    ikv_scan_close(scan);
    return code == IKV_E_END ? 0 : code;
}
