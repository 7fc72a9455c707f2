#include "options/writer_options.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "input/input.h"
#include "options/store_options.h"

#include <string.h>

/* Limit of the library, checked here for a message that names the option. */
enum { METADATA_MAX = 1 << 20 };

void writer_options_init(struct writer_options *options, const struct command_syntax *syntax)
{
    *options = (struct writer_options){.syntax = syntax, .writer = IKV_WRITER_OPTIONS_INIT};
}

void writer_options_free(struct writer_options *options)
{
    buffer_free(&options->metadata);
}

/* ---------------------------------------------------------------- parsing */

static int accept_mode(struct writer_options *options, const char *argument)
{
    uint32_t mode;
    if (!parse_octal(argument, &mode) || mode == 0 || mode > 0777)
        return usage_error(options->syntax->name,
                           "--mode: expected octal permissions from 1 to 777, got %s",
                           excerpt_of(argument, strlen(argument)).text);
    options->writer.mode = mode;
    return OPTIONS_CONTINUE;
}

static int accept_store_id(struct writer_options *options, const char *argument)
{
    if (!parse_hex(argument, options->store_id, sizeof options->store_id))
        return usage_error(options->syntax->name, "--store-id: expected 32 hex digits, got %s",
                           excerpt_of(argument, strlen(argument)).text);
    options->writer.store_id = options->store_id;
    return OPTIONS_CONTINUE;
}

static int accept_leaf_size(struct writer_options *options, const char *argument)
{
    uint64_t size;
    if (!parse_size(argument, &size) ||
        (size != 4 << 10 && size != 8 << 10 && size != 16 << 10 && size != 32 << 10))
        return usage_error(options->syntax->name,
                           "--leaf-size: expected 4K, 8K, 16K or 32K, got %s",
                           excerpt_of(argument, strlen(argument)).text);
    options->writer.leaf_size = (uint32_t)size;
    return OPTIONS_CONTINUE;
}

static int accept_filter(struct writer_options *options, const char *argument)
{
    if (strcmp(argument, "8") != 0 && strcmp(argument, "16") != 0)
        return usage_error(options->syntax->name, "--filter: expected 8 or 16, got %s",
                           excerpt_of(argument, strlen(argument)).text);
    options->writer.filter_bits = argument[0] == '8' ? 8 : 16;
    return OPTIONS_CONTINUE;
}

static int accept_choice(struct writer_options *options, int id, const char *argument)
{
    const struct command_syntax *syntax = options->syntax;
    int choice = 0, status;
    if (id == OPTION_LAYOUT) {
        status = option_choice(syntax, "layout", argument, "arrival|clustered", &choice);
        options->writer.layout = choice == 0 ? IKV_LAYOUT_ARRIVAL : IKV_LAYOUT_CLUSTERED;
        return status;
    }
    if (id == OPTION_ON_OVERLAP) {
        status = option_choice(syntax, "on-overlap", argument, "error|innermost", &choice);
        options->writer.on_overlap = (ikv_overlap)choice;
        return status;
    }
    status = option_choice(syntax, "on-duplicate", argument, "error|first|last", &choice);
    options->writer.on_duplicate = (ikv_duplicates)choice;
    return status;
}

int writer_options_accept(struct writer_options *options, int id, const char *argument)
{
    switch (id) {
    case OPTION_OUTPUT:
        options->store = argument;
        break;
    case OPTION_STRIDE:
        return option_stride(options->syntax, argument, &options->writer.stride);
    case OPTION_ON_DUPLICATE:
    case OPTION_ON_OVERLAP:
    case OPTION_LAYOUT:
        return accept_choice(options, id, argument);
    case OPTION_MEMORY:
        return option_size(options->syntax, "memory", argument, WRITER_MEMORY_MIN,
                           &options->writer.memory);
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
    case OPTION_MODE:
        return accept_mode(options, argument);
    case OPTION_STORE_ID:
        return accept_store_id(options, argument);
    case OPTION_SHARDS:
        return option_number(options->syntax, "shards", argument, 1, SHARDS_MAX, &options->shards);
    case OPTION_METADATA:
        options->metadata_text = argument;
        break;
    case OPTION_METADATA_FILE:
        options->metadata_file = argument;
        break;
    default:
        break;
    }
    return OPTIONS_CONTINUE;
}

/* ---------------------------------------------------------------- checking */

static int check_layout(const struct writer_options *options)
{
    const ikv_writer_options *writer = &options->writer;
    const char *name = options->syntax->name;
    bool clustered = writer->layout == IKV_LAYOUT_CLUSTERED;
    if (clustered && (writer->flags & IKV_WRITE_PLAIN))
        return usage_error(name, "--layout clustered can't be used with --plain");
    const char *why = writer->flags & IKV_WRITE_PLAIN ? "can't be used with --plain"
                                                      : "requires --layout clustered";
    if (!clustered && writer->leaf_size != 0)
        return usage_error(name, "--leaf-size %s", why);
    if (!clustered && writer->filter_bits != 0)
        return usage_error(name, "--filter %s", why);
    if (!clustered && (writer->flags & IKV_WRITE_NO_V2_INDEX))
        return usage_error(name, "--no-v2-index %s", why);
    return OPTIONS_CONTINUE;
}

static int check(const struct writer_options *options, ikv_key_type type)
{
    const char *name = options->syntax->name;
    bool plain = options->writer.flags & IKV_WRITE_PLAIN;
    if (options->store == NULL)
        return usage_error(name, "expected -o STORE");
    if (strcmp(options->store, "-") == 0)
        return usage_error(name, "--output: can't write a store to standard output");
    if (plain && options->writer.store_id != NULL)
        return usage_error(name, "--store-id can't be used with --plain");
    if (plain && (options->metadata_text != NULL || options->metadata_file != NULL))
        return usage_error(name, "--metadata can't be used with --plain");
    if (plain && options->shards > 0)
        return usage_error(name, "--shards can't be used with --plain");
    if (options->metadata_text != NULL && options->metadata_file != NULL)
        return usage_error(name, "--metadata and --metadata-file are mutually exclusive");
    if (options->writer.stride != 0 && (!plain || (type != IKV_KEY_U128 && type != IKV_KEY_I128)))
        return usage_error(name, "--stride requires --plain and a 128-bit key type");
    return check_layout(options);
}

static int read_metadata_file(struct writer_options *options)
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

static int attach_metadata(struct writer_options *options)
{
    int status = OPTIONS_CONTINUE;
    if (options->metadata_file != NULL)
        status = read_metadata_file(options);
    else if (options->metadata_text != NULL &&
             !buffer_append(&options->metadata, options->metadata_text,
                            strlen(options->metadata_text)))
        status = out_of_memory();
    if (status == OPTIONS_CONTINUE && options->metadata.size > METADATA_MAX)
        status = usage_error(options->syntax->name, "--metadata: expected at most 1 MiB");
    options->writer.metadata = options->metadata.data;
    options->writer.metadata_size = options->metadata.size;
    return status;
}

int writer_options_complete(struct writer_options *options, ikv_key_type type)
{
    /* Plain stores have only one layout. */
    if (options->writer.layout == IKV_LAYOUT_DEFAULT && !(options->writer.flags & IKV_WRITE_PLAIN))
        options->writer.layout = LAYOUT_DEFAULT;
    int status = check(options, type);
    return status == OPTIONS_CONTINUE ? attach_metadata(options) : status;
}
