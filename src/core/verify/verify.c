/*
 * Verifying a whole store. Passes, each sequential:
 *   sections   checksums of the trailer's sections, zeros between them        (verify_sections.c)
 *   index      checksums and order of the pages, fences, positions in range   (verify_index.c)
 *   records    entries sorted by position, then the record area from front to back: each record
 *              must be where the next entry points, with the right size and checksum
 *                                                                             (verify_records.c)
 * For a clustered store, instead of the last two:
 *   leaves     directories of leaves, records in and outside them, v2 index, filter
 *                                                                             (verify_leaves.c)
 * Then, for a store of ranges:
 *   ranges     a scan in key order: no range ends before it begins, or overlaps the next one
 *                                                                             (verify_ranges.c)
 */
#include "core/verify/verify_store.h"

#define MEMORY_DEFAULT   ((uint64_t)256 << 20)
#define PROBLEMS_DEFAULT 1000

/* ---------------------------------------------------------------- all of it */

static int check_options(const ikv_verify_options *options, struct ikv_verify_options *known,
                         ikv_error *err)
{
    int code = ikv_options_copy(known, sizeof *known, options, err);

    if (code < 0)
        return code;
    if (known->memory && known->memory < IKV_VERIFY_MEMORY_MIN)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "verify options: memory below 8 MiB");
    known->memory = ikv_memory_option(known->memory, MEMORY_DEFAULT);
    if (known->max_problems == 0)
        known->max_problems = PROBLEMS_DEFAULT;
    return 0;
}

/* Damage that prevents opening is a result of verification, too. */
static bool is_damage(int code)
{
    return code == IKV_E_TRUNCATED || (code <= IKV_E_HEADER && code >= IKV_E_PADDING);
}

int ikv_verify(const char *path, const ikv_open_options *open_options,
               const ikv_verify_options *options, ikv_verify_report *ret_report, ikv_error *err)
{
    struct ikv_verifier verifier = {.ascending = true};

    int code = check_options(options, &verifier.options, err);
    if (code < 0)
        return code;
    code = ikv_open(path, open_options, &verifier.store, &verifier.first);
    if (code == 0) {
        verifier.report.has_trailer = verifier.store->has_trailer;
        verifier.report.layout =
            verifier.store->is_clustered ? IKV_LAYOUT_CLUSTERED : IKV_LAYOUT_ARRIVAL;
        verifier.report.bytes = IKV_HEADER_SIZE;
        code = ikv_verify_store(&verifier);
        if (verifier.report.problems && (code == 0 || verifier.full))
            code = verifier.first.code;
        else if (code < 0) {
            verifier.report.problems = 0;
            (void)ikv_fail(&verifier.first, code, IKV_AT_FILE(path), "cannot verify");
        }
    } else if (is_damage(code)) {
        verifier.report.problems = 1;
        if (verifier.options.on_problem)
            verifier.options.on_problem(verifier.options.user, &verifier.first);
    }
    ikv_close(verifier.store);
    const bool finished = code == 0 || (verifier.report.problems && code == verifier.first.code);
    if (ret_report && finished)
        *ret_report = verifier.report;
    if (code < 0 && err)
        *err = verifier.first;
    return code;
}
