/*
 * Checking a whole store. Three passes, each sequential:
 *   sections   checksums of the trailer's sections, zeros between them        (verify.c)
 *   index      checksums and order of the pages, fences, positions in range   (verify_index.c)
 *   records    entries sorted by position, then the record area from front to back: each record
 * must be where the next entry points, with the right size and checksum (verify_records.c)
 */
#ifndef IKV_VERIFY_H
#define IKV_VERIFY_H

#include "core/sort/sorter.h"
#include "core/store/store.h"

struct ikv_verifier {
    struct ikv_store *store;
    struct ikv_verify_options options;
    struct ikv_verify_report report;
    struct ikv_error first;         /* the first problem */
    struct ikv_sorter *by_position; /* entries: position, the key's words */
    bool full;                      /* there were max_problems */
    bool index_damaged;             /* some entries are not known */
    bool ascending;                 /* positions ascend with the keys */
};

/* Report a problem. 0, or IKV_E_CANCELED when there were enough. `key` is in stored form or NULL.
 */
int ikv_verify_problem(struct ikv_verifier *verifier, int code, uint64_t offset,
                       const unsigned char *stored_key, const char *what);
int ikv_verify_progress(struct ikv_verifier *verifier, const char *phase, uint64_t done,
                        uint64_t total);

/* The range must be zero. */
int ikv_verify_zero(struct ikv_verifier *verifier, uint64_t begin, uint64_t end);

int ikv_verify_index(struct ikv_verifier *verifier);
int ikv_verify_records(struct ikv_verifier *verifier);

#endif
