/* Errors on which all ranks agree. */
#ifndef IKV_MPI_AGREE_H
#define IKV_MPI_AGREE_H

#include <errno.h>
#include <indexkv.h>
#include <mpi.h>

/* Fill *err, and return the code. `file` may be NULL. */
int ikv_mpi_fail(ikv_error *err, int code, const char *file, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Out of memory. */
static inline int ikv_mpi_no_memory(ikv_error *err)
{
    (void)ikv_mpi_fail(err, -ENOMEM, NULL, "%s", ikv_strerror(-ENOMEM));
    return -ENOMEM;
}

/*
 * Collective: 0 if `code` is 0 on all ranks. Otherwise the code of the lowest rank with an error,
 * and *err is the one of that rank, which its message names. `err` is not NULL.
 */
static inline int ikv_mpi_agree(MPI_Comm comm, int code, ikv_error *err);

/* What the other function does; separate so that a rank's own error is seen to be one. */
int ikv_mpi_agree_all(MPI_Comm comm, int code, ikv_error *err);

static inline int ikv_mpi_agree(MPI_Comm comm, int code, ikv_error *err)
{
    const int agreed = ikv_mpi_agree_all(comm, code, err);
    return agreed != 0 ? agreed : code;
}

/* Copy an agreed error to the caller's, which may be NULL, and return the code. */
int ikv_mpi_return(int code, const ikv_error *agreed, ikv_error *err);

#endif
