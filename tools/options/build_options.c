#include "options/build_options.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "options/store_options.h"
#include "text/input.h"

#include <string.h>

/* Limits of the library, which are worth a message of their own here. */
enum { MEMORY_LEAST = 8 << 20, METADATA_MAX = 1 << 20 };

enum {
    OPTION_OUTPUT = OPTION_OWN,
    OPTION_INPUT_FORMAT,
    OPTION_ON_DUPLICATE,
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
     "type of the keys: u8, u16, u32, u64 (default), u128, i8, i16,\n"
     "i32, i64, i128, or bytes1 ... bytes128"},
    OPTION_SPEC_KEY_SYNTAX,
    {OPTION_INPUT_FORMAT, 'f', "input-format", "F",
     "tsv (default): lines of key, tab, value\n"
     "csv: RFC 4180, see --key-column and --value-columns\n"
     "binary: key, u32 size, value, all little-endian"},
    {OPTION_ON_DUPLICATE, 'd', "on-duplicate", "P",
     "of pairs with one key: error (default) refuses them, first or\n"
     "last keeps that one"},
    {OPTION_MEMORY, 'm', "memory", "SIZE",
     "most memory for sorting and buffers (default 256M, least 8M)"},
    {OPTION_PLAIN, 'p', "plain", NULL,
     "write a plain v2 store: no checksums, no recorded key type"},
    {OPTION_STRIDE, 0, "stride", "N",
     "with --plain and 128-bit keys: bytes an index entry takes,\n"
     "24 or 32 (default)"},
    {OPTION_TEMP_DIR, 0, "temp-dir", "DIR",
     "where sorted runs go that do not fit into memory (default:\n"
     "the directory of STORE)"},
    {OPTION_EXPECTED_PAIRS, 0, "expected-pairs", "N",
     "a hint: memory for so many pairs is reserved at once"},
    {OPTION_MODE, 0, "mode", "OCTAL", "permissions of the store (default: 666 less the umask)"},
    {OPTION_STORE_ID, 0, "store-id", "HEX32", "id of the store, 32 hex digits (default: random)"},
    {OPTION_METADATA, 0, "metadata", "TEXT", "text to attach to the store, at most 1 MiB"},
    {OPTION_METADATA_FILE, 0, "metadata-file", "FILE", "attach the content of a file instead"},
    {OPTION_KEY_COLUMN, 'k', "key-column", "C",
     "csv: column of the key, a number from 1 (default 1) or with\n"
     "--header a name"},
    {OPTION_VALUE_COLUMNS, 'v', "value-columns", "C,...",
     "csv: columns that make up the value, as a row of csv\n"
     "(default: the whole row just as it was read)"},
    {OPTION_HEADER, 0, "header", NULL, "csv: the first row of each file names the columns"},
    {OPTION_DELIMITER, 0, "delimiter", "C",
     "csv: what separates columns (default ','; '\\t': tab)"},
    OPTION_SPECS_PROGRESS,
    OPTION_SPEC_HELP,
    {0}};

static const struct command_syntax syntax = {
    "build", "-o STORE [OPTION...] [INPUT... | -]",
    "Build a store from the pairs in the INPUT files, one after the other, or in\n"
    "standard input. The store appears at once when all is done; until then, and\n"
    "if anything fails, what was at STORE stays as it was.",
    specs, "SIZE is a number of bytes, or one with K, M, G or T behind it."};

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

static int accept_choice(struct build_options *options, int id, const char *argument)
{
    int choice = 0, status;
    switch (id) {
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

static int accept(void *user, int id, const char *argument)
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
    case OPTION_PROGRESS:
        return accept_choice(options, id, argument);
    case OPTION_MEMORY:
        return option_size(&syntax, "memory", argument, MEMORY_LEAST, &options->writer.memory);
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

/* Options that do not go together. */
static int check(const struct build_options *options)
{
    bool plain = options->writer.flags & IKV_WRITE_PLAIN;
    ikv_key_type type = options->format.key_type;
    if (options->store == NULL)
        return usage_error(syntax.name, "expected -o STORE, the store to write");
    if (strcmp(options->store, "-") == 0)
        return usage_error(syntax.name, "a store can't be written to standard output");
    if (options->csv_option != NULL && options->format.format != INPUT_CSV)
        return usage_error(syntax.name, "--%s: only with --input-format csv", options->csv_option);
    if (plain && options->writer.store_id != NULL)
        return usage_error(syntax.name, "--store-id: a --plain store has none");
    if (plain && (options->metadata_text != NULL || options->metadata_file != NULL))
        return usage_error(syntax.name, "--metadata: a --plain store has none");
    if (options->metadata_text != NULL && options->metadata_file != NULL)
        return usage_error(syntax.name, "--metadata and --metadata-file exclude each other");
    if (options->writer.stride != 0 && (!plain || (type != IKV_KEY_U128 && type != IKV_KEY_I128)))
        return usage_error(syntax.name, "--stride: only with --plain and 128-bit keys");
    return check_key_syntax(&syntax, type, options->format.key_syntax);
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
    int status = options_parse(&syntax, argc, argv, accept, options, &options->inputs);
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
