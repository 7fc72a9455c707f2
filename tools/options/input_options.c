#include "options/input_options.h"

#include "base/message.h"

void input_options_init(struct input_options *options, const struct command_syntax *syntax)
{
    *options = (struct input_options){.syntax = syntax, .rejects = REJECTS_OPTIONS_INIT};
}

bool input_options_has(int id)
{
    return id == OPTION_ON_BAD_LINE || id == OPTION_REJECTS || id == OPTION_MAX_REJECTS;
}

int input_options_accept(struct input_options *options, int id, const char *argument)
{
    int choice = 0, status;
    switch (id) {
    case OPTION_ON_BAD_LINE:
        options->last = "on-bad-line";
        status = option_choice(options->syntax, "on-bad-line", argument, "stop|skip", &choice);
        options->rejects.skip = choice == 1;
        return status;
    case OPTION_REJECTS:
        options->last = "rejects";
        options->rejects.path = argument;
        return OPTIONS_CONTINUE;
    default:
        options->last = "max-rejects";
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
