/*
 * A layer between the uring backend and liburing. In tests linked with the --wrap options of
 * tests.cmake, calls that set up a ring or enter the kernel go through it. It can make them fail,
 * and modify completions before the backend reads them: they are in memory shared with the kernel,
 * and are modified in place.
 *
 * Process-wide, as any linker wrapper, and for one ring at a time.
 */
#ifndef IKV_TESTS_RING_SHIM_H
#define IKV_TESTS_RING_SHIM_H

#include <stdbool.h>
#include <stdint.h>

/* Random faults occur once in this many calls or completions; 0: never. */
struct ring_faults {
    uint64_t seed;
    unsigned refuse;    /* calls: EAGAIN, EBUSY, ENOMEM */
    unsigned interrupt; /* calls: EINTR */
    unsigned partial;   /* calls: submit only some of the prepared requests */
    unsigned early;     /* calls: return without waiting */
    unsigned cut;       /* completions: short reads */
    unsigned transient; /* completions: EAGAIN, EINTR, EBUSY, ENOMEM, ECANCELED */
    unsigned fail;      /* completions: EIO */
    unsigned drop;      /* completions: dropped and counted, as by a kernel without memory */
    bool shuffle;       /* completions: reordered */

    /* Not random: the next `call_count` calls fail with call_code. */
    int call_code;
    uint64_t call_count;
    bool waits_only; /* except calls that submit requests */
    int result_code; /* result of the next `result_count` completions */
    uint64_t result_count;
    uint32_t cut_to; /* completions have at most this many bytes; 0: no limit */
};

struct ring_fault_counts {
    uint64_t calls;
    uint64_t completions;
    uint64_t reads;         /* submitted */
    uint64_t fixed_buffers; /* into registered memory */
    uint64_t fixed_files;   /* from registered files */
    uint64_t refused;
    uint64_t interrupted;
    uint64_t partial;
    uint64_t early;
    uint64_t cut;
    uint64_t transient;
    uint64_t failed;
    uint64_t dropped;
    uint64_t reordered; /* calls that reordered completions */
};

void ring_shim_start(const struct ring_faults *faults);
/* Ends the injection of faults. Returns the counts since the start. */
struct ring_fault_counts ring_shim_stop(void);
struct ring_fault_counts ring_shim_counts(void);
uint64_t ring_fault_sum(const struct ring_fault_counts *counts);

/* Faults in setting up rings. */
struct ring_setup_faults {
    unsigned unknown_flags; /* IORING_SETUP_* that fail with EINVAL */
    unsigned entries_max;   /* larger rings fail with ENOMEM; 0: no limit */
    unsigned hidden_bits;   /* IORING_FEAT_* that the kernel does not report */
    int setup_code;         /* every setup fails with it; 0: none */
    int buffers_code;       /* registering buffers fails with it; 0: does not */
    int files_code;         /* registering files fails with it; 0: does not */
};

void ring_shim_setup(const struct ring_setup_faults *faults); /* NULL: no faults */
/* Number of setups tried since ring_shim_setup. */
unsigned ring_shim_setups(void);

#endif
