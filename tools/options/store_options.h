/* Options of the commands that read a store, and opening the store with them. */
#ifndef STORE_OPTIONS_H
#define STORE_OPTIONS_H

#include "options/options.h"
#include "options/url_options.h"
#include "text/item_writer.h"

#include <indexkv.h>

/* Rows of the option tables. */
#define OPTION_SPECS_PLAIN                                                                         \
    {OPTION_KEY_TYPE, 't', "key-type", "T",                                                        \
     "key type: u8, u16, u32, u64, u128, i8, i16, i32,\n"                                          \
     "i64, i128, or bytes1 to bytes128; required for\n"                                            \
     "plain stores, which do not record it; checked\n"                                             \
     "against the recorded type otherwise"},                                                       \
    {                                                                                              \
        OPTION_STRIDE, 0, "stride", "N",                                                           \
            "bytes per index entry of a plain store with 128-bit\n"                                \
            "keys, 24 or 32, if it can't be detected"                                              \
    }
#define OPTION_SPECS_STORE                                                                         \
    OPTION_SPECS_PLAIN,                                                                            \
    {                                                                                              \
        OPTION_INDEX_MEMORY, 0, "index-memory", "SIZE",                                            \
            "maximum memory for caching the index, at least\n"                                     \
            "1 byte; suffixes K, M, G, T (default: 64M)"                                           \
    }
#define OPTION_SPEC_UNTRUSTED                                                                      \
    {                                                                                              \
        OPTION_UNTRUSTED, 0, "untrusted", NULL, "verify the whole file first, and do not map it"   \
    }
#define OPTION_SPEC_MISSING_SHARDS                                                                 \
    {                                                                                              \
        OPTION_MISSING_SHARDS, 0, "missing-shards", "M",                                           \
            "sharded tables: if a shard can't be opened, error\n"                                  \
            "(default) ends the job, report goes on without it"                                    \
    }
#define OPTION_SPEC_KEY_SYNTAX                                                                     \
    {                                                                                              \
        OPTION_KEY_SYNTAX, 's', "key-syntax", "S",                                                 \
            "syntax of keys: auto (default), dec, hex, ip, uuid,\ntext (the bytes themselves), "   \
            "base64"                                                                               \
    }
#define OPTION_SPEC_OUTPUT_FORMAT                                                                  \
    {                                                                                              \
        OPTION_OUTPUT_FORMAT, 'f', "output-format", "F", "tsv (default), jsonl, raw, binary"       \
    }
#define OPTION_SPECS_PROGRESS                                                                      \
    {OPTION_PROGRESS, 0, "progress", "WHEN",                                                       \
     "show progress on standard error: always, never, or\n"                                        \
     "auto (default: if it is a terminal)"},                                                       \
    {                                                                                              \
        OPTION_QUIET, 'q', "quiet", NULL, "show no progress and no summary"                        \
    }

/* Must stay where it is: `open` points into it. The values of --key-type, --stride, --index-memory,
 * --untrusted, --missing-shards, --key-syntax, --quiet, --progress. */
struct store_options {
    const struct command_syntax *syntax;
    ikv_open_options open;
    ikv_key_syntax key_syntax;
    bool quiet;
    int progress;               /* enum progress_mode */
    bool report_missing_shards; /* instead of failing */
    struct url_options url;
};

void store_options_init(struct store_options *options, const struct command_syntax *syntax);
int store_options_accept(struct store_options *options, int id, const char *argument);

int option_key_type(const struct command_syntax *syntax, const char *argument,
                    ikv_key_type *ret_type);
int option_stride(const struct command_syntax *syntax, const char *argument, uint32_t *ret_stride);
int option_key_syntax(const struct command_syntax *syntax, const char *argument,
                      ikv_key_syntax *ret_syntax);
int option_output_format(const struct command_syntax *syntax, const char *argument,
                         enum output_format *ret_format);

/* Check that the syntax can express keys of this type. Returns OPTIONS_CONTINUE, or STATUS_USAGE
 * after reporting. */
int check_key_syntax(const struct command_syntax *syntax, ikv_key_type type,
                     ikv_key_syntax key_syntax);

/* Check that the store has the entries that --probe entry reads. Returns OPTIONS_CONTINUE, or
 * STATUS_USAGE after reporting. */
int check_probe(const struct command_syntax *syntax, ikv_probe probe, const char *path,
                const ikv_info *info);

/* Refuse binary output on a terminal. Returns OPTIONS_CONTINUE, or STATUS_USAGE after reporting. */
int check_output_format(const struct command_syntax *syntax, enum output_format format,
                        const struct output *output);

/* Get the single operand STORE. Returns OPTIONS_CONTINUE, or STATUS_USAGE after reporting. */
int single_operand(const struct command_syntax *syntax, const struct operands *operands,
                   const char **ret_path);

/* Open the store and check the key syntax. Returns STATUS_DONE, or an exit status after reporting.
 */
int store_open(const struct store_options *options, const char *path, ikv_store **ret_store,
               ikv_info *ret_info);

/* Report why a store could not be opened, and which option helps. Returns the exit status. */
int store_open_error(const ikv_error *error);

#endif
