#include "mpi/agree.h"

#include "shards/manifest.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ikv_mpi_fail(ikv_error *err, int code, const char *file, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)ikv_shards_vfail(err, code, file, format, arguments);
    va_end(arguments);
    return code;
}

static void name_rank(ikv_error *err, int rank)
{
    char text[sizeof err->message];
    (void)snprintf(text, sizeof text, "%s", err->message);
    (void)snprintf(err->message, sizeof err->message, "rank %d: %.480s", rank, text);
}

int ikv_mpi_agree_all(MPI_Comm comm, int code, ikv_error *err)
{
    int ranks, rank;
    (void)MPI_Comm_size(comm, &ranks);
    (void)MPI_Comm_rank(comm, &rank);
    int mine = code != 0 ? rank : INT_MAX, first;
    (void)MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, comm);
    if (first == INT_MAX)
        return 0;
    if (rank == first) {
        err->code = code;
        if (err->message[0] == '\0')
            (void)snprintf(err->message, sizeof err->message, "%s", ikv_strerror(code));
        if (ranks > 1)
            name_rank(err, rank);
    }
    (void)MPI_Bcast(err, (int)sizeof *err, MPI_BYTE, first, comm);
    return err->code;
}

int ikv_mpi_return(int code, const ikv_error *agreed, ikv_error *err)
{
    if (code != 0 && err != NULL)
        *err = *agreed;
    return code;
}
