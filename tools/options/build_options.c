#include "options/build_options.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "input/input.h"
#include "options/store_options.h"

#include <string.h>

/* Limits of the library, checked here for a message that names the option. */
enum { MEMORY_MIN = 8 << 20, METADATA_MAX = 1 << 20 };

/* The layout without --layout. The manual page names it, too. */
#define LAYOUT_DEFAULT      IKV_LAYOUT_ARRIVAL
#define LAYOUT_DEFAULT_NAME "arrival"

enum {
    OPTION_OUTPUT = OPTION_OWN,
    OPTION_INPUT_FORMAT,
    OPTION_ON_DUPLICATE,
    OPTION_LAYOUT,
    OPTION_LEAF_SIZE,
    OPTION_FILTER,
    OPTION_NO_V2_INDEX,
    OPTION_MEMORY,
    OPTION_PLAIN,
    OPTION_TEMP_DIR,
    OPTION_EXPECTED_PAIRS,
    OPTION_MODE,
    OPTION_STORE_ID,
    OPTION_METADATA,
    OPTION_METADATA_FILE,
    OPTION_KEY_COLUMN,
    OPTION_VALUE_COLUMNS,
    OPTION_HEADER,
    OPTION_DELIMITER
};

static const struct option_spec specs[] = {
    {OPTION_OUTPUT, 'o', "output", "STORE", "the store to write (required); replaced if it exists"},
    {OPTION_KEY_TYPE, 't', "key-type", "T",
     "key type: u8, u16, u32, u64 (default), u128, i8,\n"
     "i16, i32, i64, i128, or bytes1 to bytes128"},
    {OPTION_INPUT_FORMAT, 'f', "input-format", "F",
     "tsv (default): lines of key, tab, value\n"
     "csv: RFC 4180, see --key-column, --value-columns\n"
     "binary: key, u32 size, value, all little-endian"},
    {OPTION_KEY_COLUMN, 'k', "key-column", "C",
     "csv: column of the key, a number (default: 1), or a\n"
     "name with --header"},
    {OPTION_VALUE_COLUMNS, 'v', "value-columns", "LIST",
     "csv: columns of the value, separated by commas\n"
     "(default: the whole row, unchanged)"},
    {OPTION_HEADER, 0, "header", NULL, "csv: the first row of each file names the columns"},
    {OPTION_DELIMITER, 0, "delimiter", "C", "csv: column separator (default: ','; '\\t' is a tab)"},
    OPTION_SPEC_KEY_SYNTAX,
    {OPTION_ON_DUPLICATE, 'd', "on-duplicate", "P",
     "duplicate keys: error (default) fails, first or\n"
     "last keeps the first or last pair of each key"},
    {OPTION_LAYOUT, 0, "layout", "L",
     "arrival: records in the order of the input\n"
     "clustered: in key order, packed into leaves, so that\n"
     "a lookup is one read instead of two\n"
     "(default: " LAYOUT_DEFAULT_NAME ")"},
    {OPTION_LEAF_SIZE, 0, "leaf-size", "SIZE",
     "clustered: size of a leaf, 4K, 8K, 16K or 32K\n"
     "(default: chosen by the sizes of the values)"},
    {OPTION_FILTER, 0, "filter", "BITS",
     "clustered: add a filter of absent keys, so that few\n"
     "lookups of these read: with 8 bits per key one in\n"
     "256, with 16 one in 65,536 (default: none)"},
    {OPTION_NO_V2_INDEX, 0, "no-v2-index", NULL,
     "clustered: omit the index that only the Rust crate\n"
     "reads; to the crate the store has no pairs"},
    {OPTION_MEMORY, 'm', "memory", "SIZE",
     "maximum memory for sorting and buffers, at least 8M\n"
     "(default: 256M)"},
    {OPTION_TEMP_DIR, 0, "temp-dir", "DIR",
     "directory for temporary files of the sort (default:\n"
     "the directory of STORE)"},
    {OPTION_METADATA, 0, "metadata", "TEXT", "attach TEXT to the store, at most 1 MiB"},
    {OPTION_METADATA_FILE, 0, "metadata-file", "FILE",
     "attach the contents of FILE to the store instead"},
    {OPTION_MODE, 0, "mode", "OCTAL", "permissions of the store (default: 666 & ~umask)"},
    {OPTION_PLAIN, 'p', "plain", NULL,
     "write a plain v2 store, without checksums and\n"
     "without a recorded key type"},
    {OPTION_STRIDE, 0, "stride", "N",
     "with --plain and 128-bit keys: bytes per index\n"
     "entry, 24 or 32 (default)"},
    {OPTION_STORE_ID, 0, "store-id", "HEX32", "store ID, 32 hex digits (default: random)"},
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

static int accept_mode(struct build_options *options, const char *argument)
{
    uint32_t mode;
    if (!parse_octal(argument, &mode) || mode == 0 || mode > 0777)
        return usage_error(syntax.name, "--mode: expected octal permissions from 1 to 777, got %s",
                           excerpt_of(argument, strlen(argument)).text);
    options->writer.mode = mode;
    return OPTIONS_CONTINUE;
}

static int accept_store_id(struct build_options *options, const char *argument)
{
    if (!parse_hex(argument, options->store_id, sizeof options->store_id))
        return usage_error(syntax.name, "--store-id: expected 32 hex digits, got %s",
                           excerpt_of(argument, strlen(argument)).text);
    options->writer.store_id = options->store_id;
    return OPTIONS_CONTINUE;
}

static int accept_leaf_size(struct build_options *options, const char *argument)
{
    uint64_t size;
    if (!parse_size(argument, &size) ||
        (size != 4 << 10 && size != 8 << 10 && size != 16 << 10 && size != 32 << 10))
        return usage_error(syntax.name, "--leaf-size: expected 4K, 8K, 16K or 32K, got %s",
                           excerpt_of(argument, strlen(argument)).text);
    options->writer.leaf_size = (uint32_t)size;
    return OPTIONS_CONTINUE;
}

static int accept_filter(struct build_options *options, const char *argument)
{
    if (strcmp(argument, "8") != 0 && strcmp(argument, "16") != 0)
        return usage_error(syntax.name, "--filter: expected 8 or 16, got %s",
                           excerpt_of(argument, strlen(argument)).text);
    options->writer.filter_bits = argument[0] == '8' ? 8 : 16;
    return OPTIONS_CONTINUE;
}

static int accept_choice(struct build_options *options, int id, const char *argument)
{
    int choice = 0, status;
    switch (id) {
    case OPTION_LAYOUT:
        status = option_choice(&syntax, "layout", argument, "arrival|clustered", &choice);
        options->writer.layout = choice == 0 ? IKV_LAYOUT_ARRIVAL : IKV_LAYOUT_CLUSTERED;
        return status;
    case OPTION_INPUT_FORMAT:
        status = option_choice(&syntax, "input-format", argument, "tsv|csv|binary", &choice);
        options->format.format = (enum input_format)choice;
        return status;
    case OPTION_ON_DUPLICATE:
        status = option_choice(&syntax, "on-duplicate", argument, "error|first|last", &choice);
        options->writer.on_duplicate = (ikv_duplicates)choice;
        return status;
    default:
        status = option_choice(&syntax, "progress", argument, "auto|always|never", &choice);
        options->progress = (enum progress_mode)choice;
        return status;
    }
}

static int accept_option(void *user, int id, const char *argument)
{
    struct build_options *options = user;
    switch (id) {
    case OPTION_OUTPUT:
        options->store = argument;
        break;
    case OPTION_KEY_TYPE:
        return option_key_type(&syntax, argument, &options->format.key_type);
    case OPTION_KEY_SYNTAX:
        return option_key_syntax(&syntax, argument, &options->format.key_syntax);
    case OPTION_STRIDE:
        return option_stride(&syntax, argument, &options->writer.stride);
    case OPTION_INPUT_FORMAT:
    case OPTION_ON_DUPLICATE:
    case OPTION_LAYOUT:
    case OPTION_PROGRESS:
        return accept_choice(options, id, argument);
    case OPTION_MEMORY:
        return option_size(&syntax, "memory", argument, MEMORY_MIN, &options->writer.memory);
    case OPTION_LEAF_SIZE:
        return accept_leaf_size(options, argument);
    case OPTION_FILTER:
        return accept_filter(options, argument);
    case OPTION_NO_V2_INDEX:
        options->writer.flags |= IKV_WRITE_NO_V2_INDEX;
        break;
    case OPTION_PLAIN:
        options->writer.flags |= IKV_WRITE_PLAIN;
        break;
    case OPTION_TEMP_DIR:
        options->writer.temp_dir = argument;
        break;
    case OPTION_EXPECTED_PAIRS:
        return option_number(&syntax, "expected-pairs", argument, 0, UINT64_MAX,
                             &options->writer.expected_pairs);
    case OPTION_MODE:
        return accept_mode(options, argument);
    case OPTION_STORE_ID:
        return accept_store_id(options, argument);
    case OPTION_METADATA:
        options->metadata_text = argument;
        break;
    case OPTION_METADATA_FILE:
        options->metadata_file = argument;
        break;
    case OPTION_QUIET:
        options->quiet = true;
        break;
    default:
        return accept_csv(options, id, argument);
    }
    return OPTIONS_CONTINUE;
}

static int check_layout(const ikv_writer_options *writer)
{
    bool clustered = writer->layout == IKV_LAYOUT_CLUSTERED;
    if (clustered && (writer->flags & IKV_WRITE_PLAIN))
        return usage_error(syntax.name, "--layout clustered can't be used with --plain");
    if (!clustered && writer->leaf_size != 0)
        return usage_error(syntax.name, "--leaf-size requires --layout clustered");
    if (!clustered && writer->filter_bits != 0)
        return usage_error(syntax.name, "--filter requires --layout clustered");
    if (!clustered && (writer->flags & IKV_WRITE_NO_V2_INDEX))
        return usage_error(syntax.name, "--no-v2-index requires --layout clustered");
    return OPTIONS_CONTINUE;
}

/* Check for missing options and invalid combinations. */
static int check(const struct build_options *options)
{
    bool plain = options->writer.flags & IKV_WRITE_PLAIN;
    ikv_key_type type = options->format.key_type;
    if (options->store == NULL)
        return usage_error(syntax.name, "expected -o STORE");
    if (strcmp(options->store, "-") == 0)
        return usage_error(syntax.name, "--output: can't write a store to standard output");
    if (options->csv_option != NULL && options->format.format != INPUT_CSV)
        return usage_error(syntax.name, "--%s requires --input-format csv", options->csv_option);
    if (plain && options->writer.store_id != NULL)
        return usage_error(syntax.name, "--store-id can't be used with --plain");
    if (plain && (options->metadata_text != NULL || options->metadata_file != NULL))
        return usage_error(syntax.name, "--metadata can't be used with --plain");
    if (options->metadata_text != NULL && options->metadata_file != NULL)
        return usage_error(syntax.name, "--metadata and --metadata-file are mutually exclusive");
    if (options->writer.stride != 0 && (!plain || (type != IKV_KEY_U128 && type != IKV_KEY_I128)))
        return usage_error(syntax.name, "--stride requires --plain and a 128-bit key type");
    int status = check_layout(&options->writer);
    return status == OPTIONS_CONTINUE ? check_key_syntax(&syntax, type, options->format.key_syntax)
                                      : status;
}

static int read_metadata_file(struct build_options *options)
{
    struct input input;
    int status = input_open(&input, options->metadata_file);
    if (status != STATUS_DONE)
        return status;
    int result = input_need(&input, METADATA_MAX + 1);
    status = result == INPUT_FAILED ? input.status : OPTIONS_CONTINUE;
    if (status == OPTIONS_CONTINUE && input_available(&input) > 0 &&
        !buffer_append(&options->metadata, input_text(&input), input_available(&input)))
        status = out_of_memory();
    input_close(&input);
    return status;
}

static int attach_metadata(struct build_options *options)
{
    int status = OPTIONS_CONTINUE;
    if (options->metadata_file != NULL)
        status = read_metadata_file(options);
    else if (options->metadata_text != NULL &&
             !buffer_append(&options->metadata, options->metadata_text,
                            strlen(options->metadata_text)))
        status = out_of_memory();
    if (status == OPTIONS_CONTINUE && options->metadata.size > METADATA_MAX)
        status = usage_error(syntax.name, "--metadata: expected at most 1 MiB");
    options->writer.metadata = options->metadata.data;
    options->writer.metadata_size = options->metadata.size;
    return status;
}

int build_options_parse(struct build_options *options, int argc, char **argv)
{
    *options = (struct build_options){
        .format = {.key_type = IKV_KEY_U64, .delimiter = ',', .key_column = "1"},
        .writer = IKV_WRITER_OPTIONS_INIT,
        .standard_input = "-"};
    options->default_inputs[0] = options->standard_input;
    int status = options_parse(&syntax, argc, argv, accept_option, options, &options->inputs);
    /* Plain stores have only one layout. */
    if (options->writer.layout == IKV_LAYOUT_DEFAULT && !(options->writer.flags & IKV_WRITE_PLAIN))
        options->writer.layout = LAYOUT_DEFAULT;
    if (status == OPTIONS_CONTINUE)
        status = check(options);
    if (status == OPTIONS_CONTINUE)
        status = attach_metadata(options);
    if (status != OPTIONS_CONTINUE) {
        build_options_free(options);
        return status;
    }
    options->writer.key_type = options->format.key_type;
    if (options->inputs.count == 0)
        options->inputs = (struct operands){options->default_inputs, 1};
    return OPTIONS_CONTINUE;
}

void build_options_free(struct build_options *options)
{
    buffer_free(&options->metadata);
}
