/*
 * Output of reports: the options --json, --csv and --plot, and the files they name.
 *
 *     static const struct option_spec specs[] = {..., OPTION_SPECS_REPORT, OPTION_SPEC_HELP, {0}};
 *     in accept(), by default:   return report_files_accept(&files, &syntax, id, argument);
 *     before measuring:          report_files_open(&files, &operands), so that a bad path fails
 *     at the end:                report_files_write(&files, &report, &plots)
 *
 * The table is written to standard output, unless --json or --csv names it with "-".
 */
#ifndef REPORT_FILES_H
#define REPORT_FILES_H

#include "options/options.h"
#include "report/plot.h"
#include "report/report.h"

struct report_files {
    const char *json, *csv, *plot; /* NULL: not requested */
    int json_fd, csv_fd;
};
#define REPORT_FILES_INIT                                                                          \
    {                                                                                              \
        .json_fd = -1, .csv_fd = -1                                                                \
    }

#define OPTION_SPECS_REPORT                                                                        \
    {OPTION_REPORT_JSON, 'j', "json", "FILE",                                                      \
     "write the report as JSON; '-' for standard output"},                                         \
        {OPTION_REPORT_CSV, 0, "csv", "FILE", "write the tables as CSV; '-' for standard output"}, \
    {                                                                                              \
        OPTION_REPORT_PLOT, 0, "plot", "FILE",                                                     \
            "draw plots with gnuplot; FILE ends in .svg or .png.\n"                                \
            "If it contains %s, each plot has its own file"                                        \
    }

/* OPTIONS_CONTINUE or STATUS_USAGE. `id` is one of OPTION_SPECS_REPORT. */
int report_files_accept(struct report_files *files, const struct command_syntax *syntax, int id,
                        const char *argument);

/* Open the files for writing; they keep their old contents until the report is written. One that is
 * an input is refused.
 * STATUS_DONE, or another status after reporting. */
int report_files_open(struct report_files *files, const struct operands *inputs);

/* Write everything that was requested. Returns the worst status, after reporting. */
int report_files_write(struct report_files *files, const struct report *report,
                       const struct plots *plots);

/* Close files that were opened but not written. */
void report_files_close(struct report_files *files);

#endif
