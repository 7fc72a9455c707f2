#include "report/report_files.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/terminal.h"
#include "text/same_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_standard_output(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

int report_files_accept(struct report_files *files, const struct command_syntax *syntax, int id,
                        const char *argument)
{
    switch (id) {
    case OPTION_REPORT_JSON:
        files->json = argument;
        break;
    case OPTION_REPORT_CSV:
        files->csv = argument;
        break;
    default:
        assert(id == OPTION_REPORT_PLOT);
        files->plot = argument;
        if (plot_format_of(argument) == PLOT_NO_FORMAT)
            return usage_error(syntax->name,
                               "--plot: expected a name that ends in .svg or .png, got %s",
                               excerpt_of(argument, strlen(argument)).text);
        break;
    }
    if (is_standard_output(files->json) && is_standard_output(files->csv))
        return usage_error(syntax->name, "--json and --csv: only one can go to standard output");
    return OPTIONS_CONTINUE;
}

static int open_one(const char *path, int *ret_fd)
{
    if (path == NULL || is_standard_output(path))
        return STATUS_DONE;
    *ret_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (*ret_fd >= 0)
        return STATUS_DONE;
    message("%s: %s", path, strerror(errno));
    return STATUS_IO;
}

/* Checks that gnuplot can be run and that it can write the file, or create it in its directory. */
static int check_plot(const char *path)
{
    char directory[PATH_MAX] = ".";
    int status = plots_check_gnuplot();
    if (status != STATUS_DONE)
        return status;
    const char *slash = strrchr(path, '/');
    if (slash == path)
        slash++;
    if (slash != NULL && strlen(path) < sizeof directory)
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
    if (access(path, W_OK) == 0 || (errno == ENOENT && access(directory, W_OK) == 0))
        return STATUS_DONE;
    message("%s: %s", path, strerror(errno));
    return STATUS_IO;
}

static int check_paths(const struct report_files *files, const struct operands *inputs)
{
    const char *const *items = (const char *const *)inputs->items;
    int status = check_not_input("json", files->json, items, inputs->count);
    if (status == STATUS_DONE)
        status = check_not_input("csv", files->csv, items, inputs->count);
    if (status == STATUS_DONE)
        status = check_not_input("plot", files->plot, items, inputs->count);
    return status;
}

int report_files_open(struct report_files *files, const struct operands *inputs)
{
    int status = check_paths(files, inputs);
    if (status == STATUS_DONE)
        status = open_one(files->json, &files->json_fd);
    if (status == STATUS_DONE)
        status = open_one(files->csv, &files->csv_fd);
    if (status == STATUS_DONE && files->plot != NULL)
        status = check_plot(files->plot);
    if (status != STATUS_DONE)
        report_files_close(files);
    return status;
}

void report_files_close(struct report_files *files)
{
    if (files->json_fd >= 0)
        (void)close(files->json_fd);
    if (files->csv_fd >= 0)
        (void)close(files->csv_fd);
    files->json_fd = files->csv_fd = -1;
}

/* Pipes and devices cannot be truncated, which is harmless. */
static int begin(struct output *output, const char *path, int fd)
{
    if (is_standard_output(path))
        return output_open(output);
    if (ftruncate(fd, 0) != 0 && errno != EINVAL) {
        message("%s: %s", path, strerror(errno));
        return STATUS_IO;
    }
    return output_open_file(output, fd, path);
}

static int write_one(const struct report *report, const char *path, int *fd,
                     void (*writer)(const struct report *, struct output *))
{
    struct output output;
    if (path == NULL)
        return STATUS_DONE;
    int status = begin(&output, path, *fd);
    if (status != STATUS_DONE)
        return status;
    *fd = -1; /* closed with the output */
    writer(report, &output);
    return output_close(&output);
}

static void write_table(const struct report *report, struct output *output)
{
    report_write_table(report, output, output->terminal ? terminal_columns(output->fd) : 0);
}

int report_files_write(struct report_files *files, const struct report *report,
                       const struct plots *plots)
{
    int status = STATUS_DONE;
    int none = -1;
    if (report->failed)
        status = out_of_memory();
    if (!is_standard_output(files->json) && !is_standard_output(files->csv))
        status = exit_status_worse(status, write_one(report, "-", &none, write_table));
    status = exit_status_worse(status,
                               write_one(report, files->json, &files->json_fd, report_write_json));
    status =
        exit_status_worse(status, write_one(report, files->csv, &files->csv_fd, report_write_csv));
    if (files->plot != NULL)
        status = exit_status_worse(status, plots_draw(plots, files->plot));
    report_files_close(files);
    return status;
}
