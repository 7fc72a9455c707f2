/* The first damage, and the first failed read, that a run or a batch has met. */
#ifndef IKV_PROBLEM_H
#define IKV_PROBLEM_H

#include "core/store/store.h"

struct ikv_problem {
    bool any;
    struct ikv_error first; /* damage or failed read, whichever came first */
    int read_code;          /* of the first failed read; 0: no read failed */
    struct ikv_error read_error;
};

static inline void ikv_problem_clear(struct ikv_problem *problem)
{
    problem->any = false;
    problem->read_code = 0;
}

/* Note a problem unless an earlier one of its kind was noted. `stored_key` may be NULL. */
void ikv_problem_note(struct ikv_problem *problem, const struct ikv_store *store, int code,
                      uint64_t offset, const unsigned char *stored_key, const char *what);
/* Add another shard's problems to those of its batch. */
void ikv_problem_merge(struct ikv_problem *problem, const struct ikv_problem *other);

#endif
