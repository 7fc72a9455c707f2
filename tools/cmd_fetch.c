/* indexkv fetch: download the store at a URL. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/progress.h"
#include "base/signals.h"
#include "command.h"
#include "options/store_options.h"
#include "text/output.h"

#include <inttypes.h>
#include <string.h>

static const struct option_spec specs[] = {{OPTION_OUTPUT, 'o', "output", "FILE",
                                            "the file to write; replaced if it exists\n"
                                            "(default: the last part of the URL's path)"},
                                           OPTION_SPECS_PLAIN,
                                           OPTION_SPECS_PROGRESS,
                                           OPTION_SPECS_URL,
                                           OPTION_SPEC_HELP,
                                           {0}};

static const struct command_syntax syntax = {
    "fetch", "URL [-o FILE] [OPTION...]",
    "Download a store, verify all of it, and put it in place. A download that was\n"
    "stopped is in FILE.partial; the next one continues it.",
    specs,
    "Exit status: 0 success, 2 usage, 3 not a store or wrong key type, 4 corrupt,\n"
    "5 I/O error."};

struct fetch_options {
    struct store_options store;
    const char *path;
    char name[256];
};

static int accept_option(void *user, int id, const char *argument)
{
    struct fetch_options *options = user;
    if (id != OPTION_OUTPUT)
        return store_options_accept(&options->store, id, argument);
    options->path = argument;
    return OPTIONS_CONTINUE;
}

/* The name of the file, unless it was given: what follows the last slash of the path. */
static int name_file(struct fetch_options *options, const char *url)
{
    if (!is_url(url))
        return usage_error(syntax.name, "expected a URL, got %s",
                           excerpt_of(url, strlen(url)).text);
    if (options->path != NULL)
        return OPTIONS_CONTINUE;
    const char *host = strstr(url, "://") + 3;
    const size_t end = strcspn(host, "?#");
    size_t begin = end;
    while (begin > 0 && host[begin - 1] != '/')
        begin--;
    const size_t length = end - begin;
    if (begin == 0 || length == 0 || length >= sizeof options->name - sizeof ".partial" ||
        host[begin] == '.')
        return usage_error(syntax.name, "the URL names no file: --output is required");
    memcpy(options->name, host + begin, length);
    options->path = options->name;
    return OPTIONS_CONTINUE;
}

static int write_summary(const struct fetch_options *options, const ikv_fetch_stats *stats)
{
    struct output output;
    int status = output_open(&output);
    if (status != STATUS_DONE)
        return status;
    output_untrusted(&output, options->path, strlen(options->path), false);
    output_format(&output, ": sound; %" PRIu64 " bytes", stats->file_size);
    if (stats->resumed > 0)
        output_format(&output, ", of which %" PRIu64 " were there", stats->resumed);
    output_format(&output, ", %" PRIu64 " requests", stats->requests);
    if (stats->retries > 0)
        output_format(&output, ", %" PRIu64 " repeated", stats->retries);
    output_text(&output, "\n");
    return output_close(&output);
}

static int fetch(const struct fetch_options *options, const char *url)
{
    struct progress progress;
    ikv_fetch_options fetching = IKV_FETCH_OPTIONS_INIT;
    ikv_fetch_stats stats;
    ikv_error error;
    fetching.on_progress = progress_from_library;
    fetching.user = &progress;
    progress_start(&progress, (enum progress_mode)options->store.progress, options->store.quiet,
                   false);
    const int code = ikv_fetch(url, options->path, &options->store.open, &fetching, &stats, &error);
    progress_finish(&progress);
    if (code == IKV_E_CANCELED)
        return STATUS_INTERRUPTED;
    if (code < 0)
        return store_open_error(&error);
    return options->store.quiet ? STATUS_DONE : write_summary(options, &stats);
}

int cmd_fetch(int argc, char **argv)
{
    struct fetch_options options = {.path = NULL};
    store_options_init(&options.store, &syntax);
    struct operands operands;
    const char *url = NULL;
    int status = options_parse(&syntax, argc, argv, accept_option, &options, &operands);
    if (status == OPTIONS_CONTINUE && operands.count != 1)
        status = usage_error(syntax.name, "expected one URL");
    if (status == OPTIONS_CONTINUE) {
        url = operands.items[0];
        status = name_file(&options, url);
    }
    if (status != OPTIONS_CONTINUE)
        return status;
    signals_catch();
    return fetch(&options, url);
}
