#include "options/options.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "text/output.h"

#include <indexkv.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct parser {
    const struct command_syntax *syntax;
    int argc, next; /* argv[next] is the next argument to parse */
    char **argv;
    option_accept_fn accept;
    void *user;
};

static int accept_option(struct parser *parser, const struct option_spec *spec,
                         const char *argument)
{
    if (spec->id == OPTION_HELP)
        return options_help(parser->syntax);
    return parser->accept(parser->user, spec->id, argument);
}

/* Find an option by its long name or a unique prefix. Returns NULL after reporting an error. */
static const struct option_spec *find_long(const struct command_syntax *syntax, const char *name,
                                           size_t length)
{
    const struct option_spec *found = NULL;
    bool ambiguous = false;
    for (const struct option_spec *spec = syntax->options; spec->id != 0; spec++) {
        if (strncmp(spec->name, name, length) != 0)
            continue;
        if (spec->name[length] == '\0')
            return spec;
        ambiguous = found != NULL;
        found = spec;
        if (ambiguous)
            break;
    }
    if (found != NULL && !ambiguous)
        return found;
    usage_error(syntax->name, "%s option '--%.*s'", ambiguous ? "ambiguous" : "unknown",
                length > 200 ? 200 : (int)length, name);
    return NULL;
}

static int parse_long(struct parser *parser, const char *text)
{
    const struct command_syntax *syntax = parser->syntax;
    const char *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : strlen(text);
    const struct option_spec *spec = find_long(syntax, text, length);
    if (spec == NULL)
        return STATUS_USAGE;
    if (spec->argument == NULL) {
        if (equals != NULL)
            return usage_error(syntax->name, "option '--%s' takes no argument", spec->name);
        return accept_option(parser, spec, NULL);
    }
    if (equals != NULL)
        return accept_option(parser, spec, equals + 1);
    if (parser->next == parser->argc)
        return usage_error(syntax->name, "option '--%s' requires an argument: %s", spec->name,
                           spec->argument);
    return accept_option(parser, spec, parser->argv[parser->next++]);
}

/* Parse grouped short options. One that takes an argument takes the rest of the group. */
static int parse_letters(struct parser *parser, const char *letters)
{
    const struct command_syntax *syntax = parser->syntax;
    for (const char *letter = letters; *letter; letter++) {
        const struct option_spec *spec = syntax->options;
        while (spec->id != 0 && spec->letter != *letter)
            spec++;
        if (spec->id == 0)
            return usage_error(syntax->name, "unknown option '-%c'", *letter);
        if (spec->argument != NULL) {
            if (letter[1] != '\0')
                return accept_option(parser, spec, letter + 1);
            if (parser->next == parser->argc)
                return usage_error(syntax->name, "option '-%c' requires an argument: %s", *letter,
                                   spec->argument);
            return accept_option(parser, spec, parser->argv[parser->next++]);
        }
        int status = accept_option(parser, spec, NULL);
        if (status != OPTIONS_CONTINUE)
            return status;
    }
    return OPTIONS_CONTINUE;
}

int options_parse(const struct command_syntax *syntax, int argc, char **argv,
                  option_accept_fn accept, void *user, struct operands *ret_operands)
{
    struct parser parser = {syntax, argc, 0, argv, accept, user};
    bool only_operands = false;
    size_t operand_count = 0;
    while (parser.next < argc) {
        char *text = argv[parser.next++];
        int status = OPTIONS_CONTINUE;
        bool number = text[0] == '-' && text[1] >= '0' && text[1] <= '9' && strcmp(text, "-0") != 0;
        if (only_operands || text[0] != '-' || text[1] == '\0' || number)
            argv[operand_count++] = text; /* never overwrites an argument not parsed yet */
        else if (strcmp(text, "--") == 0)
            only_operands = true;
        else if (text[1] == '-')
            status = parse_long(&parser, text + 2);
        else
            status = parse_letters(&parser, text + 1);
        if (status != OPTIONS_CONTINUE)
            return status;
    }
    ret_operands->items = argv;
    ret_operands->count = operand_count;
    return OPTIONS_CONTINUE;
}

/* Write lines, indenting all but the first. */
static void print_indented(struct output *output, const char *text, int indent)
{
    for (;;) {
        size_t length = strcspn(text, "\n");
        output_bytes(output, text, length);
        output_text(output, "\n");
        if (text[length] == '\0')
            return;
        text += length + 1;
        output_format(output, "%*s", indent, "");
    }
}

static void print_usage(struct output *output, const struct command_syntax *syntax)
{
    const char *line = syntax->synopsis;
    for (const char *start = "usage:"; *line; start = "      ") {
        size_t length = strcspn(line, "\n");
        output_format(output, "%s %s %s ", start, message_program(), syntax->name);
        output_bytes(output, line, length);
        output_text(output, "\n");
        line += length + (line[length] == '\n');
    }
}

int options_version(const char *program)
{
    struct output output;
    int status = output_open(&output);
    if (status != STATUS_DONE)
        return status;
    output_format(&output, "%s %s\n", program, ikv_version());
    return output_close(&output);
}

int options_help(const struct command_syntax *syntax)
{
    enum { COLUMN = 28 }; /* of the descriptions */
    struct output output;
    int status = output_open(&output);
    if (status != STATUS_DONE)
        return status;
    print_usage(&output, syntax);
    output_format(&output, "\n%s\n\n", syntax->summary);
    for (const struct option_spec *spec = syntax->options; spec->id != 0; spec++) {
        char left[80];
        char letter[8] = "    ";
        if (spec->letter)
            snprintf(letter, sizeof letter, "-%c, ", spec->letter);
        snprintf(left, sizeof left, "  %s--%s%s%s", letter, spec->name, spec->argument ? " " : "",
                 spec->argument ? spec->argument : "");
        if (strlen(left) >= COLUMN)
            output_format(&output, "%s\n%*s", left, COLUMN, "");
        else
            output_format(&output, "%-*s", COLUMN, left);
        print_indented(&output, spec->help, COLUMN);
    }
    if (syntax->notes != NULL)
        output_format(&output, "\n%s\n", syntax->notes);
    return output_close(&output);
}

int option_choice(const struct command_syntax *syntax, const char *option, const char *argument,
                  const char *choices, int *ret_choice)
{
    const char *choice = choices;
    for (int index = 0;; index++) {
        size_t length = strcspn(choice, "|");
        if (strlen(argument) == length && memcmp(argument, choice, length) == 0) {
            *ret_choice = index;
            return OPTIONS_CONTINUE;
        }
        if (choice[length] == '\0')
            break;
        choice += length + 1;
    }
    return usage_error(syntax->name, "--%s: expected one of %s, got %s", option, choices,
                       excerpt_of(argument, strlen(argument)).text);
}

int option_number(const struct command_syntax *syntax, const char *option, const char *argument,
                  uint64_t min, uint64_t max, uint64_t *ret_number)
{
    uint64_t number;
    if (!parse_number(argument, &number) || number < min || number > max)
        return usage_error(syntax->name,
                           "--%s: expected a number from %" PRIu64 " to %" PRIu64 ", got %s",
                           option, min, max, excerpt_of(argument, strlen(argument)).text);
    *ret_number = number;
    return OPTIONS_CONTINUE;
}

int option_size(const struct command_syntax *syntax, const char *option, const char *argument,
                uint64_t min, uint64_t *ret_bytes)
{
    uint64_t bytes;
    if (!parse_size(argument, &bytes))
        return usage_error(syntax->name,
                           "--%s: expected a size such as 1000000, 512K, 64M or 2G, got %s", option,
                           excerpt_of(argument, strlen(argument)).text);
    if (bytes < min)
        return usage_error(syntax->name, "--%s: expected at least %s, got %s", option,
                           human_bytes((double)min).text,
                           excerpt_of(argument, strlen(argument)).text);
    *ret_bytes = bytes;
    return OPTIONS_CONTINUE;
}
