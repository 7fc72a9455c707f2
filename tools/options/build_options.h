/* The options of `indexkv build`. */
#ifndef BUILD_OPTIONS_H
#define BUILD_OPTIONS_H

#include "base/progress.h"
#include "input/pair_reader.h"
#include "options/input_options.h"
#include "options/writer_options.h"

#include <indexkv.h>
#include <stdbool.h>

struct build_options {
    struct pair_format format;
    struct input_options input;
    struct writer_options writer; /* has pointers into this struct */
    struct operands inputs;       /* at least one */
    bool quiet;
    enum progress_mode progress;

    const char *csv_option;  /* the last csv option given; NULL: none */
    const char *json_option; /* likewise */
    char standard_input[2];
    char *default_inputs[1];
};

/* For other commands that build: the table of options, ended by {0}; and the parts of parsing.
 * `accept` gets a struct build_options. Call build_options_free after `begin`. */
const struct option_spec *build_options_specs(void);
void build_options_begin(struct build_options *options);
int build_options_accept(void *user, int id, const char *argument);
int build_options_complete(struct build_options *options);

/* Returns OPTIONS_CONTINUE, or the exit status to return; then there is nothing to free. */
int build_options_parse(struct build_options *options, int argc, char **argv);
void build_options_free(struct build_options *options);

#endif
