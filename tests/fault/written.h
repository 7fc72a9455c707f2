/* Files written by the library, checked byte by byte with the decoders, which share no code with
 * it. */
#ifndef IKV_TESTS_WRITTEN_H
#define IKV_TESTS_WRITTEN_H

#include "model.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The file has the keys and values of the sorted model. stride 0: the default.
 *
 * In arrival order: records in that order without gaps. In a plain file, records have only the
 * value, the index follows the last record and ends the file, and unused bytes are zero. Otherwise
 * records have 4 more bytes, and the index starts on a page boundary.
 *
 * Clustered (detected): every rule that leaf_decoder.h checks.
 */
void assert_written(const char *path, const store_model *model, bool plain, uint32_t stride);

/* The files have the same contents. */
void assert_same_file(const char *a, const char *b);

#endif
