/* A file that the library wrote, held against its model byte for byte as far as the base format
 * goes, by the decoder and not by the library. */
#ifndef IKV_TESTS_WRITTEN_H
#define IKV_TESTS_WRITTEN_H

#include "model.h"

#include <stdbool.h>
#include <stdint.h>

/* The sorted model is in the file: keys and values, records in arrival order without a gap. With
 * `plain` also what only plain files promise: records hold just the value, the index follows them
 * at once, the file ends with it, and all bytes without a meaning are zero. Otherwise: each record
 * ends with 4 bytes more, and the index starts on a page. stride 0: the usual one. */
void assert_written(const char *path, const store_model *model, bool plain, uint32_t stride);

/* Both files have the same bytes. */
void assert_same_file(const char *a, const char *b);

#endif
