/* How a data set's file lies in the page cache. */
#ifndef BENCH_FILE_STATE_H
#define BENCH_FILE_STATE_H

#include "data/dataset.h"

enum file_state {
    FILE_LARGE, /* read sequentially, into large folios */
    FILE_FRESH, /* as it was built */
    FILE_SMALL, /* in folios of 4 KiB */
    FILE_HALF   /* large, but for every other RESIDENCY_PIECE, which was dropped */
};

/* Put the file into this state. It is created if it is missing, and anew for FILE_FRESH and
 * FILE_SMALL; it must not be open then. `path` is set on success. */
int file_state_prepare(const struct dataset *data, enum file_state state, char *path, size_t size,
                       struct bench_error *error);
/* Read what was dropped of the file, into folios of this state. */
int file_state_restore(const char *path, enum file_state state, struct bench_error *error);

#endif
