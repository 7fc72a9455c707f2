/*
 * Where a report goes: options of a command that measures, and what they ask for.
 *
 *     static const struct option_spec specs[] = {..., OPTION_SPECS_REPORT, OPTION_SPEC_HELP, {0}};
 *     in accept(), by default:   return report_files_accept(&files, &syntax, id, argument);
 *     before measuring:          report_files_open(&files): what can fail later fails now
 *     at the end:                report_files_write(&files, &report, &plots)
 *
 * The table goes to standard output, unless "-" was given to --json or --csv, which then go there.
 */
#ifndef REPORT_FILES_H
#define REPORT_FILES_H

#include "options/options.h"
#include "report/plot.h"
#include "report/report.h"

struct report_files {
    const char *json, *csv, *plot; /* NULL: not asked for */
    int json_fd, csv_fd;
};
#define REPORT_FILES_INIT                                                                          \
    {                                                                                              \
        .json_fd = -1, .csv_fd = -1                                                                \
    }

#define OPTION_SPECS_REPORT                                                                        \
    {OPTION_REPORT_JSON, 'j', "json", "FILE",                                                      \
     "write the report as JSON, '-': to standard output"},                                         \
        {OPTION_REPORT_CSV, 0, "csv", "FILE", "write its tables as CSV, '-': to standard output"}, \
    {                                                                                              \
        OPTION_REPORT_PLOT, 0, "plot", "FILE",                                                     \
            "draw it with gnuplot; FILE ends in .svg or .png. With %s in\n"                        \
            "it, each plot goes to a file of its own"                                              \
    }

/* OPTIONS_CONTINUE or STATUS_USAGE. Asserts that the id is one of OPTION_SPECS_REPORT. */
int report_files_accept(struct report_files *files, const struct command_syntax *syntax, int id,
                        const char *argument);

/* Files are opened for writing; what is in them stays until the report is written. STATUS_DONE, or
 * another after reporting why not. */
int report_files_open(struct report_files *files);

/* Write everything that was asked for. The worst status of all, reported. */
int report_files_write(struct report_files *files, const struct report *report,
                       const struct plots *plots);

/* Close what was opened and not written. */
void report_files_close(struct report_files *files);

#endif
