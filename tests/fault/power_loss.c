#include "power_loss.h"

#include "power_ops.h"
#include "tmpdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An operation that may or may not be on the disk. */
typedef enum pending_kind { PENDING_DATA, PENDING_SIZE, PENDING_NAME } pending_kind;

typedef struct pending {
    pending_kind kind;
    size_t file;
    uint64_t offset; /* PENDING_SIZE: the size */
    size_t size;
    const unsigned char *data; /* NULL: zeros */
    const disk_op *op;         /* of PENDING_NAME */
} pending;

typedef struct disk_image {
    unsigned char *bytes; /* `room` bytes; after `size` zeros, or data persisted before the size */
    size_t size;
    size_t now; /* size as the program sees it */
} disk_image;

/* Distinct orphans checked per run. The hash table has four times as many slots. */
#define SEEN_MAX 8192

typedef struct simulation {
    const power_log *log;
    const power_loss_setup *setup;
    power_loss_result *result;
    size_t room;                       /* bytes of each image: up to the last byte written */
    disk_image files[POWER_FILES_MAX]; /* durable contents */
    disk_names names;
    pending *pending;
    bool *persisted; /* which of `pending` are on the generated disk */
    size_t pending_count;
    size_t pending_room;
    size_t point;
    bool renamed; /* the program has renamed its file to the path */
    bool success; /* the program has reported success */
    unsigned char *scratch;
    uint64_t random;
    size_t seen_count;
    uint64_t seen[4 * SEEN_MAX];
} simulation;

static uint64_t next_random(simulation *sim)
{
    uint64_t z = (sim->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---------------------------------------------------------------- one disk */

static void apply_to_image(const pending *item, unsigned char *bytes, size_t *size)
{
    if (item->kind == PENDING_SIZE)
        *size = (size_t)item->offset;
    else if (item->data == NULL)
        memset(bytes + item->offset, 0, item->size);
    else
        memcpy(bytes + item->offset, item->data, item->size);
}

/* Puts the contents of `file` on the generated disk into sim->scratch. Returns the size. */
static size_t compose(simulation *sim, size_t file)
{
    size_t size = sim->files[file].size;
    memcpy(sim->scratch, sim->files[file].bytes, sim->room);
    for (size_t i = 0; i < sim->pending_count; i++) {
        const pending *item = &sim->pending[i];
        if (sim->persisted[i] && item->file == file && item->kind != PENDING_NAME)
            apply_to_image(item, sim->scratch, &size);
    }
    return size;
}

static void violation(simulation *sim, const char *what, size_t size)
{
    if (sim->result->violations++ == 0) {
        snprintf(sim->result->first, sizeof(sim->result->first),
                 "power lost after operation %zu of %zu, tear %zu: %s (%zu bytes)", sim->point,
                 sim->log->op_count, sim->setup->tear, what, size);
    }
}

static bool is_image(const simulation *sim, size_t size, const void *image, size_t image_size)
{
    return image != NULL && size == image_size && memcmp(sim->scratch, image, size) == 0;
}

static void check_path(simulation *sim, size_t file)
{
    const power_loss_setup *setup = sim->setup;
    if (file == POWER_NO_FILE) {
        if (sim->log->old_image != NULL || sim->success)
            violation(sim, "no file at the path", 0);
        else
            sim->result->old_seen++;
        return;
    }
    size_t size = compose(sim, file);
    if (is_image(sim, size, setup->new_image, setup->new_size)) {
        sim->result->new_seen++;
        if (!sim->renamed)
            violation(sim, "the new store at the path before the rename", size);
    } else if (is_image(sim, size, sim->log->old_image, sim->log->old_size)) {
        sim->result->old_seen++;
        if (sim->success)
            violation(sim, "the old store at the path after success", size);
    } else {
        violation(sim, "neither the old nor the new store at the path", size);
    }
}

/* FNV-1a over words. Equal hashes of distinct images are rare enough here. */
static uint64_t hash_image(const unsigned char *bytes, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ size;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + i, size - i < 8 ? size - i : 8);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29;
    }
    return hash | 1;
}

/* Whether the image is seen for the first time. False if the table is full. */
static bool is_new_orphan(simulation *sim, size_t size)
{
    uint64_t hash = hash_image(sim->scratch, size);
    size_t slots = sizeof(sim->seen) / sizeof(sim->seen[0]);
    size_t slot = (size_t)(hash >> 16) % slots;
    while (sim->seen[slot] != 0 && sim->seen[slot] != hash)
        slot = (slot + 1) % slots;
    if (sim->seen[slot] == hash || sim->seen_count == SEEN_MAX)
        return false;
    sim->seen[slot] = hash;
    sim->seen_count++;
    return true;
}

static void check_orphans(simulation *sim, const disk_names *names)
{
    bool any = false;
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->list[i].name, sim->log->name) == 0)
            continue;
        any = true;
        if (sim->setup->orphan == NULL)
            continue;
        size_t size = compose(sim, names->list[i].file);
        if (is_new_orphan(sim, size) && !sim->setup->orphan(sim->setup->user, sim->scratch, size))
            violation(sim, "an orphan that opens as a store", size);
    }
    sim->result->orphans += any;
}

static void check_disk(simulation *sim)
{
    disk_names names = sim->names;
    for (size_t i = 0; i < sim->pending_count; i++) {
        if (sim->persisted[i] && sim->pending[i].kind == PENDING_NAME)
            disk_names_apply(&names, sim->pending[i].op);
    }
    sim->result->disks++;
    check_path(sim, disk_names_find(&names, sim->log->name));
    check_orphans(sim, &names);
}

/* ---------------------------------------------------------------- all disks at one point */

static void fill_persisted(simulation *sim, bool value)
{
    for (size_t i = 0; i < sim->pending_count; i++)
        sim->persisted[i] = value;
}

static void check_sample(simulation *sim)
{
    static const unsigned shares[] = {4, 2, 1, 7, 6}; /* eighths that are persisted */

    for (int value = 0; value < 2; value++) {
        fill_persisted(sim, value != 0);
        check_disk(sim);
        for (size_t i = 0; i < sim->pending_count; i++) {
            sim->persisted[i] = value == 0;
            check_disk(sim);
            sim->persisted[i] = value != 0;
        }
    }
    for (uint64_t n = 0; n < sim->setup->samples; n++) {
        unsigned share = shares[n % (sizeof(shares) / sizeof(shares[0]))];
        for (size_t i = 0; i < sim->pending_count; i++)
            sim->persisted[i] = next_random(sim) % 8 < share;
        check_disk(sim);
    }
}

static void check_point(simulation *sim)
{
    sim->result->points++;
    if (sim->pending_count > POWER_LOSS_EXHAUSTIVE_MAX) {
        check_sample(sim);
        return;
    }
    sim->result->exhaustive++;
    for (unsigned subset = 0; subset < 1u << sim->pending_count; subset++) {
        for (size_t i = 0; i < sim->pending_count; i++)
            sim->persisted[i] = (subset >> i & 1) != 0;
        check_disk(sim);
    }
}

/* ---------------------------------------------------------------- from point to point */

static void push(simulation *sim, pending item)
{
    if (sim->pending_count == sim->pending_room) {
        sim->pending_room = sim->pending_room * 2 + 64;
        sim->pending = must_realloc(sim->pending, sim->pending_room * sizeof(*sim->pending));
        sim->persisted = must_realloc(sim->persisted, sim->pending_room * sizeof(*sim->persisted));
    }
    sim->pending[sim->pending_count++] = item;
}

/* Splits data into the units that a disk writes atomically. */
static void push_data(simulation *sim, size_t file, uint64_t offset, size_t size,
                      const unsigned char *data)
{
    while (size > 0) {
        size_t piece = sim->setup->tear - (size_t)(offset % sim->setup->tear);
        if (piece > size)
            piece = size;
        push(sim, (pending){PENDING_DATA, file, offset, piece, data, NULL});
        offset += piece;
        size -= piece;
        if (data != NULL)
            data += piece;
    }
}

static void resize(simulation *sim, size_t file, uint64_t size)
{
    disk_image *image = &sim->files[file];
    /* Truncated bytes are zeros if the file grows again. */
    if (size < image->now)
        push_data(sim, file, size, image->now - (size_t)size, NULL);
    image->now = (size_t)size;
    push(sim, (pending){PENDING_SIZE, file, size, 0, NULL, NULL});
}

/* Makes pending operations on `file` durable, or with POWER_NO_FILE those on names. */
static void make_durable(simulation *sim, size_t file)
{
    size_t kept = 0;
    for (size_t i = 0; i < sim->pending_count; i++) {
        const pending item = sim->pending[i];
        if (file == POWER_NO_FILE && item.kind == PENDING_NAME)
            disk_names_apply(&sim->names, item.op);
        else if (item.kind != PENDING_NAME && item.file == file)
            apply_to_image(&item, sim->files[file].bytes, &sim->files[file].size);
        else
            sim->pending[kept++] = item;
    }
    sim->pending_count = kept;
}

static void execute(simulation *sim, const disk_op *op)
{
    switch (op->kind) {
    case DISK_WRITE:
        push_data(sim, op->file, op->offset, op->size, op->data);
        if (op->offset + op->size > sim->files[op->file].now)
            resize(sim, op->file, op->offset + op->size);
        break;
    case DISK_RESIZE:
        resize(sim, op->file, op->offset);
        break;
    case DISK_SYNC_FILE:
        make_durable(sim, op->file);
        break;
    case DISK_SYNC_NAMES:
        make_durable(sim, POWER_NO_FILE);
        break;
    case DISK_RENAME:
        sim->renamed = sim->renamed || strcmp(op->to, sim->log->name) == 0;
        push(sim, (pending){PENDING_NAME, op->file, 0, 0, NULL, op});
        break;
    case DISK_CREATE:
    case DISK_UNLINK:
        sim->renamed = sim->renamed || strcmp(op->name, sim->log->name) == 0;
        push(sim, (pending){PENDING_NAME, op->file, 0, 0, NULL, op});
        break;
    }
}

static size_t last_byte(const power_log *log)
{
    size_t end = log->old_size;
    for (size_t i = 0; i < log->op_count; i++) {
        const disk_op *op = &log->ops[i];
        size_t reach = (size_t)op->offset + op->size;
        end = reach > end ? reach : end;
    }
    return end;
}

void power_loss_run(const power_log *log, const power_loss_setup *setup, power_loss_result *result)
{
    simulation *sim = must_malloc(sizeof(*sim));
    memset(sim, 0, sizeof(*sim));
    sim->log = log;
    sim->setup = setup;
    sim->result = result;
    sim->random = setup->seed;
    sim->room = last_byte(log);
    sim->scratch = must_malloc(sim->room);
    for (size_t i = 0; i < log->files; i++) {
        sim->files[i].bytes = must_malloc(sim->room);
        memset(sim->files[i].bytes, 0, sim->room);
    }
    if (log->old_image != NULL) {
        memcpy(sim->files[POWER_OLD_FILE].bytes, log->old_image, log->old_size);
        sim->files[POWER_OLD_FILE].size = sim->files[POWER_OLD_FILE].now = log->old_size;
        disk_names_set(&sim->names, log->name, POWER_OLD_FILE);
    }
    for (sim->point = 0; sim->point <= log->op_count; sim->point++) {
        sim->success = setup->reported_success && sim->point == log->op_count;
        check_point(sim);
        if (sim->point < log->op_count)
            execute(sim, &log->ops[sim->point]);
    }
    for (size_t i = 0; i < log->files; i++)
        free(sim->files[i].bytes);
    free(sim->scratch);
    free(sim->pending);
    free(sim->persisted);
    free(sim);
}
