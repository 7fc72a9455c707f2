/* Runs gnuplot. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/platform.h"
#include "base/signals.h"
#include "report/plot_gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ; /* NOLINT(readability-redundant-declaration) : POSIX declares it nowhere */

static const char program[] = "gnuplot";

int plots_check_gnuplot(void)
{
    const char *directories = getenv("PATH");
    char path[PATH_MAX];
    while (directories != NULL && *directories) {
        size_t length = strcspn(directories, ":");
        int written = snprintf(path, sizeof path, "%.*s/%s", (int)length, directories, program);
        if (written > 0 && (size_t)written < sizeof path && access(path, X_OK) == 0)
            return STATUS_DONE;
        directories += length + (directories[length] == ':');
    }
    message("--plot: gnuplot not found (Debian: package gnuplot-nox)");
    return STATUS_IO;
}

/* Returns the child's process ID, and in *ret_script its standard input; or -errno. */
static pid_t start(FILE **ret_script)
{
    posix_spawn_file_actions_t actions;
    char name[] = "gnuplot";
    char *arguments[] = {name, NULL};
    int ends[2];
    pid_t child;
    if (platform_pipe(ends) != 0)
        return -errno;
    int code = posix_spawn_file_actions_init(&actions);
    if (code == 0) {
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
        code = posix_spawnp(&child, program, &actions, NULL, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    (void)close(ends[0]);
    *ret_script = code == 0 ? fdopen(ends[1], "w") : NULL;
    if (*ret_script != NULL)
        return child;
    (void)close(ends[1]);
    return code ? -code : -ENOMEM;
}

static int finish(pid_t child, FILE *script, const char *path)
{
    int status;
    fputs("set output\n", script); /* flushes what gnuplot has buffered */
    (void)fclose(script);          /* gnuplot's exit status shows a failed write */
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return STATUS_IO;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return STATUS_DONE;
    if (signals_caught())
        return STATUS_INTERRUPTED;
    message("%s: gnuplot failed", path);
    return STATUS_IO;
}

/* Draws the plots [first, last) that have data into one file. */
static int draw(const struct plots *plots, size_t first, size_t last, const char *path)
{
    size_t shown = 0;
    FILE *script = NULL;
    for (size_t i = first; i < last; i++)
        shown += plot_has_data(plots->plots[i]);
    if (shown == 0)
        return STATUS_DONE;
    pid_t child = start(&script);
    if (child < 0) {
        message("cannot run gnuplot: %s", strerror(-child));
        return STATUS_IO;
    }
    const size_t columns = shown > 1 ? 2 : 1, rows = (shown + columns - 1) / columns;
    plot_script_begin(script, path, columns, rows);
    if (shown > 1)
        fprintf(script, "set multiplot layout %zu,%zu\n", rows, columns);
    for (size_t i = first; i < last; i++)
        if (plot_has_data(plots->plots[i]))
            plot_script(script, plots->plots[i], i);
    if (shown > 1)
        fputs("unset multiplot\n", script);
    return finish(child, script, path);
}

int plots_draw(const struct plots *plots, const char *path)
{
    const char *wildcard = strstr(path, "%s");
    bool any = false;
    int status = STATUS_DONE;
    if (plots->failed)
        return out_of_memory();
    for (size_t i = 0; i < plots->count; i++)
        any |= plot_has_data(plots->plots[i]);
    if (!any)
        message("%s: nothing to draw", path);
    if (wildcard == NULL)
        return draw(plots, 0, plots->count, path);
    for (size_t i = 0; i < plots->count && status == STATUS_DONE; i++) {
        char one[PATH_MAX];
        int length = snprintf(one, sizeof one, "%.*s%s%s", (int)(wildcard - path), path,
                              plots->plots[i]->name, wildcard + 2);
        if (length < 0 || (size_t)length >= sizeof one) {
            message("%s: %s", path, strerror(ENAMETOOLONG));
            return STATUS_IO;
        }
        status = draw(plots, i, i + 1, one);
    }
    return status;
}
