/* Detecting the file type: a native store (written by this library, with a trailer), a plain v2
 * file (as the Rust crate writes them), or neither. */
#ifndef IKV_DETECT_H
#define IKV_DETECT_H

#include "core/store/store.h"

struct ikv_detected {
    struct ikv_header header;
    struct ikv_footer footer; /* native stores only */
    bool is_native;
};

/* Read and check header and footer of the open file. */
int ikv_store_detect(struct ikv_store *store, struct ikv_detected *ret, ikv_error *err);

#endif
