/*
 * Faults in system calls. In a test that links fault_io.c with the linker's --wrap options (see
 * tests.cmake), every call by which the library accesses files goes through this layer. The test
 * can make a call fail or return a short count, kill the process at a call, and observe all calls.
 *
 * Calls are numbered from 0 in the order they are made, counting only the kinds in plan.calls. The
 * layer is process-wide, since a wrapper gets no context, and for one thread at a time.
 */
#ifndef IKV_TESTS_FAULT_IO_H
#define IKV_TESTS_FAULT_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fault_call {
    FAULT_OPEN,
    FAULT_READ,  /* read and pread */
    FAULT_WRITE, /* write and pwrite */
    FAULT_FTRUNCATE,
    FAULT_FCHMOD,
    FAULT_STAT,  /* stat, lstat, fstat, fstatat */
    FAULT_FSYNC, /* fsync and fdatasync */
    FAULT_RENAME,
    FAULT_UNLINK,
    FAULT_CLOSE,
    FAULT_GETRANDOM,
    FAULT_ADVISE, /* posix_fadvise, sync_file_range: hints, whose failure is ignored */
    FAULT_CALLS
} fault_call;

#define FAULT_BIT(call) (1u << (unsigned)(call))
#define FAULT_ALL_CALLS (FAULT_BIT(FAULT_CALLS) - 1u)
/* Calls that change what is on disk, or complete a sequence of such calls. */
#define FAULT_WRITE_CLASS                                                                          \
    (FAULT_BIT(FAULT_OPEN) | FAULT_BIT(FAULT_WRITE) | FAULT_BIT(FAULT_FTRUNCATE) |                 \
     FAULT_BIT(FAULT_FCHMOD) | FAULT_BIT(FAULT_FSYNC) | FAULT_BIT(FAULT_RENAME) |                  \
     FAULT_BIT(FAULT_UNLINK) | FAULT_BIT(FAULT_CLOSE))

typedef enum fault_action {
    FAULT_NOTHING,
    FAULT_FAIL,         /* return -1 with errno = error; close closes all the same, as on Linux */
    FAULT_SHORT,        /* reads and writes: transfer half the bytes */
    FAULT_ZERO,         /* reads and writes: transfer nothing and return 0 */
    FAULT_KILL_BEFORE,  /* SIGKILL this process */
    FAULT_KILL_HALFWAY, /* writes: after half of it; other calls: as FAULT_KILL_AFTER */
    FAULT_KILL_AFTER
} fault_action;

typedef struct fault_plan {
    unsigned calls; /* FAULT_BITs of the kinds to count */
    uint64_t index; /* the call to inject the fault into */
    bool for_good;  /* also into all later calls of the same kind */
    fault_action action;
    int error;
    bool no_tmpfile; /* besides, O_TMPFILE is not supported */
} fault_plan;

/* A call, as passed to an observer after it returned. */
typedef struct fault_event {
    fault_call call;
    int fd;           /* -1: the call takes a path */
    int flags;        /* open */
    const char *path; /* open, stat, rename, unlink */
    const char *to;   /* rename */
    const void *data; /* write */
    void *buffer;     /* read, stat, getrandom */
    size_t size;      /* read, write, getrandom: bytes requested */
    uint64_t offset;  /* read, write: in the file; ftruncate: the new size */
    bool at_offset;   /* the offset is an argument (pread, pwrite) */
    int64_t result;
    int error; /* errno if result < 0 */
} fault_event;

typedef void (*fault_observer)(void *user, const fault_event *event);

typedef struct fault_report {
    uint64_t calls;      /* calls counted */
    uint64_t faults;     /* faults injected */
    fault_call call;     /* the first one: kind of the call */
    bool on_directory;   /* the first one: the call was on a directory */
    bool after_rename;   /* the first one: the call came after a successful rename */
    bool fsync_repeated; /* a file was synced again after its fsync had failed */
} fault_report;

/* Starts counting from 0. plan NULL: no faults, count all calls. observer NULL: none. */
void fault_start(const fault_plan *plan, fault_observer observer, void *user);

/* Ends the plan: later calls pass through. */
fault_report fault_stop(void);
/* Teardown for a cmocka test: without it, faults would go on after a failed assertion. */
int stop_faults(void **state);

const char *fault_call_name(fault_call call);

/* For the wrappers (fault_wrap.c). */

/* Makes the call: returns its result and leaves its errno. Wrappers pass arguments that fault_event
 * has no field for in fields that their kind of call does not use. */
typedef int64_t (*fault_real_call)(const fault_event *event);

int64_t fault_run(fault_event event, fault_real_call real);

#endif
