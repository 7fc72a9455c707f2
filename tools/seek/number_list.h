/*
 * Options that are lists of numbers, separated by commas. FROM..TO stands for FROM and its doubles
 * up to TO.
 */
#ifndef NUMBER_LIST_H
#define NUMBER_LIST_H

#include "options/options.h"

#define NUMBER_LIST_MAX 64

struct number_list {
    uint64_t numbers[NUMBER_LIST_MAX];
    size_t count; /* 0: not given */
};

/* OPTIONS_CONTINUE, or STATUS_USAGE after reporting. Numbers from bounds[0] to bounds[1]; with
 * `sizes`, suffixes K, M, G and T are allowed. */
int option_number_list(const struct command_syntax *syntax, const char *option,
                       const char *argument, const uint64_t bounds[2], bool sizes,
                       struct number_list *ret_list);

/* A number of seconds, with decimals, from `min` to a day. */
int option_seconds(const struct command_syntax *syntax, const char *option, const char *argument,
                   double min, double *ret_seconds);

#endif
