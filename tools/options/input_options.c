#include "options/input_options.h"

#include "base/message.h"

void input_options_init(struct input_options *options, const struct command_syntax *syntax)
{
    *options = (struct input_options){.syntax = syntax, .rejects = REJECTS_OPTIONS_INIT};
}

bool input_options_has(int id)
{
    return id == OPTION_ON_BAD_LINE || id == OPTION_REJECTS || id == OPTION_MAX_REJECTS ||
           id == OPTION_ESCAPE || id == OPTION_NULL;
}

int input_options_accept(struct input_options *options, int id, const char *argument)
{
    int choice = 0, status;
    switch (id) {
    case OPTION_ESCAPE:
        options->text_option = "escape";
        options->escape = true;
        return OPTIONS_CONTINUE;
    case OPTION_NULL:
        options->text_option = "null";
        options->nul = true;
        options->rejects.line_end = '\0';
        return OPTIONS_CONTINUE;
    case OPTION_ON_BAD_LINE:
        options->bad_line_option = "on-bad-line";
        status = option_choice(options->syntax, "on-bad-line", argument, "stop|skip", &choice);
        options->rejects.skip = choice == 1;
        return status;
    case OPTION_REJECTS:
        options->bad_line_option = "rejects";
        options->rejects.path = argument;
        return OPTIONS_CONTINUE;
    default:
        options->bad_line_option = "max-rejects";
        return option_number(options->syntax, "max-rejects", argument, 0, UINT64_MAX,
                             &options->rejects.max);
    }
}

int input_options_check(const struct input_options *options)
{
    const struct rejects_options *rejects = &options->rejects;
    if (rejects->skip || (rejects->path == NULL && rejects->max == UINT64_MAX))
        return OPTIONS_CONTINUE;
    return usage_error(options->syntax->name, "--%s requires --on-bad-line skip",
                       rejects->path != NULL ? "rejects" : "max-rejects");
}
