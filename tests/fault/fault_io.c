#include "fault_io.h"
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define FAILED_FILES_MAX 16

/* A file whose fsync failed. Another fsync would report success without writing the data. */
typedef struct file_id {
    dev_t device;
    ino_t inode;
} file_id;

static struct {
    bool active;
    bool busy; /* in the layer or an observer: calls pass through */
    fault_plan plan;
    fault_observer observer;
    void *user;
    bool renamed;
    size_t failed_count;
    file_id failed[FAILED_FILES_MAX];
    fault_report report;
} layer;

static bool file_of(int fd, file_id *ret_id, bool *ret_directory)
{
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return false;
    *ret_id = (file_id){st.st_dev, st.st_ino};
    *ret_directory = S_ISDIR(st.st_mode);
    return true;
}

/* Notes repeated fsyncs of a file after a failed one, and failed ones. */
static void watch_fsync(const fault_event *event)
{
    file_id id;
    bool directory;
    if (!file_of(event->fd, &id, &directory))
        return;
    for (size_t i = 0; i < layer.failed_count; i++) {
        if (layer.failed[i].device == id.device && layer.failed[i].inode == id.inode)
            layer.report.fsync_repeated = true;
    }
    if (event->result < 0 && layer.failed_count < FAILED_FILES_MAX)
        layer.failed[layer.failed_count++] = id;
}

static bool moves_bytes(fault_call call)
{
    return call == FAULT_READ || call == FAULT_WRITE || call == FAULT_GETRANDOM;
}

/* Whether the planned fault is possible in this call: one byte cannot be transferred in part. */
static bool is_possible(const fault_event *event)
{
    switch (layer.plan.action) {
    case FAULT_NOTHING:
        return false;
    case FAULT_SHORT:
        return moves_bytes(event->call) && event->size > 1;
    case FAULT_ZERO:
        return moves_bytes(event->call) && event->size > 0;
    default:
        return true;
    }
}

/* Counts the call. Returns whether to inject the fault into it. */
static bool is_chosen(const fault_event *event)
{
    if ((layer.plan.calls & FAULT_BIT(event->call)) == 0)
        return false;
    uint64_t index = layer.report.calls++;
    bool first = index == layer.plan.index;
    bool again = layer.plan.for_good && layer.report.faults > 0 &&
                 event->call == layer.report.call && index > layer.plan.index;
    if ((!first && !again) || !is_possible(event))
        return false;
    if (layer.report.faults++ == 0) {
        file_id id;
        layer.report.call = event->call;
        layer.report.after_rename = layer.renamed;
        if (!file_of(event->fd, &id, &layer.report.on_directory)) {
            layer.report.on_directory =
                event->call == FAULT_OPEN && (event->flags & O_DIRECTORY) != 0;
        }
    }
    return true;
}

static void die(void)
{
    raise(SIGKILL);
}

static int64_t inject(fault_event *event, fault_real_call real)
{
    fault_event part = *event;
    part.size = event->size / 2;
    switch (layer.plan.action) {
    case FAULT_SHORT:
        return real(&part);
    case FAULT_ZERO:
        return 0;
    case FAULT_KILL_BEFORE:
        die();
        return -1;
    case FAULT_KILL_HALFWAY:
        (void)real(event->call == FAULT_WRITE ? &part : event);
        die();
        return -1;
    case FAULT_KILL_AFTER:
        (void)real(event);
        die();
        return -1;
    default:
        break;
    }
    if (event->call == FAULT_CLOSE)
        (void)real(event);
    if (event->call == FAULT_ADVISE)
        return layer.plan.error;
    errno = layer.plan.error;
    return -1;
}

static bool lacks_tmpfile(const fault_event *event)
{
    return layer.plan.no_tmpfile && event->call == FAULT_OPEN && test_is_unnamed(event->flags);
}

static int64_t execute(fault_event *event, fault_real_call real)
{
    if (is_chosen(event))
        return inject(event, real);
    if (lacks_tmpfile(event)) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return real(event);
}

/* The descriptor's own offset, for calls that have no such argument. */
static uint64_t own_offset(const fault_event *event)
{
    off_t at = lseek(event->fd, 0, SEEK_CUR);
    return at < 0 ? 0 : (uint64_t)at;
}

int64_t fault_run(fault_event event, fault_real_call real)
{
    if (!layer.active || layer.busy)
        return real(&event);
    layer.busy = true;
    if (event.call == FAULT_WRITE && !event.at_offset)
        event.offset = own_offset(&event);
    event.result = execute(&event, real);
    event.error = event.result < 0 ? errno : 0;
    if (event.call == FAULT_FSYNC)
        watch_fsync(&event);
    if (event.call == FAULT_RENAME && event.result == 0)
        layer.renamed = true;
    if (layer.observer != NULL)
        layer.observer(layer.user, &event);
    layer.busy = false;
    if (event.result < 0)
        errno = event.error;
    return event.result;
}

void fault_start(const fault_plan *plan, fault_observer observer, void *user)
{
    memset(&layer, 0, sizeof(layer));
    layer.plan = (fault_plan){.calls = FAULT_ALL_CALLS, .action = FAULT_NOTHING};
    if (plan != NULL)
        layer.plan = *plan;
    layer.observer = observer;
    layer.user = user;
    layer.active = true;
}

fault_report fault_stop(void)
{
    layer.active = false;
    return layer.report;
}

int stop_faults(void **state)
{
    (void)state;
    (void)fault_stop();
    return 0;
}

const char *fault_call_name(fault_call call)
{
    static const char *const names[FAULT_CALLS] = {"open",   "read",  "write",     "ftruncate",
                                                   "fchmod", "stat",  "fsync",     "rename",
                                                   "unlink", "close", "getrandom", "advise"};
    return call < FAULT_CALLS ? names[call] : "?";
}
