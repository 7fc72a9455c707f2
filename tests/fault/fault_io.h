/*
 * Faults in system calls. A test that links fault_io.c with the linker's --wrap options (see
 * tests_writing.cmake) sees every call of the library that touches a file, can make any of them
 * fail, fall short or be the last thing the process does, and can watch all of them.
 *
 * Calls are numbered from 0 in the order they are made, counting only the kinds in plan.calls.
 * The layer serves one thread: it is process-wide state by nature, because the linker gives a
 * wrapper no context to carry.
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
    FAULT_ADVISE, /* posix_fadvise, sync_file_range: hints whose failure means nothing */
    FAULT_CALLS
} fault_call;

#define FAULT_BIT(call) (1u << (unsigned)(call))
#define FAULT_ALL_CALLS (FAULT_BIT(FAULT_CALLS) - 1u)
/* Calls that change what is on the disk, or end a stretch of such calls. */
#define FAULT_WRITE_CLASS                                                                          \
    (FAULT_BIT(FAULT_OPEN) | FAULT_BIT(FAULT_WRITE) | FAULT_BIT(FAULT_FTRUNCATE) |                 \
     FAULT_BIT(FAULT_FCHMOD) | FAULT_BIT(FAULT_FSYNC) | FAULT_BIT(FAULT_RENAME) |                  \
     FAULT_BIT(FAULT_UNLINK) | FAULT_BIT(FAULT_CLOSE))

typedef enum fault_action {
    FAULT_NOTHING,
    FAULT_FAIL,  /* -1 and errno = error. Only close is carried out all the same, as Linux does. */
    FAULT_SHORT, /* reads and writes: half of what was asked for */
    FAULT_ZERO,  /* reads and writes: 0, and nothing is done */
    FAULT_KILL_BEFORE,  /* SIGKILL to this process */
    FAULT_KILL_HALFWAY, /* writes: after half of it; other calls: as FAULT_KILL_AFTER */
    FAULT_KILL_AFTER
} fault_action;

typedef struct fault_plan {
    unsigned calls; /* FAULT_BITs of the kinds that are counted */
    uint64_t index; /* the call that meets the fault */
    bool for_good;  /* all later calls of the same kind meet it too */
    fault_action action;
    int error;
    bool no_tmpfile; /* besides: opening with O_TMPFILE fails as on file systems that lack it */
} fault_plan;

/* A call that was made, as an observer sees it afterwards. */
typedef struct fault_event {
    fault_call call;
    int fd;           /* -1: a call by path */
    int flags;        /* open */
    const char *path; /* open, stat, rename, unlink; as given */
    const char *to;   /* rename */
    const void *data; /* write */
    void *buffer;     /* read, stat, getrandom */
    size_t size;      /* read, write, getrandom: bytes asked for */
    uint64_t offset;  /* read, write: where; ftruncate: the new size */
    bool at_offset;   /* offset was given (pread, pwrite), not the descriptor's own */
    int64_t result;
    int error; /* errno if result < 0 */
} fault_event;

typedef void (*fault_observer)(void *user, const fault_event *event);

typedef struct fault_report {
    uint64_t calls;      /* calls counted */
    uint64_t faults;     /* calls that met the fault */
    fault_call call;     /* kind of the first of them */
    bool on_directory;   /* the first of them was on a descriptor of a directory */
    bool after_rename;   /* the first of them came after a successful rename */
    bool fsync_repeated; /* a file was synced again after its fsync had failed */
} fault_report;

/* Start counting from 0. plan NULL: no faults, all calls counted. observer NULL: none. */
void fault_start(const fault_plan *plan, fault_observer observer, void *user);

/* Stop. Calls pass through untouched from here on. */
fault_report fault_stop(void);
/* Teardown of a cmocka test that injects faults: a failed assertion must not fail later tests. */
int stop_faults(void **state);

const char *fault_call_name(fault_call call);

/* For the wrappers (fault_wrap.c). */

/* Carries a call out; returns what the call returns and leaves errno as the call did. Wrappers keep
 * arguments that fault_event has no name for in fields that their kind of call does not use. */
typedef int64_t (*fault_real_call)(const fault_event *event);

int64_t fault_run(fault_event event, fault_real_call real);

#endif
