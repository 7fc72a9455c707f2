/* Checking a whole store: the public call, and the trailer. */
#include "core/verify/verify.h"

#include "core/format/checksum.h"
#include "core/io/file_io.h"

#include <errno.h>
#include <stdlib.h>

#define MEMORY_DEFAULT   ((uint64_t)256 << 20)
#define MEMORY_MIN       ((uint64_t)8 << 20)
#define MEMORY_FIXED     ((uint64_t)4 << 20) /* buffers for reading */
#define PROBLEMS_DEFAULT 1000
#define PIECE            ((size_t)1 << 16)

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
    if (verifier->options.problem)
        verifier->options.problem(verifier->options.user, &problem);
    verifier->full = verifier->report.problems >= verifier->options.max_problems;
    return verifier->full ? IKV_E_CANCELED : 0;
}

int ikv_verify_progress(struct ikv_verifier *verifier, const char *phase, uint64_t done,
                        uint64_t total)
{
    struct ikv_progress now = {phase, done, total, "bytes"};

    if (verifier->options.progress && verifier->options.progress(verifier->options.user, &now) != 0)
        return IKV_E_CANCELED;
    return 0;
}

int ikv_verify_zero(struct ikv_verifier *verifier, uint64_t begin, uint64_t end)
{
    unsigned char bytes[IKV_PAGE_SIZE];

    while (begin < end) {
        size_t n = (size_t)ikv_min(sizeof bytes, end - begin);
        int code = ikv_pread_all(verifier->store->file.fd, bytes, n, begin, NULL);
        if (code < 0)
            return code;
        verifier->report.bytes += n;
        for (size_t i = 0; i < n; i++) {
            if (bytes[i] != 0)
                return ikv_verify_problem(verifier, IKV_E_PADDING, begin + i, NULL,
                                          "between parts");
        }
        begin += n;
    }
    return 0;
}

/* ---------------------------------------------------------------- trailer */

static int verify_section(struct ikv_verifier *verifier, const struct ikv_section *section,
                          struct ikv_checksum_stream *sum, unsigned char *piece)
{
    ikv_checksum_stream_reset(sum);
    for (uint64_t at = 0; at < section->length; at += PIECE) {
        size_t n = (size_t)ikv_min(PIECE, section->length - at);
        int code = ikv_pread_all(verifier->store->file.fd, piece, n, section->offset + at, NULL);
        if (code < 0)
            return code;
        ikv_checksum_stream_add(sum, piece, n);
        verifier->report.bytes += n;
    }
    verifier->report.sections++;
    if (ikv_checksum_stream_value(sum) == section->checksum)
        return 0;
    return ikv_verify_problem(verifier, IKV_E_SECTION, section->offset, NULL,
                              "its checksum is wrong");
}

static int compare_offsets(const void *a, const void *b)
{
    const struct ikv_section *left = a;
    const struct ikv_section *right = b;
    return (left->offset > right->offset) - (left->offset < right->offset);
}

/* Sections in order of offset: no overlap, and nothing but zeros between them. */
static int verify_layout(struct ikv_verifier *verifier)
{
    const struct ikv_store *store = verifier->store;
    const uint32_t count = store->section_count;
    struct ikv_section sections[IKV_SECTIONS_MAX];
    const uint64_t directory =
        store->file_size - IKV_FOOTER_SIZE - (uint64_t)count * IKV_SECTION_ENTRY_SIZE;
    uint64_t at = store->index.index_start + store->index.count * store->index.stride;
    int code = 0;

    memcpy(sections, store->sections, count * sizeof sections[0]);
    qsort(sections, count, sizeof sections[0], compare_offsets);
    for (uint32_t i = 0; i < count && code == 0; i++) {
        if (sections[i].offset < at)
            return ikv_verify_problem(verifier, IKV_E_SECTION, sections[i].offset, NULL,
                                      "it overlaps another part");
        code = ikv_verify_zero(verifier, at, sections[i].offset);
        at = sections[i].offset + sections[i].length;
    }
    verifier->report.bytes += store->file_size - directory; /* read by ikv_open */
    return code == 0 ? ikv_verify_zero(verifier, at, directory) : code;
}

static int verify_sections(struct ikv_verifier *verifier)
{
    const struct ikv_store *store = verifier->store;
    struct ikv_checksum_stream *sum = NULL;
    unsigned char *piece = malloc(PIECE);

    int code = piece ? ikv_checksum_stream_new(&sum) : -ENOMEM;
    for (uint32_t i = 0; i < store->section_count && code == 0; i++)
        code = verify_section(verifier, &store->sections[i], sum, piece);
    ikv_checksum_stream_free(sum);
    free(piece);
    return code == 0 ? verify_layout(verifier) : code;
}

/* ---------------------------------------------------------------- all of it */

static int verify_store(struct ikv_verifier *verifier)
{
    const struct ikv_store *store = verifier->store;
    char *dir = ikv_directory_of(store->path);
    struct ikv_sorter_options sorter = {
        .words = store->index.key.words + 1,
        .memory = verifier->options.memory - MEMORY_FIXED,
        .expected = store->index.count,
        .dir = verifier->options.temp_dir ? verifier->options.temp_dir : dir,
    };

    int code = dir ? ikv_sorter_new(&sorter, &verifier->by_position) : -ENOMEM;
    free(dir);
    if (code == 0 && store->has_trailer)
        code = verify_sections(verifier);
    if (code == 0)
        code = ikv_verify_index(verifier);
    if (code == 0)
        code = ikv_verify_records(verifier);
    ikv_sorter_free(verifier->by_position);
    return code;
}

static int check_options(const ikv_verify_options *options, struct ikv_verify_options *known,
                         ikv_error *err)
{
    int code = ikv_options_copy(known, sizeof *known, options, err);

    if (code < 0)
        return code;
    if (known->memory && known->memory < MEMORY_MIN)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "verify options: memory below 8 MiB");
    known->memory = ikv_memory_option(known->memory, MEMORY_DEFAULT);
    if (known->max_problems == 0)
        known->max_problems = PROBLEMS_DEFAULT;
    return 0;
}

/* A store that can't even be opened because of damage is a result, too. */
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
        verifier.report.bytes = IKV_HEADER_SIZE;
        code = verify_store(&verifier);
        if (verifier.report.problems && (code == 0 || verifier.full))
            code = verifier.first.code;
        else if (code < 0) {
            verifier.report.problems = 0;
            (void)ikv_fail(&verifier.first, code, IKV_AT_FILE(path), "checking it");
        }
    } else if (is_damage(code)) {
        verifier.report.problems = 1;
        if (verifier.options.problem)
            verifier.options.problem(verifier.options.user, &verifier.first);
    }
    ikv_close(verifier.store);
    const bool finished = code == 0 || (verifier.report.problems && code == verifier.first.code);
    if (ret_report && finished)
        *ret_report = verifier.report;
    if (code < 0 && err)
        *err = verifier.first;
    return code;
}
