#include "seek/number_list.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list_parser {
    const uint64_t *bounds;
    bool sizes;
    struct number_list *list;
};

static bool parse_one(const struct list_parser *parser, const char *text, size_t length,
                      uint64_t *ret_number)
{
    char copy[32];
    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    bool valid = parser->sizes ? parse_size(copy, ret_number) : parse_number(copy, ret_number);
    return valid && *ret_number >= parser->bounds[0] && *ret_number <= parser->bounds[1];
}

/* One item, text[0..length). */
static bool parse_item(const struct list_parser *parser, const char *text, size_t length)
{
    struct number_list *list = parser->list;
    size_t first = 0;
    uint64_t from, to;
    while (first < length && strncmp(text + first, "..", 2) != 0)
        first++;
    if (!parse_one(parser, text, first, &from))
        return false;
    to = from;
    if (first < length && !parse_one(parser, text + first + 2, length - first - 2, &to))
        return false;
    if (from == 0 || to < from)
        return false;
    for (uint64_t number = from; number <= to; number *= 2) {
        if (list->count == NUMBER_LIST_MAX)
            return false;
        list->numbers[list->count++] = number;
        if (number > to / 2)
            break;
    }
    return true;
}

int option_number_list(const struct command_syntax *syntax, const char *option,
                       const char *argument, const uint64_t bounds[2], bool sizes,
                       struct number_list *ret_list)
{
    struct list_parser parser = {bounds, sizes, ret_list};
    const char *item = argument;
    ret_list->count = 0;
    for (;;) {
        const size_t length = strcspn(item, ",");
        if (!parse_item(&parser, item, length))
            return usage_error(syntax->name,
                               "--%s: expected up to %d numbers from %" PRIu64 " to %" PRIu64
                               ", such as 1,2,4 or 1..1024, got %s",
                               option, NUMBER_LIST_MAX, bounds[0], bounds[1],
                               excerpt_of(argument, strlen(argument)).text);
        if (item[length] == '\0')
            return OPTIONS_CONTINUE;
        item += length + 1;
    }
}

int option_seconds(const struct command_syntax *syntax, const char *option, const char *argument,
                   double min, double *ret_seconds)
{
    const double max = 86400;
    char *end = NULL;
    double seconds = -1;
    if (strspn(argument, "0123456789.") == strlen(argument) && *argument)
        seconds = strtod(argument, &end);
    if (end == NULL || *end != '\0' || seconds < min || seconds > max)
        return usage_error(syntax->name, "--%s: expected seconds from %g to %g, got %s", option,
                           min, max, excerpt_of(argument, strlen(argument)).text);
    *ret_seconds = seconds;
    return OPTIONS_CONTINUE;
}
