/* Options of the commands that read lines: how they end, and what to do with invalid ones. */
#ifndef INPUT_OPTIONS_H
#define INPUT_OPTIONS_H

#include "input/rejects.h"
#include "options/options.h"

/* Rows of the option tables. */
#define OPTION_SPECS_BAD_LINES                                                                     \
    {OPTION_ON_BAD_LINE, 0, "on-bad-line", "P",                                                    \
     "lines that are not valid: stop (default) ends the\n"                                         \
     "job at the first one, skip counts them"},                                                    \
        {OPTION_REJECTS, 0, "rejects", "FILE",                                                     \
         "write skipped lines to FILE: input, line number,\n"                                      \
         "reason and the line as it was, separated by tabs"},                                      \
    {                                                                                              \
        OPTION_MAX_REJECTS, 0, "max-rejects", "N", "stop after more than N bad lines"              \
    }

struct input_options {
    const struct command_syntax *syntax;
    bool escape; /* undo \n, \t, \r and \\ */
    bool nul;    /* lines end with NUL */
    struct rejects_options rejects;
    const char *bad_line_option, *text_option; /* the last one given; NULL: none */
};

void input_options_init(struct input_options *options, const struct command_syntax *syntax);
bool input_options_has(int id);
int input_options_accept(struct input_options *options, int id, const char *argument);

/* Check the combination. Returns OPTIONS_CONTINUE, or STATUS_USAGE after reporting. */
int input_options_check(const struct input_options *options);

#endif
