/* Sharded tables that one rank writes with the ordinary writer, and lookups in them. */
#ifndef TEST_MPI_TABLES_H
#define TEST_MPI_TABLES_H

#include "mpi_checks.h"

#define MPI_PATH_MAX (TMPDIR_PATH_MAX + 64)

/* The path of a shard, and its name in it. */
const char *table_shard_path(const char *dir, size_t shard, char path[MPI_PATH_MAX]);

/* Publish the pairs as a table of which shard s ends before pair ends[s]; the last shard has the
 * last pair. `second`: a directory for copies; NULL: none. Collective. */
void table_write(const char *dir, const char *second, const struct pairs *pairs, const size_t *ends,
                 size_t shards, ikv_layout layout);
/* Up to `shards` shards, cut at random places. */
void table_write_random(const char *dir, const char *second, const struct pairs *pairs,
                        size_t shards, ikv_layout layout);

void check_item(const struct pairs *pairs, const unsigned char *key, ikv_match match,
                const ikv_mpi_item *item);

/* Look up `count` keys of this rank, and check the answers. `narrow`: all of one small part of the
 * keys. Collective. */
void look_up(ikv_mpi *table, const struct pairs *pairs, size_t count, ikv_match match, int narrow,
             uint64_t seed);
/* Every match, with numbers of keys that differ between ranks, none among them. Collective. */
void look_up_all(ikv_mpi *table, const struct pairs *pairs, size_t count);

#endif
