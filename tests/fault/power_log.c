#include "power_ops.h"

#include "platform.h"
#include "power_loss.h"
#include "tmpdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---------------------------------------------------------------- names */

static void copy_name(char *to, const char *name)
{
    if ((size_t)snprintf(to, POWER_NAME_MAX, "%s", name) >= POWER_NAME_MAX)
        test_die("power log: name too long: %s", name);
}

static disk_name *lookup(disk_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->list[i].name, name) == 0)
            return &names->list[i];
    }
    return NULL;
}

size_t disk_names_find(const disk_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->list[i].name, name) == 0)
            return names->list[i].file;
    }
    return POWER_NO_FILE;
}

void disk_names_set(disk_names *names, const char *name, size_t file)
{
    disk_name *entry = lookup(names, name);
    if (entry == NULL) {
        if (names->count == POWER_FILES_MAX)
            test_die("power log: too many names");
        entry = &names->list[names->count++];
        copy_name(entry->name, name);
    }
    entry->file = file;
}

void disk_names_remove(disk_names *names, const char *name)
{
    disk_name *entry = lookup(names, name);
    if (entry != NULL)
        *entry = names->list[--names->count];
}

void disk_names_apply(disk_names *names, const disk_op *op)
{
    switch (op->kind) {
    case DISK_CREATE:
        disk_names_set(names, op->name, op->file);
        break;
    case DISK_RENAME:
        if (disk_names_find(names, op->name) == op->file)
            disk_names_remove(names, op->name);
        disk_names_set(names, op->to, op->file);
        break;
    case DISK_UNLINK:
        disk_names_remove(names, op->name);
        break;
    default:
        break;
    }
}

/* ---------------------------------------------------------------- recording */

power_log *power_log_new(const char *name, const void *old_image, size_t old_size)
{
    power_log *log = must_malloc(sizeof(*log));
    memset(log, 0, sizeof(*log));
    copy_name(log->name, name);
    log->old_image = old_image;
    log->old_size = old_size;
    log->files = 1;
    if (old_image != NULL)
        disk_names_set(&log->names, name, POWER_OLD_FILE);
    for (size_t i = 0; i < POWER_FDS_MAX; i++)
        log->fds[i] = POWER_FD_OTHER;
    return log;
}

void power_log_free(power_log *log)
{
    for (size_t i = 0; i < log->op_count; i++)
        free(log->ops[i].data);
    free(log->ops);
    free(log);
}

size_t power_log_operations(const power_log *log)
{
    return log->op_count;
}

static disk_op *append(power_log *log, disk_op_kind kind, size_t file)
{
    if (log->op_count == log->op_room) {
        log->op_room = log->op_room * 2 + 64;
        log->ops = must_realloc(log->ops, log->op_room * sizeof(*log->ops));
    }
    disk_op *op = &log->ops[log->op_count++];
    memset(op, 0, sizeof(*op));
    op->kind = kind;
    op->file = file;
    return op;
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static size_t new_file(power_log *log)
{
    if (log->files == POWER_FILES_MAX)
        test_die("power log: too many files");
    return log->files++;
}

static void record_open(power_log *log, const fault_event *event)
{
    int fd = (int)event->result;
    const char *name = last_component(event->path);
    size_t file = disk_names_find(&log->names, name);
    struct stat st;

    if (fd >= POWER_FDS_MAX || fstat(fd, &st) != 0)
        test_die("power log: descriptor %d", fd);
    log->fds[fd] = POWER_FD_OTHER;
    if (S_ISDIR(st.st_mode)) {
        log->fds[fd] = POWER_FD_DIRECTORY;
    } else if (test_is_unnamed(event->flags)) {
        log->fds[fd] = (int)new_file(log);
    } else if (file != POWER_NO_FILE) {
        log->fds[fd] = (int)file;
        if ((event->flags & O_TRUNC) != 0)
            append(log, DISK_RESIZE, file)->offset = 0;
    } else if ((event->flags & O_CREAT) != 0) {
        file = new_file(log);
        log->fds[fd] = (int)file;
        disk_op *op = append(log, DISK_CREATE, file);
        copy_name(op->name, name);
        disk_names_apply(&log->names, op);
    }
}

static void record_names(power_log *log, const fault_event *event)
{
    const char *name = last_component(event->path);
    size_t file = disk_names_find(&log->names, name);
    if (file == POWER_NO_FILE)
        test_die("power log: unknown name %s", name);
    disk_op *op = append(log, event->call == FAULT_RENAME ? DISK_RENAME : DISK_UNLINK, file);
    copy_name(op->name, name);
    if (event->call == FAULT_RENAME)
        copy_name(op->to, last_component(event->to));
    disk_names_apply(&log->names, op);
}

static void record_descriptor(power_log *log, const fault_event *event)
{
    int file = event->fd >= 0 && event->fd < POWER_FDS_MAX ? log->fds[event->fd] : POWER_FD_OTHER;
    if (file == POWER_FD_OTHER)
        return;
    if (file == POWER_FD_DIRECTORY) {
        if (event->call == FAULT_FSYNC)
            append(log, DISK_SYNC_NAMES, 0);
        return;
    }
    if (event->call == FAULT_FSYNC) {
        append(log, DISK_SYNC_FILE, (size_t)file);
    } else if (event->call == FAULT_FTRUNCATE) {
        append(log, DISK_RESIZE, (size_t)file)->offset = event->offset;
    } else if (event->call == FAULT_WRITE && event->result > 0) {
        disk_op *op = append(log, DISK_WRITE, (size_t)file);
        op->offset = event->offset;
        op->size = (size_t)event->result;
        op->data = must_malloc(op->size);
        memcpy(op->data, event->data, op->size);
    }
}

void power_log_observe(void *user, const fault_event *event)
{
    power_log *log = user;
    if (event->call == FAULT_CLOSE && event->fd >= 0 && event->fd < POWER_FDS_MAX)
        log->fds[event->fd] = POWER_FD_OTHER;
    if (event->result < 0)
        return;
    switch (event->call) {
    case FAULT_OPEN:
        record_open(log, event);
        break;
    case FAULT_RENAME:
    case FAULT_UNLINK:
        record_names(log, event);
        break;
    case FAULT_WRITE:
    case FAULT_FTRUNCATE:
    case FAULT_FSYNC:
        record_descriptor(log, event);
        break;
    default:
        break;
    }
}
