/* Options of the commands that look up the keys of a file. */
#ifndef KEY_OPTIONS_H
#define KEY_OPTIONS_H

#include "options/missing_mode.h"
#include "options/options.h"
#include "options/store_options.h"

#include <indexkv.h>

/* Rows of the option tables. */
#define OPTION_SPEC_KEYS_FORMAT                                                                    \
    {                                                                                              \
        OPTION_KEYS_FORMAT, 0, "keys-format", "F",                                                 \
            "format of the keys in FILE: text (default), one key\n"                                \
            "per line; binary, little-endian, no separators"                                       \
    }
/* `stores`: what is looked up, "stores" or "tables". */
#define OPTION_SPEC_MATCH(stores)                                                                  \
    {                                                                                              \
        OPTION_MATCH, 'm', "match", "M",                                                           \
            "exact (default); floor: the greatest key <= KEY;\n"                                   \
            "ceiling: the least key >= KEY; range (default for\n" stores                           \
            " of ranges): the range that KEY is in"                                                \
    }
#define OPTION_SPECS_ANSWERS                                                                       \
    OPTION_SPEC_OUTPUT_FORMAT,                                                                     \
        {OPTION_MISSING, 0, "missing", "M",                                                        \
         "missing keys: skip (default) writes nothing, empty\n"                                    \
         "writes the key without a value, error reports it"},                                      \
        {OPTION_ESCAPE, 0, "escape", NULL,                                                         \
         "tsv: write tabs, line breaks and backslashes as \\t,\n"                                  \
         "\\n, \\r and \\\\; undo these in the keys of FILE"},                                     \
    {                                                                                              \
        OPTION_NULL, '0', "null", NULL,                                                            \
            "tsv: lines end with NUL instead of LF; also those of\n"                               \
            "FILE"                                                                                 \
    }

/* The values of --keys, --keys-format, --match, --missing, --output-format. Those of --escape and
 * --null are in struct input_options. */
struct key_options {
    const struct command_syntax *syntax;
    const char *file; /* NULL: not given */
    bool binary, format_given;
    ikv_match match;
    bool match_given;
    enum missing_mode missing;
    enum output_format output_format;
};

bool key_options_has(int id);
int key_options_accept(struct key_options *options, int id, const char *argument);

#endif
