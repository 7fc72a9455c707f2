#include "base/progress.h"

#include "base/numbers.h"
#include "base/signals.h"
#include "base/terminal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 256 };
static const double terminal_interval = 0.2, log_interval = 1.0;

void progress_start(struct progress *progress, enum progress_mode mode, bool quiet,
                    bool output_terminal)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    *progress = (struct progress){.terminal = terminal, .last_shown = true};
    progress->enabled = mode == PROGRESS_ALWAYS ||
                        (mode == PROGRESS_AUTO && !quiet && terminal && !output_terminal);
    progress->phase_start = seconds_now();
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
                 {"output", waits->output}};
    const double sum = waits->reading + waits->disk + waits->lookups + waits->output;
    int length = 0;
    for (size_t i = 0; sum > 0 && i < sizeof parts / sizeof parts[0]; i++) {
        const double share = rint(100 * parts[i].seconds / sum);
        if (share >= 1)
            length += snprintf(text + length, size - (size_t)length, "%s%s %.0f %%",
                               length > 0 ? ", " : ", waits: ", parts[i].name, share);
    }
    return length;
}

/* "read: 12.3M pairs, 4.1M/s, 45 %, 0:12 left" */
static int format_point(const struct progress_point *point, double elapsed, char *text)
{
    bool bytes = strcmp(point->unit, "bytes") == 0;
    double rate = elapsed > 0 ? (double)point->count / elapsed : 0;
    struct number_text count =
        bytes ? human_bytes((double)point->count) : human_count((double)point->count);
    struct number_text per_second = bytes ? human_bytes(rate) : human_count(rate);
    int length = snprintf(text, LINE_SIZE, "indexkv: %.32s: %s%s%.32s, %s/s", point->phase,
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
        if (progress->last.phase != NULL)
            progress->phase_start = now;
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
                                       .total = point->total};
    progress_update(user, &own);
    return signals_caught();
}
