/*
 * Command line options. Each subcommand has a table of its options, which drives both the parser
 * and
 * --help.
 *
 * As with getopt_long, short options can be grouped, long ones abbreviated to a unique prefix,
 * options and operands mixed, and "--" ends the options. Unlike getopt_long, "-5" is an operand:
 * keys can be negative, and no option but -0 is a digit.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option_spec {
    int id;               /* passed to `accept`; 0 ends the table */
    char letter;          /* 0: no short form */
    const char *name;     /* without the dashes */
    const char *argument; /* its name in --help; NULL: the option takes none */
    const char *help;     /* lines of up to 52 characters, separated by \n */
};

struct command_syntax {
    const char *name;     /* of the subcommand */
    const char *synopsis; /* follows "usage: indexkv NAME "; lines separated by \n */
    const char *summary;
    const struct option_spec *options; /* most important first */
    const char *notes;                 /* end of the help text; NULL: none */
};

/* IDs of shared options. Those of a subcommand's own options start at OPTION_OWN. */
enum {
    OPTION_HELP = 1,
    OPTION_KEY_TYPE,
    OPTION_KEY_SYNTAX,
    OPTION_STRIDE,
    OPTION_INDEX_MEMORY,
    OPTION_UNTRUSTED,
    OPTION_MISSING_SHARDS,
    OPTION_QUIET,
    OPTION_PROGRESS,
    OPTION_STATS,
    OPTION_KEYS,
    OPTION_KEYS_FORMAT,
    OPTION_MATCH,
    OPTION_MISSING,
    OPTION_OUTPUT_FORMAT,
    OPTION_ESCAPE,
    OPTION_NULL,
    OPTION_ON_BAD_LINE,
    OPTION_REJECTS,
    OPTION_MAX_REJECTS,
    OPTION_REPORT_JSON,
    OPTION_REPORT_CSV,
    OPTION_REPORT_PLOT,
    OPTION_OUTPUT,
    OPTION_ON_DUPLICATE,
    OPTION_ON_OVERLAP,
    OPTION_LAYOUT,
    OPTION_LEAF_SIZE,
    OPTION_FILTER,
    OPTION_NO_V2_INDEX,
    OPTION_MEMORY,
    OPTION_PLAIN,
    OPTION_TEMP_DIR,
    OPTION_MODE,
    OPTION_STORE_ID,
    OPTION_SHARDS,
    OPTION_METADATA,
    OPTION_METADATA_FILE,
    OPTION_HTTP_HEADER,
    OPTION_HTTP_HEADER_FILE,
    OPTION_HTTP_CACHE,
    OPTION_HTTP_CACHE_SIZE,
    OPTION_HTTP_TIMEOUT,
    OPTION_CONNECTIONS,
    OPTION_CA_FILE,
    OPTION_OWN
};
#define OPTION_SPEC_HELP                                                                           \
    {                                                                                              \
        OPTION_HELP, 'h', "help", NULL, "show this help"                                           \
    }

/* Option parsing succeeded so far. Any other result is the exit status to return. */
#define OPTIONS_CONTINUE (-1)

struct operands {
    char **items;
    size_t count;
};

/*
 * Parse argv[0..argc): call `accept` for each option, and move the operands to the front of argv.
 * `accept` returns OPTIONS_CONTINUE or an exit status. Returns an exit status after an error, which
 * was reported, or after --help.
 */
typedef int (*option_accept_fn)(void *user, int id, const char *argument);
int options_parse(const struct command_syntax *syntax, int argc, char **argv,
                  option_accept_fn accept, void *user, struct operands *ret_operands);

/* Print the help text to standard output. Returns the exit status. */
int options_help(const struct command_syntax *syntax);

/* Print the name and the version of the program. Returns the exit status. */
int options_version(const char *program);

/*
 * Parse the argument of an option. Return OPTIONS_CONTINUE, or STATUS_USAGE after reporting what
 * was expected. `choices` is a list of words separated by "|"; *ret_choice is the index of the
 * match.
 */
int option_choice(const struct command_syntax *syntax, const char *option, const char *argument,
                  const char *choices, int *ret_choice);
int option_number(const struct command_syntax *syntax, const char *option, const char *argument,
                  uint64_t min, uint64_t max, uint64_t *ret_number);
int option_size(const struct command_syntax *syntax, const char *option, const char *argument,
                uint64_t min, uint64_t *ret_bytes);

#endif
