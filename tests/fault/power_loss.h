/*
 * A simulator of power failures: what can be on the disk afterwards.
 *
 * A recorder, an observer of fault_io, notes the operations of a program on the files of one
 * directory. For every point between two operations, the simulator generates disks on which each
 * operation that was not synced is present or absent, independently of the others:
 *
 *   - data, in units of `tear` bytes: a write may be persisted in part, or without an earlier one;
 *   - sizes, independently of the data: bytes within the size that were not persisted are zeros;
 *   - names: creations, renames and removals, independently of the files' contents.
 *
 * Only fsync makes operations durable: of a file, its data and size; of the directory, its names.
 * If at most POWER_LOSS_EXHAUSTIVE_MAX operations are pending at a point, all subsets are tried,
 * otherwise a sample: none, all, all but one, only one, and random subsets.
 *
 * On every disk the path must have the old store or the new one, byte for byte: before the first
 * rename the old one, after the program reported success the new one.
 */
#ifndef IKV_TESTS_POWER_LOSS_H
#define IKV_TESTS_POWER_LOSS_H

#include "fault_io.h"

#define POWER_LOSS_EXHAUSTIVE_MAX 10

typedef struct power_log power_log;

/* `name`: the last component of the path. `old_image`: the file there before the build, NULL if
 * there is none. Images are not copied. */
power_log *power_log_new(const char *name, const void *old_image, size_t old_size);
void power_log_free(power_log *log);
/* The observer for fault_start, with the log as `user`. */
void power_log_observe(void *log, const fault_event *event);
/* Number of operations recorded. */
size_t power_log_operations(const power_log *log);

typedef struct power_loss_setup {
    size_t tear;      /* 512 or 4096 */
    uint64_t samples; /* disks per point with more than POWER_LOSS_EXHAUSTIVE_MAX pending */
    uint64_t seed;
    const void *new_image; /* what the program writes to the path */
    size_t new_size;
    bool reported_success; /* the program reported durability after the last operation */
    /* Called with files under other names. Returns whether the file is allowed. May be NULL. */
    bool (*orphan)(void *user, const void *image, size_t size);
    void *user;
} power_loss_setup;

typedef struct power_loss_result {
    uint64_t points;     /* points of failure */
    uint64_t exhaustive; /* of these, points where all subsets were tried */
    uint64_t disks;
    uint64_t old_seen; /* disks with the old store at the path */
    uint64_t new_seen;
    uint64_t orphans; /* disks with files under other names */
    uint64_t violations;
    char first[256]; /* the first violation */
} power_loss_result;

/* Adds to *result, which must be zero before the first run. */
void power_loss_run(const power_log *log, const power_loss_setup *setup, power_loss_result *result);

#endif
