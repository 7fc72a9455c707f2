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
    bool full;                      /* max_problems were found */
    bool index_damaged;             /* some entries are unknown */
    bool ascending;                 /* positions ascend with the keys */

    /* Statistics of the values, to compare with the properties. */
    uint64_t value_bytes;
    uint32_t value_min;
    uint32_t value_max;
    uint64_t above_p99;
};

/* Report a problem. IKV_E_CANCELED: max_problems were found. stored_key may be NULL. */
int ikv_verify_problem(struct ikv_verifier *verifier, int code, uint64_t offset,
                       const unsigned char *stored_key, const char *what);
int ikv_verify_progress(struct ikv_verifier *verifier, const char *phase, uint64_t done,
                        uint64_t total);

/* Count a record and its value's size. */
void ikv_verify_note_record(struct ikv_verifier *verifier, uint32_t size);
/* Compare the properties with the records, if no problem was found. */
int ikv_verify_totals(struct ikv_verifier *verifier);

/* Check that [begin, end) is zero. */
int ikv_verify_zero(struct ikv_verifier *verifier, uint64_t begin, uint64_t end);

#endif
