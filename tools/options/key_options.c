#include "options/key_options.h"

bool key_options_has(int id)
{
    return id == OPTION_KEYS || id == OPTION_KEYS_FORMAT || id == OPTION_MATCH ||
           id == OPTION_MISSING || id == OPTION_OUTPUT_FORMAT;
}

int key_options_accept(struct key_options *options, int id, const char *argument)
{
    const struct command_syntax *syntax = options->syntax;
    int choice = 0, status;
    switch (id) {
    case OPTION_KEYS:
        options->file = argument;
        return OPTIONS_CONTINUE;
    case OPTION_KEYS_FORMAT:
        options->format_given = true;
        status = option_choice(syntax, "keys-format", argument, "text|binary", &choice);
        options->binary = choice == 1;
        return status;
    case OPTION_MATCH:
        options->match_given = true;
        status = option_choice(syntax, "match", argument, "exact|floor|ceiling|range", &choice);
        options->match = (ikv_match)choice;
        return status;
    case OPTION_MISSING:
        status = option_choice(syntax, "missing", argument, "skip|empty|error", &choice);
        options->missing = (enum missing_mode)choice;
        return status;
    default:
        return option_output_format(syntax, argument, &options->output_format);
    }
}
