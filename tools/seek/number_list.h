/*
 * Lists of numbers as options: items separated by commas, each a number or FROM..TO, which stands
 * for FROM and what comes of doubling it, up to TO.
 */
#ifndef NUMBER_LIST_H
#define NUMBER_LIST_H

#include "options/options.h"

#define NUMBER_LIST_MAX 64

struct number_list {
    uint64_t numbers[NUMBER_LIST_MAX];
    size_t count; /* 0: not given */
};

/* As option_number and option_size: OPTIONS_CONTINUE, or STATUS_USAGE after saying what was
 * expected. Numbers from `least` to `most`; with `sizes`, K, M, G and T may follow. */
int option_number_list(const struct command_syntax *syntax, const char *option,
                       const char *argument, const uint64_t bounds[2], bool sizes,
                       struct number_list *ret_list);

/* A number of seconds, with decimals, from `least` to a day. */
int option_seconds(const struct command_syntax *syntax, const char *option, const char *argument,
                   double least, double *ret_seconds);

#endif
