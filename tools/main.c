/* The indexkv command: runs the subcommand named by the first argument. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/signals.h"
#include "command.h"
#include "options/options.h"
#include "text/output.h"

#include <errno.h>
#include <fcntl.h>
#include <indexkv.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"build", cmd_build, "build a store from key-value pairs"},
    {"get", cmd_get, "look up keys"},
    {"scan", cmd_scan, "write all pairs, or a range of keys"},
    {"merge", cmd_merge, "write a store with the pairs of several stores"},
    {"export", cmd_export, "write a store as text or as another store"},
    {"fetch", cmd_fetch, "download a store"},
    {"replicate", cmd_replicate, "copy shards of a table to another place"},
    {"diff", cmd_diff, "compare the pairs of two stores"},
    {"sample", cmd_sample, "write random keys of a store"},
    {"info", cmd_info, "print the properties of a store"},
    {"verify", cmd_verify, "check a store for corruption"},
    {"bench", cmd_bench, "measure lookups in a store"},
    {"compare", cmd_compare, "compare two reports of bench or seek"},
    {"seek", cmd_seek, "measure reads from a file or disk"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int print_help(void)
{
    struct output output;
    int status = output_open(&output);
    if (status != STATUS_DONE)
        return status;
    output_text(&output, "usage: indexkv COMMAND [OPTION...] [ARGUMENT...]\n\n"
                         "Build and query immutable key-value stores with fixed-width keys.\n\n"
                         "commands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        output_format(&output, "  %-9s %s\n", commands[i].name, commands[i].summary);
    output_text(&output,
                "\n'indexkv COMMAND --help' lists the options of a command. Manual pages:\n"
                "indexkv(1), indexkv-COMMAND(1).\n\n"
                "exit status: 0 success, 1 a key was missing, 2 usage or invalid input,\n"
                "3 not a store or wrong key type, 4 corrupt, 5 I/O error\n");
    return output_close(&output);
}

/* `indexkv help [COMMAND]` */
static int run_help(int argc, char **argv)
{
    if (argc == 0)
        return print_help();
    const struct command *command = find_command(argv[0]);
    if (command == NULL)
        return usage_error(NULL, "unknown command %s", excerpt_of(argv[0], strlen(argv[0])).text);
    char option[] = "--help";
    char *arguments[] = {option, NULL};
    return command->run(1, arguments);
}

/* If a standard descriptor is closed, the next file opened gets its number, and output would be
 * written to a store. The placeholders opened here fail with EBADF when used. */
static void occupy_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
            _exit(STATUS_IO);
}

static int run(int argc, char **argv)
{
    if (argc < 2)
        return usage_error(NULL, "expected a command");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return print_help();
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        return options_version("indexkv");
    if (strcmp(name, "help") == 0)
        return run_help(argc - 2, argv + 2);
    const struct command *command = find_command(name);
    if (command == NULL)
        return usage_error(NULL, "unknown %s %s", name[0] == '-' ? "option" : "command",
                           excerpt_of(name, strlen(name)).text);
    return command->run(argc - 2, argv + 2);
}

int main(int argc, char **argv)
{
    occupy_standard_descriptors();
    signals_ignore_pipe();
    int status = run(argc, argv);
    if (status == STATUS_INTERRUPTED)
        signals_reraise(signals_caught());
    return status;
}
