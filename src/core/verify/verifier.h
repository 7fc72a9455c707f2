/* State of a verification, shared by its passes: problems, progress, counts. */
#ifndef IKV_VERIFIER_H
#define IKV_VERIFIER_H

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

    /* Of the values seen, to be compared with the properties. */
    uint64_t value_bytes;
    uint32_t value_min;
    uint32_t value_max;
    uint64_t above_p99;
};

/* Report a problem. 0, or IKV_E_CANCELED when there were enough. `key` is in stored form or NULL.
 */
int ikv_verify_problem(struct ikv_verifier *verifier, int code, uint64_t offset,
                       const unsigned char *stored_key, const char *what);
int ikv_verify_progress(struct ikv_verifier *verifier, const char *phase, uint64_t done,
                        uint64_t total);

/* Count a record and its value's size. */
void ikv_verify_note_record(struct ikv_verifier *verifier, uint32_t size);
/* What the properties say about all records must be so, if all records were seen. */
int ikv_verify_totals(struct ikv_verifier *verifier);

/* The range must be zero. */
int ikv_verify_zero(struct ikv_verifier *verifier, uint64_t begin, uint64_t end);

#endif
