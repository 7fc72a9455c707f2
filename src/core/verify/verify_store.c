#include "core/verify/verify_store.h"

#include "core/io/file_io.h"
#include "core/verify/verify_index.h"
#include "core/verify/verify_leaves.h"
#include "core/verify/verify_ranges.h"
#include "core/verify/verify_records.h"
#include "core/verify/verify_sections.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMORY_FIXED     ((uint64_t)4 << 20) /* read buffers */
#define MEMORY_UNTRUSTED ((uint64_t)64 << 20)

static int verify_arrival(struct ikv_verifier *verifier)
{
    const struct ikv_store *store = verifier->store;
    char *dir = ikv_directory_of(store->file.source ? P_tmpdir "/" : store->path);
    const struct ikv_sorter_options sorter = {
        .words = store->index.key.words + 1,
        .memory = verifier->options.memory - MEMORY_FIXED,
        .expected = store->index.count,
        .dir = verifier->options.temp_dir ? verifier->options.temp_dir : dir,
    };

    int code = dir ? ikv_sorter_new(&sorter, &verifier->by_position) : -ENOMEM;
    free(dir);
    if (code == 0)
        code = ikv_verify_index(verifier);
    if (code == 0)
        code = ikv_verify_records(verifier);
    ikv_sorter_free(verifier->by_position);
    verifier->by_position = NULL;
    return code;
}

int ikv_verify_store(struct ikv_verifier *verifier)
{
    const struct ikv_store *store = verifier->store;
    int code = store->has_trailer ? ikv_verify_sections(verifier) : 0;

    if (code == 0)
        code = store->is_clustered ? ikv_verify_leaves(verifier) : verify_arrival(verifier);
    return code == 0 ? ikv_verify_ranges(verifier) : code;
}

int ikv_verify_untrusted(struct ikv_store *store, uint64_t max_value_size, ikv_error *err)
{
    const struct ikv_where at = IKV_AT_FILE(store->path);
    struct ikv_verifier verifier = {
        .store = store,
        .options = {.memory = MEMORY_UNTRUSTED, .max_problems = 1},
        .ascending = true,
    };

    /* Before all of it is read; what the trailer says is compared with the values below. */
    int code = 0;
    if (store->properties.value_size_max <= max_value_size)
        code = ikv_verify_store(&verifier);
    if (verifier.report.problems) {
        if (err)
            *err = verifier.first;
        return verifier.first.code;
    }
    if (code < 0)
        return ikv_fail(err, code, at, "cannot verify");
    const uint64_t largest = ikv_max(verifier.value_max, store->properties.value_size_max);
    if (largest > max_value_size)
        return ikv_fail(err, IKV_E_UNSUPPORTED, at, "a value has %llu bytes, more than %llu",
                        (unsigned long long)largest, (unsigned long long)max_value_size);
    return 0;
}
