/*
 * Between the uring backend and liburing: a test that is linked with the --wrap options of
 * tests_contract.cmake sees every call that sets a ring up or enters the kernel, can have it fail,
 * and can change what completions say before the backend reads them. Completions lie in memory that
 * is shared with the kernel, so they are changed in place.
 *
 * Process-wide state, as with any linker wrapper; it serves one ring at a time.
 */
#ifndef IKV_TESTS_RING_SHIM_H
#define IKV_TESTS_RING_SHIM_H

#include <stdbool.h>
#include <stdint.h>

/* Odds are "one in so many"; 0: never. */
struct ring_faults {
    uint64_t seed;
    unsigned refuse;    /* calls: EAGAIN, EBUSY, ENOMEM */
    unsigned interrupt; /* calls: EINTR */
    unsigned partial;   /* calls: only some of the prepared requests are taken */
    unsigned early;     /* calls: no waiting */
    unsigned cut;       /* completions: less was read */
    unsigned put_off;   /* completions: EAGAIN, EINTR, EBUSY, ENOMEM, ECANCELED */
    unsigned fail;      /* completions: EIO */
    unsigned lose;      /* completions: dropped for want of memory, and counted by the kernel */
    bool shuffle;       /* completions: in another order */

    /* For certain: the next `call_count` calls fail with call_code. */
    int call_code;
    uint64_t call_count;
    bool waits_only; /* but those that have something to hand over succeed */
    int result_code; /* the next `result_count` completions have this result */
    uint64_t result_count;
    uint32_t cut_to; /* completions bring this many bytes at most; 0: as they are */
};

struct ring_fault_counts {
    uint64_t calls;
    uint64_t completions;
    uint64_t reads;         /* handed to the kernel */
    uint64_t fixed_buffers; /* into registered memory */
    uint64_t fixed_files;   /* from registered files */
    uint64_t refused;
    uint64_t interrupted;
    uint64_t partial;
    uint64_t early;
    uint64_t cut;
    uint64_t put_off;
    uint64_t failed;
    uint64_t lost;
    uint64_t reordered; /* times, not completions */
};

void ring_shim_start(const struct ring_faults *faults);
/* Calls pass through untouched from here on. Returns what happened since the start. */
struct ring_fault_counts ring_shim_stop(void);
struct ring_fault_counts ring_shim_counts(void);
uint64_t ring_fault_sum(const struct ring_fault_counts *counts);

/* What setting a ring up meets. */
struct ring_setup_faults {
    unsigned unknown_flags; /* IORING_SETUP_* that this kernel does not know: EINVAL */
    unsigned entries_max;   /* larger rings: ENOMEM; 0: no limit */
    unsigned hidden_bits;   /* IORING_FEAT_* that this kernel does not have */
    int setup_code;         /* every set-up fails with it; 0: none does */
    int buffers_code;       /* the same of registering buffers */
    int files_code;         /* the same of registering files */
};

void ring_shim_setup(const struct ring_setup_faults *faults); /* NULL: none any more */
/* Set-ups tried since ring_shim_setup. */
unsigned ring_shim_setups(void);

#endif
