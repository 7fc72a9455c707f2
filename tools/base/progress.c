#include "base/progress.h"

#include "base/message.h"
#include "base/numbers.h"
#include "base/signals.h"
#include "base/terminal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 256 };
static const double terminal_interval = 0.2, log_interval = 1.0;

/* Processor time of the calling thread. */
static double processor_seconds(void)
{
    struct timespec used;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0)
        return 0;
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

void progress_start(struct progress *progress, enum progress_mode mode, bool quiet,
                    bool output_terminal)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    *progress = (struct progress){.terminal = terminal, .last_shown = true};
    progress->enabled = mode == PROGRESS_ALWAYS ||
                        (mode == PROGRESS_AUTO && !quiet && terminal && !output_terminal);
    progress->phase_start = seconds_now();
    progress->phase_processor = processor_seconds();
    progress->next = progress->phase_start + terminal_interval;
}

static void write_text(const char *text, size_t length)
{
    ssize_t written = write(STDERR_FILENO, text, length);
    (void)written; /* errors of standard error can't be reported */
}

/* ", waits: disk 81 %, output 17 %" */
static int format_waits(const struct progress_waits *waits, char *text, size_t size)
{
    const struct {
        const char *name;
        double seconds;
    } parts[] = {{"reading", waits->reading},
                 {"disk", waits->disk},
                 {"lookups", waits->lookups},
                 {"processor", waits->processor},
                 {"output", waits->output}};
    const double sum =
        waits->reading + waits->disk + waits->lookups + waits->processor + waits->output;
    int length = 0;
    for (size_t i = 0; sum > 0 && i < sizeof parts / sizeof parts[0]; i++) {
        const double share = rint(100 * parts[i].seconds / sum);
        if (share >= 1)
            length += snprintf(text + length, size - (size_t)length, "%s%s %.0f %%",
                               length > 0 ? ", " : ", waits: ", parts[i].name, share);
    }
    return length;
}

/* What the calling thread did since the start of the phase. */
static void divide_time(const struct progress *progress, struct progress_point *point, double now)
{
    struct progress_waits *waits = &point->waits;
    const double elapsed = now - progress->phase_start;
    const double processor = processor_seconds() - progress->phase_processor;
    const double known = waits->reading + waits->output;
    waits->disk = elapsed - known - processor;
    if (waits->disk < 0)
        waits->disk = 0; /* reading and output take processor time, too */
    waits->processor = elapsed - known - waits->disk;
    if (waits->processor < 0)
        waits->processor = 0;
}

/* "read: 12.3M pairs, 4.1M/s, 45 %, 0:12 left"; of a phase that counts nothing, its name. */
static int format_point(const struct progress_point *point, double elapsed, char *text)
{
    bool bytes = strcmp(point->unit, "bytes") == 0;
    double rate = elapsed > 0 ? (double)point->count / elapsed : 0;
    struct number_text count =
        bytes ? human_bytes((double)point->count) : human_count((double)point->count);
    struct number_text per_second = bytes ? human_bytes(rate) : human_count(rate);
    int length = snprintf(text, LINE_SIZE, "%.16s: %.32s", message_program(), point->phase);
    if (point->count > 0 || point->total > 0)
        length += snprintf(text + length, (size_t)(LINE_SIZE - length), ": %s%s%.32s, %s/s",
                           count.text, bytes ? "" : " ", bytes ? "" : point->unit, per_second.text);
    if (point->total > 0 && point->done <= point->total) {
        double share = (double)point->done / (double)point->total;
        length += snprintf(text + length, (size_t)(LINE_SIZE - length), ", %.0f %%",
                           floor(100 * share)); /* 100 %: done */
        if (elapsed > 1 && share > 0 && share < 1)
            length += snprintf(text + length, (size_t)(LINE_SIZE - length), ", %s left",
                               human_duration(elapsed / share - elapsed).text);
    }
    return length + format_waits(&point->waits, text + length, (size_t)(LINE_SIZE - length));
}

static void show(struct progress *progress, double now)
{
    char text[LINE_SIZE], line[2 * LINE_SIZE];
    if (progress->last.one_thread)
        divide_time(progress, &progress->last, now);
    int length = format_point(&progress->last, now - progress->phase_start, text);
    progress->last_shown = true;
    if (!progress->terminal) {
        length = snprintf(line, sizeof line, "%s\n", text);
        write_text(line, (size_t)length);
        progress->next = now + log_interval;
        return;
    }
    /* Leave the cursor at the start of the line, so that a message overwrites it. Keep the last
     * column free, so that the line does not wrap. Pad with blanks over a longer previous line. */
    const int width = terminal_columns(STDERR_FILENO);
    int columns = (width > 0 ? width : 80) - 1;
    if (length > columns)
        length = columns;
    int blanks = progress->columns > length ? progress->columns - length : 0;
    if (blanks > columns - length)
        blanks = columns - length;
    int total = snprintf(line, sizeof line, "%.*s%*s\r", length, text, blanks, "");
    write_text(line, (size_t)total);
    progress->columns = length;
    progress->next = now + terminal_interval;
}

void progress_update(struct progress *progress, const struct progress_point *point)
{
    if (!progress->enabled)
        return;
    double now = seconds_now();
    if (progress->last.phase == NULL || strcmp(progress->last.phase, point->phase) != 0) {
        if (!progress->terminal && !progress->last_shown)
            show(progress, now);
        if (progress->last.phase != NULL) {
            progress->phase_start = now;
            progress->phase_processor = processor_seconds();
        }
    }
    progress->last = *point;
    progress->last_shown = false;
    if (now >= progress->next)
        show(progress, now);
}

/* Erase the line from the terminal. */
static void clear(struct progress *progress)
{
    if (progress->columns == 0)
        return;
    char line[LINE_SIZE + 8];
    int length = snprintf(line, sizeof line, "%*s\r", progress->columns, "");
    write_text(line, (size_t)length);
    progress->columns = 0;
}

void progress_finish(struct progress *progress)
{
    if (!progress->enabled)
        return;
    if (!progress->terminal && !progress->last_shown)
        show(progress, seconds_now());
    clear(progress);
    progress->enabled = false;
}

int progress_from_library(void *user, const ikv_progress *point)
{
    const struct progress_point own = {.phase = point->phase,
                                       .count = point->done,
                                       .unit = point->unit,
                                       .done = point->done,
                                       .total = point->total,
                                       .one_thread = true};
    progress_update(user, &own);
    return signals_caught();
}
