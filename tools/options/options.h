/*
 * Command line options. One table a subcommand says which there are; the parser and the text of
 * --help both come from it.
 *
 * As getopt_long: short options can be bundled, long ones shortened to a unique beginning, options
 * and operands mixed, "--" ends the options. Unlike it, "-5" is an operand: no option is a digit,
 * and keys can be negative.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option_spec {
    int id;               /* handed to `accept`; 0 ends the table */
    char letter;          /* 0: no short form */
    const char *name;     /* without the dashes */
    const char *argument; /* what --help calls it; NULL: takes none */
    const char *help;     /* lines separated by \n */
};

struct command_syntax {
    const char *name;     /* of the subcommand */
    const char *synopsis; /* what follows "usage: indexkv NAME ", lines separated by \n */
    const char *summary;
    const struct option_spec *options;
    const char *notes; /* end of the help text; NULL: none */
};

/* Rows that every table has. Ids of a subcommand's own options start at OPTION_OWN. */
enum {
    OPTION_HELP = 1,
    OPTION_KEY_TYPE,
    OPTION_KEY_SYNTAX,
    OPTION_STRIDE,
    OPTION_INDEX_MEMORY,
    OPTION_QUIET,
    OPTION_PROGRESS,
    OPTION_STATS,
    OPTION_OUTPUT_FORMAT,
    OPTION_REPORT_JSON,
    OPTION_REPORT_CSV,
    OPTION_REPORT_PLOT,
    OPTION_OWN
};
#define OPTION_SPEC_HELP                                                                           \
    {                                                                                              \
        OPTION_HELP, 'h', "help", NULL, "show this help"                                           \
    }

/* What options_parse tells its caller to do. */
#define OPTIONS_CONTINUE (-1)

struct operands {
    char **items;
    size_t count;
};

/*
 * Go through argv[0..argc): calls accept for each option, which returns OPTIONS_CONTINUE or an exit
 * status, and moves the operands to the front of argv. Returns OPTIONS_CONTINUE, or the exit status
 * to end with: after a mistake, which was reported, or after --help, which was printed.
 */
typedef int (*option_accept_fn)(void *user, int id, const char *argument);
int options_parse(const struct command_syntax *syntax, int argc, char **argv,
                  option_accept_fn accept, void *user, struct operands *ret_operands);

/* Print the help text to standard output. Returns the exit status. */
int options_help(const struct command_syntax *syntax);

/*
 * Values of options. Each returns OPTIONS_CONTINUE, or STATUS_USAGE after saying what was expected.
 * `choices` is a list of words separated by "|"; *ret_choice is the index of the one given.
 */
int option_choice(const struct command_syntax *syntax, const char *option, const char *argument,
                  const char *choices, int *ret_choice);
int option_number(const struct command_syntax *syntax, const char *option, const char *argument,
                  uint64_t least, uint64_t most, uint64_t *ret_number);
int option_size(const struct command_syntax *syntax, const char *option, const char *argument,
                uint64_t least, uint64_t *ret_bytes);

#endif
