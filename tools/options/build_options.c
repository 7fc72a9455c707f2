#include "options/build_options.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "input/input.h"
#include "options/store_options.h"
#include "text/keys.h"

#include <string.h>

enum {
    OPTION_INPUT_FORMAT = OPTION_OWN,
    OPTION_EXPECTED_PAIRS,
    OPTION_KEY_COLUMN,
    OPTION_VALUE_COLUMNS,
    OPTION_HEADER,
    OPTION_DELIMITER,
    OPTION_KEY_FIELD,
    OPTION_VALUE_FIELD,
    OPTION_STRICT,
    OPTION_CRLF,
    OPTION_LF,
    OPTION_RANGES,
    OPTION_END_COLUMN,
    OPTION_COMMENT
};

/* Limit of the library, checked here for a message that names the option. */
enum { RANGE_WIDTH_MAX = 64 };

static const struct option_spec specs[] = {
    {OPTION_OUTPUT, 'o', "output", "STORE", "the store to write (required); replaced if it exists"},
    {OPTION_KEY_TYPE, 't', "key-type", "T",
     "key type: u8, u16, u32, u64 (default), u128, i8,\n"
     "i16, i32, i64, i128, or bytes1 to bytes128"},
    {OPTION_INPUT_FORMAT, 'f', "input-format", "F",
     "tsv (default): lines of key, tab, value\n"
     "csv: see --key-column, --value-columns\n"
     "binary: key, u32 size, value, all little-endian\n"
     "jsonl: a JSON object per line, see --key-field"},
    {OPTION_KEY_COLUMN, 'k', "key-column", "C",
     "csv: column of the key, a number (default: 1), or a\n"
     "name with --header"},
    {OPTION_VALUE_COLUMNS, 'v', "value-columns", "LIST",
     "csv: columns of the value, separated by commas\n"
     "(default: the whole row, unchanged)"},
    {OPTION_HEADER, 0, "header", NULL, "csv: the first row of each file names the columns"},
    {OPTION_DELIMITER, 0, "delimiter", "C", "csv: column separator (default: ','; '\\t' is a tab)"},
    {OPTION_COMMENT, 0, "comment", "C", "tsv, csv: skip lines that begin with the byte C"},
    {OPTION_KEY_FIELD, 0, "key-field", "NAME", "jsonl: member with the key (default: key)"},
    {OPTION_VALUE_FIELD, 0, "value-field", "NAME",
     "jsonl: member with the value (default: the whole\n"
     "line; without --key-field, value)"},
    OPTION_SPEC_KEY_SYNTAX,
    {OPTION_STRICT, 0, "strict", NULL,
     "csv: refuse what RFC 4180 does not allow, such as\n"
     "quotes inside a field that does not begin with one;\n"
     "csv, tsv: refuse empty lines"},
    {OPTION_CRLF, 0, "crlf", NULL, "tsv: lines end with CR LF (default: like the first)"},
    {OPTION_LF, 0, "lf", NULL, "tsv: lines end with LF; CRs belong to the values"},
    {OPTION_ESCAPE, 0, "escape", NULL, "tsv: undo the escapes of get --escape: \\n \\t \\r \\\\"},
    {OPTION_NULL, '0', "null", NULL, "tsv: records end with NUL instead of LF"},
    {OPTION_RANGES, 0, "ranges", NULL,
     "ranges of keys: a first and a last key, which are\n"
     "inclusive, or a network (192.0.2.0/24), and a value"},
    {OPTION_END_COLUMN, 0, "end-column", "C",
     "ranges in csv: column of the last key (default: the\n"
     "one after the key's; not used for networks)"},
    OPTION_SPEC_ON_OVERLAP,
    OPTION_SPECS_BAD_LINES,
    {OPTION_ON_DUPLICATE, 'd', "on-duplicate", "P",
     "duplicate keys: error (default) fails, first or\n"
     "last keeps the first or last pair of each key"},
    OPTION_SPECS_LAYOUT,
    OPTION_SPEC_SHARDS,
    {OPTION_MEMORY, 'm', "memory", "SIZE",
     "maximum memory for sorting and buffers, and length\n"
     "of a line, at least 8M (default: 256M)"},
    {OPTION_TEMP_DIR, 0, "temp-dir", "DIR",
     "directory for temporary files of the sort (default:\n"
     "the directory of STORE)"},
    OPTION_SPECS_METADATA,
    OPTION_SPEC_PLAIN,
    {OPTION_STRIDE, 0, "stride", "N",
     "with --plain and 128-bit keys: bytes per index\n"
     "entry, 24 or 32 (default)"},
    OPTION_SPEC_STORE_ID,
    {OPTION_EXPECTED_PAIRS, 0, "expected-pairs", "N",
     "reserve memory for N pairs at the start (a hint)"},
    OPTION_SPECS_PROGRESS,
    OPTION_SPEC_HELP,
    {0}};

static const struct command_syntax syntax = {
    "build", "-o STORE [OPTION...] [INPUT... | -]",
    "Build a store from the key-value pairs in the INPUT files, or in standard input.\n"
    "STORE is created or replaced atomically once it is complete. If the build fails,\n"
    "an existing STORE is left unchanged.",
    specs, "SIZE is in bytes; suffixes K, M, G and T stand for powers of 1024."};

static int accept_csv(struct build_options *options, int id, const char *argument)
{
    struct pair_format *format = &options->format;
    switch (id) {
    case OPTION_KEY_COLUMN:
        options->csv_option = "key-column";
        format->key_column = argument;
        break;
    case OPTION_VALUE_COLUMNS:
        options->csv_option = "value-columns";
        format->value_columns = argument;
        break;
    case OPTION_HEADER:
        options->csv_option = "header";
        format->header = true;
        break;
    default:
        options->csv_option = "delimiter";
        if (strcmp(argument, "\\t") == 0)
            argument = "\t";
        if (strlen(argument) != 1 || strchr("\"\r\n", argument[0]) != NULL)
            return usage_error(syntax.name, "--delimiter: expected one byte, got %s",
                               excerpt_of(argument, strlen(argument)).text);
        format->delimiter = argument[0];
        break;
    }
    return OPTIONS_CONTINUE;
}

static int accept_comment(struct build_options *options, const char *argument)
{
    if (strlen(argument) != 1 || strchr("\"\r\n\t", argument[0]) != NULL)
        return usage_error(syntax.name, "--comment: expected one byte, got %s",
                           excerpt_of(argument, strlen(argument)).text);
    options->format.comment = argument[0];
    return OPTIONS_CONTINUE;
}

/* Options that concern ranges. */
static int check_ranges(const struct build_options *options)
{
    const ikv_writer_options *writer = &options->writer.writer;
    if (!options->format.ranges && options->format.end_column != NULL)
        return usage_error(syntax.name, "--end-column requires --ranges");
    if (!options->format.ranges && writer->on_overlap != IKV_OVERLAP_ERROR)
        return usage_error(syntax.name, "--on-overlap requires --ranges");
    if (!options->format.ranges)
        return OPTIONS_CONTINUE;
    if (writer->flags & IKV_WRITE_PLAIN)
        return usage_error(syntax.name, "--ranges can't be used with --plain");
    if (options->format.format == INPUT_JSONL)
        return usage_error(syntax.name, "--ranges can't be used with --input-format jsonl");
    if (ikv_key_width(options->format.key_type) > RANGE_WIDTH_MAX)
        return usage_error(syntax.name, "--ranges: expected keys of at most %d bytes",
                           RANGE_WIDTH_MAX);
    if (writer->memory != 0 && writer->memory < 2 * WRITER_MEMORY_MIN)
        return usage_error(syntax.name, "--memory: expected at least 16M with --ranges");
    return OPTIONS_CONTINUE;
}

static int accept_choice(struct build_options *options, int id, const char *argument)
{
    int choice = 0, status;
    switch (id) {
    case OPTION_INPUT_FORMAT:
        status = option_choice(&syntax, "input-format", argument, "tsv|csv|binary|jsonl", &choice);
        options->format.format = (enum input_format)choice;
        return status;
    default:
        status = option_choice(&syntax, "progress", argument, "auto|always|never", &choice);
        options->progress = (enum progress_mode)choice;
        return status;
    }
}

int build_options_accept(void *user, int id, const char *argument)
{
    struct build_options *options = user;
    switch (id) {
    case OPTION_KEY_TYPE:
        return option_key_type(&syntax, argument, &options->format.key_type);
    case OPTION_KEY_SYNTAX:
        return option_key_syntax(&syntax, argument, &options->format.key_syntax);
    case OPTION_INPUT_FORMAT:
    case OPTION_PROGRESS:
        return accept_choice(options, id, argument);
    case OPTION_RANGES:
        options->format.ranges = true;
        options->writer.writer.flags |= IKV_WRITE_RANGES;
        break;
    case OPTION_COMMENT:
        return accept_comment(options, argument);
    case OPTION_END_COLUMN:
        options->csv_option = "end-column";
        options->format.end_column = argument;
        break;
    case OPTION_EXPECTED_PAIRS:
        return option_number(&syntax, "expected-pairs", argument, 0, UINT64_MAX,
                             &options->writer.writer.expected_pairs);
    case OPTION_KEY_FIELD:
        options->format.key_field = argument;
        options->json_option = "key-field";
        break;
    case OPTION_VALUE_FIELD:
        options->format.value_field = argument;
        options->json_option = "value-field";
        break;
    case OPTION_STRICT:
        options->format.strict = true;
        break;
    case OPTION_CRLF:
    case OPTION_LF:
        options->format.line_ends = id == OPTION_LF ? LINE_ENDS_LF : LINE_ENDS_CRLF;
        options->input.text_option = id == OPTION_LF ? "lf" : "crlf";
        break;
    case OPTION_QUIET:
        options->quiet = true;
        break;
    case OPTION_KEY_COLUMN:
    case OPTION_VALUE_COLUMNS:
    case OPTION_HEADER:
    case OPTION_DELIMITER:
        return accept_csv(options, id, argument);
    default:
        if (input_options_has(id))
            return input_options_accept(&options->input, id, argument);
        return writer_options_accept(&options->writer, id, argument);
    }
    return OPTIONS_CONTINUE;
}

static int check_input(const struct build_options *options)
{
    if (options->csv_option != NULL && options->format.format != INPUT_CSV)
        return usage_error(syntax.name, "--%s requires --input-format csv", options->csv_option);
    if (options->json_option != NULL && options->format.format != INPUT_JSONL)
        return usage_error(syntax.name, "--%s requires --input-format jsonl", options->json_option);
    if (options->input.bad_line_option != NULL && options->format.format == INPUT_BINARY)
        return usage_error(syntax.name, "--%s can't be used with --input-format binary",
                           options->input.bad_line_option);
    if (options->input.text_option != NULL && options->format.format != INPUT_TSV)
        return usage_error(syntax.name, "--%s requires --input-format tsv",
                           options->input.text_option);
    if (options->format.strict && options->format.format == INPUT_BINARY)
        return usage_error(syntax.name, "--strict can't be used with --input-format binary");
    if (options->format.line_ends != LINE_ENDS_DETECT && options->input.nul)
        return usage_error(syntax.name, "--null and --%s are mutually exclusive",
                           options->format.line_ends == LINE_ENDS_LF ? "lf" : "crlf");
    return input_options_check(&options->input);
}

static int check(struct build_options *options)
{
    ikv_key_type type = options->format.key_type;
    if (options->format.comment != 0 && options->format.format == INPUT_BINARY)
        return usage_error(syntax.name, "--comment can't be used with --input-format binary");
    int status = check_input(options);
    if (status == OPTIONS_CONTINUE)
        status = check_ranges(options);
    if (status == OPTIONS_CONTINUE)
        status = check_key_syntax(&syntax, type, options->format.key_syntax);
    return status == OPTIONS_CONTINUE ? writer_options_complete(&options->writer, type) : status;
}

/* A line is read into memory as a whole. */
static size_t line_max(uint64_t memory)
{
    const uint64_t longest = (uint64_t)UINT32_MAX + KEY_INPUT_MAX;
    if (memory == 0)
        memory = WRITER_MEMORY_DEFAULT;
    if (memory > longest)
        memory = longest;
    return memory > SIZE_MAX / 4 ? SIZE_MAX / 4 : (size_t)memory;
}

const struct option_spec *build_options_specs(void)
{
    return specs;
}

void build_options_begin(struct build_options *options)
{
    *options = (struct build_options){
        .format = {.key_type = IKV_KEY_U64, .delimiter = ',', .key_column = "1"},
        .standard_input = "-"};
    writer_options_init(&options->writer, &syntax);
    options->default_inputs[0] = options->standard_input;
    input_options_init(&options->input, &syntax);
}

int build_options_complete(struct build_options *options)
{
    const int status = check(options);
    if (status != OPTIONS_CONTINUE)
        return status;
    options->writer.writer.key_type = options->format.key_type;
    options->format.line_max = line_max(options->writer.writer.memory);
    options->format.quiet = options->input.rejects.quiet = options->quiet;
    options->format.escape = options->input.escape;
    if (options->format.key_field == NULL && options->format.value_field == NULL)
        options->format.value_field = "value"; /* as get and scan write it */
    if (options->format.key_field == NULL)
        options->format.key_field = "key";
    options->format.nul = options->input.nul;
    if (options->inputs.count == 0)
        options->inputs = (struct operands){options->default_inputs, 1};
    return OPTIONS_CONTINUE;
}

int build_options_parse(struct build_options *options, int argc, char **argv)
{
    build_options_begin(options);
    int status =
        options_parse(&syntax, argc, argv, build_options_accept, options, &options->inputs);
    if (status == OPTIONS_CONTINUE)
        status = build_options_complete(options);
    if (status != OPTIONS_CONTINUE)
        build_options_free(options);
    return status;
}

void build_options_free(struct build_options *options)
{
    writer_options_free(&options->writer);
}
