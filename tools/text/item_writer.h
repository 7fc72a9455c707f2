/* What get and scan write about a key and its value, in the four output formats. */
#ifndef ITEM_WRITER_H
#define ITEM_WRITER_H

#include "text/output.h"

#include <indexkv.h>

enum output_format { OUTPUT_TSV, OUTPUT_JSONL, OUTPUT_RAW, OUTPUT_BINARY };

/* A key, its text if it was given as text, and the syntax to write it in otherwise. */
struct item_key {
    const void *key; /* NULL: there is no such key */
    const char *text;
    size_t text_length;
    ikv_key_syntax syntax;
};

struct item_writer {
    struct output *output;
    enum output_format format;
    ikv_key_type key_type;
    size_t key_width;
    bool with_key;     /* a scan in storage order has none */
    bool with_matched; /* also the key that matched: floor and ceiling */
};

/* value NULL: the key is missing, and that is to be written. */
void item_write(const struct item_writer *writer, const struct item_key *key,
                const struct item_key *matched, const void *value, uint32_t size);

#endif
