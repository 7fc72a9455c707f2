#include "options/store_options.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/progress.h"
#include "text/keys.h"

#include <string.h>

void store_options_init(struct store_options *options, const struct command_syntax *syntax)
{
    *options = (struct store_options){.syntax = syntax,
                                      .open = IKV_OPEN_OPTIONS_INIT,
                                      .key_syntax = IKV_SYNTAX_AUTO,
                                      .progress = PROGRESS_AUTO};
    url_options_init(&options->url);
    options->open.http = &options->url.http;
}

int option_key_type(const struct command_syntax *syntax, const char *argument,
                    ikv_key_type *ret_type)
{
    if (ikv_key_type_parse(argument, ret_type) == 0)
        return OPTIONS_CONTINUE;
    return usage_error(syntax->name,
                       "--key-type: expected u8, u16, u32, u64, u128, i8, i16, i32, i64, i128 or "
                       "bytes1 to bytes128, got %s",
                       excerpt_of(argument, strlen(argument)).text);
}

int option_stride(const struct command_syntax *syntax, const char *argument, uint32_t *ret_stride)
{
    int choice;
    int status = option_choice(syntax, "stride", argument, "24|32", &choice);
    if (status == OPTIONS_CONTINUE)
        *ret_stride = choice == 0 ? 24 : 32;
    return status;
}

int option_key_syntax(const struct command_syntax *syntax, const char *argument,
                      ikv_key_syntax *ret_syntax)
{
    static const ikv_key_syntax syntaxes[] = {IKV_SYNTAX_AUTO,  IKV_SYNTAX_DEC,  IKV_SYNTAX_HEX,
                                              IKV_SYNTAX_IP,    IKV_SYNTAX_UUID, IKV_SYNTAX_TEXT,
                                              IKV_SYNTAX_BASE64};
    int choice;
    int status =
        option_choice(syntax, "key-syntax", argument, "auto|dec|hex|ip|uuid|text|base64", &choice);
    if (status == OPTIONS_CONTINUE)
        *ret_syntax = syntaxes[choice];
    return status;
}

int option_output_format(const struct command_syntax *syntax, const char *argument,
                         enum output_format *ret_format)
{
    static const enum output_format formats[] = {OUTPUT_TSV, OUTPUT_JSONL, OUTPUT_RAW,
                                                 OUTPUT_BINARY};
    int choice;
    int status = option_choice(syntax, "output-format", argument, "tsv|jsonl|raw|binary", &choice);
    if (status == OPTIONS_CONTINUE)
        *ret_format = formats[choice];
    return status;
}

int store_options_accept(struct store_options *options, int id, const char *argument)
{
    int choice = 0, status;
    if (url_options_has(id))
        return url_options_accept(&options->url, options->syntax, id, argument);
    switch (id) {
    case OPTION_KEY_TYPE:
        return option_key_type(options->syntax, argument, &options->open.key_type);
    case OPTION_STRIDE:
        return option_stride(options->syntax, argument, &options->open.stride);
    case OPTION_INDEX_MEMORY:
        return option_size(options->syntax, "index-memory", argument, 1,
                           &options->open.index_memory);
    case OPTION_UNTRUSTED:
        options->open.flags |= IKV_OPEN_UNTRUSTED;
        return OPTIONS_CONTINUE;
    case OPTION_MISSING_SHARDS:
        status =
            option_choice(options->syntax, "missing-shards", argument, "error|report", &choice);
        options->report_missing_shards = choice == 1;
        return status;
    case OPTION_KEY_SYNTAX:
        return option_key_syntax(options->syntax, argument, &options->key_syntax);
    case OPTION_PROGRESS:
        return option_choice(options->syntax, "progress", argument, "auto|always|never",
                             &options->progress);
    case OPTION_QUIET:
        options->quiet = true;
        return OPTIONS_CONTINUE;
    default:
        return OPTIONS_CONTINUE;
    }
}

int check_key_syntax(const struct command_syntax *syntax, ikv_key_type type,
                     ikv_key_syntax key_syntax)
{
    static const char *const names[] = {"auto", "dec", "hex", "ip", "uuid", "text", "base64"};
    if (key_syntax_fits(type, key_syntax))
        return OPTIONS_CONTINUE;
    char type_name[16];
    return usage_error(syntax->name, "--key-syntax %s can't be used for keys of type %s",
                       names[key_syntax], ikv_key_type_name(type, type_name, sizeof type_name));
}

int check_probe(const struct command_syntax *syntax, ikv_probe probe, const char *path,
                const ikv_info *info)
{
    if (probe != IKV_PROBE_ENTRY || info->has_v2_index)
        return OPTIONS_CONTINUE;
    return usage_error(syntax->name, "--probe entry: %s has no v2 index", path);
}

int check_output_format(const struct command_syntax *syntax, enum output_format format,
                        const struct output *output)
{
    if (format != OUTPUT_BINARY || !output->terminal)
        return OPTIONS_CONTINUE;
    return usage_error(syntax->name, "--output-format binary: refusing to write to a terminal");
}

int single_operand(const struct command_syntax *syntax, const struct operands *operands,
                   const char **ret_path)
{
    if (operands->count == 0)
        return usage_error(syntax->name, "expected a STORE");
    if (operands->count > 1)
        return usage_error(syntax->name, "expected one STORE, got extra operand %s",
                           excerpt_of(operands->items[1], strlen(operands->items[1])).text);
    *ret_path = operands->items[0];
    return OPTIONS_CONTINUE;
}

int store_open_error(const ikv_error *error)
{
    int status = library_error(error);
    if (error->code == IKV_E_KEY_TYPE_MISSING)
        message("specify the key type with --key-type, for example --key-type u64");
    else if (error->code == IKV_E_STRIDE)
        message("specify the stride with --stride 24 or --stride 32");
    return status;
}

int store_open(const struct store_options *options, const char *path, ikv_store **ret_store,
               ikv_info *ret_info)
{
    ikv_error error;
    ikv_store *store;
    if (ikv_open(path, &options->open, &store, &error) != 0)
        return store_open_error(&error);
    ikv_store_info(store, ret_info);
    int status = check_key_syntax(options->syntax, ret_info->key_type, options->key_syntax);
    if (status != OPTIONS_CONTINUE) {
        ikv_close(store);
        return status;
    }
    *ret_store = store;
    return STATUS_DONE;
}
