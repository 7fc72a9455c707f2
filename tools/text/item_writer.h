/* Write keys and values in the output formats of get and scan. */
#ifndef ITEM_WRITER_H
#define ITEM_WRITER_H

#include "text/output.h"

#include <indexkv.h>

enum output_format { OUTPUT_TSV, OUTPUT_JSONL, OUTPUT_RAW, OUTPUT_BINARY };

/* A key to write: as `text` if the input had one, otherwise formatted in `syntax`. */
struct item_key {
    const void *key;  /* NULL: no key, for example no match */
    const void *last; /* the last key, if it is the first one of a range; NULL: none */
    const char *text;
    size_t text_length;
    ikv_key_syntax syntax;
};

struct item_writer {
    struct output *output;
    enum output_format format;
    /* tsv only: how keys and values are kept apart. */
    bool escape; /* write tabs, line breaks and backslashes as \t, \n, \r and \\ */
    bool nul;    /* lines end with NUL */
    ikv_key_type key_type;
    size_t key_width;
    bool with_key;     /* false for scans in storage order */
    bool with_matched; /* write the matched key, too: floor, ceiling and range */
    bool with_last;    /* write the range's last key after that: stores of ranges */

    /* Lines written, and those of them that are not distinguishable from other lines or fields. */
    uint64_t lines, ambiguous;
    char first_ambiguous[128]; /* the key of the first one */
};

/* Write one item. value NULL: the key is missing. */
void item_write(struct item_writer *writer, const struct item_key *key,
                const struct item_key *matched, const void *value, uint32_t size);

/* Add the counts of lines. */
void item_writer_add(struct item_writer *total, const struct item_writer *part);

/* Report ambiguous lines, if there are any. `path` is the store. */
void item_writer_warn(const struct item_writer *writer, const char *path);

#endif
