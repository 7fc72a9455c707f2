/* The indexkv-mpi command: runs the subcommand named by the first argument on all ranks of a job.
 */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/signals.h"
#include "mpi/mpi_command.h"
#include "options/options.h"
#include "text/output.h"

#include <string.h>

int job_status(const struct job *job, int status)
{
    (void)MPI_Allreduce(MPI_IN_PLACE, &status, 1, MPI_INT, MPI_MAX, job->comm);
    return status;
}

int job_parse(const struct job *job, int argc, char **argv,
              int (*parse)(void *user, int argc, char **argv), void *user)
{
    int status = job->rank == 0 ? parse(user, argc, argv) : OPTIONS_CONTINUE;
    (void)MPI_Bcast(&status, 1, MPI_INT, 0, job->comm);
    if (status != OPTIONS_CONTINUE)
        return status;
    if (job->rank != 0)
        status = parse(user, argc, argv);
    status = job_status(job, status == OPTIONS_CONTINUE ? STATUS_DONE : status);
    return status == STATUS_DONE ? OPTIONS_CONTINUE : status;
}

int job_error(const struct job *job, int code, const ikv_error *error)
{
    if (code == 0)
        return STATUS_DONE;
    if (code == IKV_E_CANCELED)
        return STATUS_DONE; /* the rank that reported it has another status */
    return job->rank == 0 ? library_error(error) : exit_status_of(code);
}

static int print_help(void)
{
    struct output output;
    int status = output_open(&output);
    if (status != STATUS_DONE)
        return status;
    output_text(
        &output,
        "usage: mpirun -n RANKS indexkv-mpi COMMAND [OPTION...] [ARGUMENT...]\n\n"
        "Build sharded tables, and look up keys in them, on many machines.\n\n"
        "commands:\n"
        "  build    build a sharded table from key-value pairs\n"
        "  get      look up keys\n"
        "\n'indexkv-mpi COMMAND --help' lists the options of a command. All other commands\n"
        "are those of indexkv, which take a sharded table where they take a store.\n\n"
        "exit status: 0 success, 1 a key was missing, 2 usage or invalid input,\n"
        "3 not a table or wrong key type, 4 corrupt, 5 I/O error\n");
    return output_close(&output);
}

static int run(const struct job *job, int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "build") == 0)
        return mpi_build(job, argc - 2, argv + 2);
    if (strcmp(name, "get") == 0)
        return mpi_get(job, argc - 2, argv + 2);
    int status = STATUS_DONE;
    if (job->rank != 0)
        return job_status(job, status);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        status = print_help();
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        status = options_version("indexkv-mpi");
    else if (argc < 2)
        status = usage_error(NULL, "expected a command: build or get");
    else
        status = usage_error(NULL, "unknown %s %s", name[0] == '-' ? "option" : "command",
                             excerpt_of(name, strlen(name)).text);
    return job_status(job, status);
}

int main(int argc, char **argv)
{
    message_set_program("indexkv-mpi");
    signals_ignore_pipe();
    int provided;
    (void)MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    struct job job = {.comm = MPI_COMM_WORLD};
    (void)MPI_Comm_rank(job.comm, &job.rank);
    (void)MPI_Comm_size(job.comm, &job.ranks);
    int status = provided >= MPI_THREAD_FUNNELED ? run(&job, argc, argv) : STATUS_IO;
    if (provided < MPI_THREAD_FUNNELED && job.rank == 0)
        message("this MPI library does not support MPI_THREAD_FUNNELED");
    (void)MPI_Finalize();
    return status;
}
