#include "options/url_options.h"

#include "base/exit_status.h"
#include "base/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void url_options_init(struct url_options *options)
{
    options->http = (ikv_http_options)IKV_HTTP_OPTIONS_INIT;
    options->http.headers = options->headers;
}

bool url_options_has(int id)
{
    return id >= OPTION_HTTP_HEADER && id <= OPTION_CA_FILE;
}

/* The line itself is never shown: it may be a secret. */
static int add_header(struct url_options *options, const struct command_syntax *syntax,
                      const char *option, const char *line)
{
    if (options->http.header_count == URL_HEADERS_MAX)
        return usage_error(syntax->name, "--%s: more than %d header lines", option,
                           URL_HEADERS_MAX);
    if (strchr(line, ':') == NULL || line[0] == ':')
        return usage_error(syntax->name, "--%s: expected lines of the form 'Name: value'", option);
    options->headers[options->http.header_count++] = line;
    return OPTIONS_CONTINUE;
}

static int cannot_read(const char *path, int code)
{
    message("--http-header-file: %s: %s", path, strerror(code));
    return STATUS_IO;
}

static int read_header_file(struct url_options *options, const struct command_syntax *syntax,
                            const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return cannot_read(path, errno);
    const size_t size = fread(options->text, 1, sizeof options->text, file);
    const int code = ferror(file) ? errno : 0;
    (void)fclose(file);
    if (code != 0)
        return cannot_read(path, code);
    if (size > URL_HEADER_FILE_MAX)
        return usage_error(syntax->name, "--http-header-file: %s is longer than %d bytes", path,
                           URL_HEADER_FILE_MAX);
    options->text[size] = 0;
    return OPTIONS_CONTINUE;
}

/* Empty lines are skipped. */
static int add_header_file(struct url_options *options, const struct command_syntax *syntax,
                           const char *path)
{
    char *save = NULL;
    if (options->text[0] != 0)
        return usage_error(syntax->name, "--http-header-file can be given once");
    int status = read_header_file(options, syntax, path);
    for (char *line = status == OPTIONS_CONTINUE ? strtok_r(options->text, "\r\n", &save) : NULL;
         line != NULL && status == OPTIONS_CONTINUE; line = strtok_r(NULL, "\r\n", &save))
        status = add_header(options, syntax, "http-header-file", line);
    return status;
}

int url_options_accept(struct url_options *options, const struct command_syntax *syntax, int id,
                       const char *argument)
{
    uint64_t number;
    int status;
    switch (id) {
    case OPTION_HTTP_HEADER:
        return add_header(options, syntax, "http-header", argument);
    case OPTION_HTTP_HEADER_FILE:
        return add_header_file(options, syntax, argument);
    case OPTION_HTTP_CACHE:
        options->http.cache = argument;
        return OPTIONS_CONTINUE;
    case OPTION_HTTP_CACHE_SIZE:
        return option_size(syntax, "http-cache-size", argument, (uint64_t)1 << 20,
                           &options->http.cache_size);
    case OPTION_HTTP_TIMEOUT:
        status = option_number(syntax, "http-timeout", argument, 1, 86400, &number);
        if (status == OPTIONS_CONTINUE)
            options->http.timeout_ms = (uint32_t)number * 1000;
        return status;
    case OPTION_CONNECTIONS:
        status = option_number(syntax, "connections", argument, 1, 4096, &number);
        if (status == OPTIONS_CONTINUE)
            options->http.connections = (uint32_t)number;
        return status;
    default:
        options->http.ca_file = argument;
        return OPTIONS_CONTINUE;
    }
}
