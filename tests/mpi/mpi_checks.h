/* Checks for tests that run on several ranks: a failure on one ends all of them. */
#ifndef TEST_MPI_CHECKS_H
#define TEST_MPI_CHECKS_H

#include "indexkv_mpi.h"

#include "tmpdir.h"

/* Print the message, with the rank and the test in progress, and end the job. */
_Noreturn void mpi_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            mpi_fail(__FILE__, __LINE__, "%s", #condition);                                        \
    } while (0)
#define CHECK_OK(code, err)                                                                        \
    do {                                                                                           \
        const int code_ = (code);                                                                  \
        if (code_ != 0)                                                                            \
            mpi_fail(__FILE__, __LINE__, "code %d: %s", code_, (err)->message);                    \
    } while (0)
/* The code, the same message on all ranks, and a part of it. */
#define CHECK_FAILED(code, wanted, err, part)                                                      \
    mpi_check_failed(__FILE__, __LINE__, code, wanted, err, part)
void mpi_check_failed(const char *file, int line, int code, int wanted, const ikv_error *err,
                      const char *part);

/* What the messages of failed checks begin with. */
void mpi_case(const char *format, ...) __attribute__((format(printf, 1, 2)));

extern int mpi_rank, mpi_ranks;

/* MPI_Init, and a directory for all ranks, which mpi_end removes. */
void mpi_begin(int *argc, char ***argv);
extern tmpdir mpi_dir;
int mpi_end(void);
/* A new directory inside it, for all ranks. */
void mpi_new_dir(tmpdir *ret);

/* Pairs in key order: the oracle for tables. Every rank has all of them. */
struct pairs {
    ikv_key_type type;
    size_t width, count;
    unsigned char *keys;
    unsigned char *values; /* value i: values + ends[i - 1] to values + ends[i] */
    size_t *ends;
};
/* About `count` different keys, spread over all of the type, with values of up to `value_max`
 * bytes. */
void pairs_make(struct pairs *pairs, ikv_key_type type, size_t count, size_t value_max,
                uint64_t seed);
void pairs_free(struct pairs *pairs);
const unsigned char *pairs_value(const struct pairs *pairs, size_t i, size_t *ret_size);
/* The answer to a key, as the number of a pair; SIZE_MAX: none. */
size_t pairs_find(const struct pairs *pairs, const void *key, ikv_match match);

/* Options of builds, with a table id; they point to *writer. */
ikv_mpi_build_options mpi_build_options(ikv_writer_options *writer, ikv_key_type type,
                                        size_t shards);

#endif
