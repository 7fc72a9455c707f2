/*
 * What a disk may hold after the power failed.
 *
 * A recorder (an observer of fault_io) notes what a program did to the files of one directory. Then
 * for every point between two operations the simulator makes up disks on which operations that had
 * not been synced are present or absent independently of each other:
 *
 *   - data, in units of `tear` bytes: one write can come through in part, and a later one without
 *     an earlier one;
 *   - sizes, independently of the data: bytes that never arrived but lie within the size are zeros;
 *   - names: creations, renames and removals, independently of what they name.
 *
 * fsync of a file makes its data and size certain, fsync of the directory its names; nothing else
 * does. If up to EXHAUSTIVE_MAX operations are pending at a point all their subsets are tried, else
 * a sample: none, all, all but one, just one, and random ones.
 *
 * On every disk, what lies at the path must be the old store or the new one, byte for byte. Before
 * the first rename it must be the old one; after the program reported success it must be the new
 * one.
 */
#ifndef IKV_TESTS_POWER_LOSS_H
#define IKV_TESTS_POWER_LOSS_H

#include "fault_io.h"

#define POWER_LOSS_EXHAUSTIVE_MAX 10

typedef struct power_log power_log;

/* `name` is the path's last component; `old_image` what is there before, NULL if there is nothing.
 * Images are not copied. */
power_log *power_log_new(const char *name, const void *old_image, size_t old_size);
void power_log_free(power_log *log);
/* To be given to fault_start, with the log as user. */
void power_log_observe(void *log, const fault_event *event);
/* Number of operations recorded. */
size_t power_log_operations(const power_log *log);

typedef struct power_loss_setup {
    size_t tear;      /* 512 or 4096 */
    uint64_t samples; /* disks per point with more than POWER_LOSS_EXHAUSTIVE_MAX pending */
    uint64_t seed;
    const void *new_image; /* what the program is to leave at the path */
    size_t new_size;
    bool reported_success; /* after the last operation the program was told: durable */
    /* Gets files that are left under other names. Returns false if one of them is not all right. */
    bool (*orphan)(void *user, const void *image, size_t size);
    void *user;
} power_loss_setup;

typedef struct power_loss_result {
    uint64_t points;     /* points at which the power failed */
    uint64_t exhaustive; /* points among them at which every subset was tried */
    uint64_t disks;
    uint64_t old_seen; /* disks with the old store at the path */
    uint64_t new_seen;
    uint64_t orphans;    /* disks with another file left */
    uint64_t violations; /* disks with anything else */
    char first[256];     /* what the first violation was */
} power_loss_result;

/* Adds to *result, which is to be zeroed before the first run. */
void power_loss_run(const power_log *log, const power_loss_setup *setup, power_loss_result *result);

#endif
