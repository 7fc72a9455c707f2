/* Writing a store from others: what merge and export have in common. */
#ifndef MERGE_H
#define MERGE_H

#include "base/progress.h"
#include "key_input/key_supply.h"
#include "options/writer_options.h"
#include "table/split.h"
#include "table/table.h"

#include <indexkv.h>

struct merge_request {
    struct writer_options *writer; /* complete */
    ikv_key_syntax key_syntax;     /* of the lists */
    struct key_file deletes;
    struct key_file selects;
    enum progress_mode progress;
    bool quiet;
};

/* Merge the stores of all tables, which are open and have the same key type, and print a summary.
 * Returns an exit status. */
int merge_run(const struct merge_request *request, const struct table *tables, size_t count);

#endif
