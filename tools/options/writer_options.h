/* Options of the commands that write a store: its path, layout, metadata and so on. */
#ifndef WRITER_OPTIONS_H
#define WRITER_OPTIONS_H

#include "base/buffer.h"
#include "options/options.h"

#include <indexkv.h>

/* Limit of the library, checked for a message that names the option. */
#define WRITER_MEMORY_MIN ((uint64_t)8 << 20)
/* The library's default. */
#define WRITER_MEMORY_DEFAULT ((uint64_t)256 << 20)

/* The layout without --layout. The manual pages name it, too. */
#define LAYOUT_DEFAULT      IKV_LAYOUT_CLUSTERED
#define LAYOUT_DEFAULT_NAME "clustered"

/* Rows of the option tables. */
#define OPTION_SPECS_LAYOUT                                                                        \
    {OPTION_LAYOUT, 0, "layout", "L",                                                              \
     "arrival: records in the order of the input\n"                                                \
     "clustered: in key order, packed into leaves, so that\n"                                      \
     "a lookup is one read instead of two\n"                                                       \
     "(default: " LAYOUT_DEFAULT_NAME ")"},                                                        \
        {OPTION_LEAF_SIZE, 0, "leaf-size", "SIZE",                                                 \
         "clustered: size of a leaf, 4K, 8K, 16K or 32K\n"                                         \
         "(default: chosen by the sizes of the values)"},                                          \
        {OPTION_FILTER, 0, "filter", "BITS",                                                       \
         "clustered: add a filter of absent keys, so that few\n"                                   \
         "lookups of these read: with 8 bits per key one in\n"                                     \
         "256, with 16 one in 65,536 (default: none)"},                                            \
    {                                                                                              \
        OPTION_NO_V2_INDEX, 0, "no-v2-index", NULL,                                                \
            "clustered: omit the index that only the Rust crate\n"                                 \
            "reads; to the crate the store has no pairs"                                           \
    }
#define OPTION_SPECS_METADATA                                                                      \
    {OPTION_METADATA, 0, "metadata", "TEXT", "attach TEXT to the store, at most 1 MiB"},           \
        {OPTION_METADATA_FILE, 0, "metadata-file", "FILE",                                         \
         "attach the contents of FILE to the store instead"},                                      \
    {                                                                                              \
        OPTION_MODE, 0, "mode", "OCTAL", "permissions of the store (default: 666 & ~umask)"        \
    }
#define OPTION_SPEC_PLAIN                                                                          \
    {                                                                                              \
        OPTION_PLAIN, 'p', "plain", NULL,                                                          \
            "write a plain v2 store, without checksums and\n"                                      \
            "without a recorded key type"                                                          \
    }
#define OPTION_SPEC_ON_OVERLAP                                                                     \
    {                                                                                              \
        OPTION_ON_OVERLAP, 0, "on-overlap", "P",                                                   \
            "ranges that overlap: error (default) fails,\n"                                        \
            "innermost: a key is in its innermost range"                                           \
    }
#define OPTION_SPEC_STORE_ID                                                                       \
    {                                                                                              \
        OPTION_STORE_ID, 0, "store-id", "HEX32", "store ID, 32 hex digits (default: random)"       \
    }
#define OPTION_SPEC_SHARDS                                                                         \
    {                                                                                              \
        OPTION_SHARDS, 0, "shards", "N",                                                           \
            "write a sharded table: a directory of N stores, each\n"                               \
            "with a range of keys and as many pairs as the others"                                 \
    }
/* Limit of the format: FORMAT.md, section 15. */
#define SHARDS_MAX ((uint64_t)1 << 20)

struct writer_options {
    const struct command_syntax *syntax;
    const char *store;         /* NULL: not given */
    uint64_t shards;           /* write a sharded table; 0: a store */
    ikv_writer_options writer; /* has pointers into this struct */
    unsigned char store_id[16];
    struct buffer metadata;
    const char *metadata_text, *metadata_file;
};

void writer_options_init(struct writer_options *options, const struct command_syntax *syntax);
/* Returns OPTIONS_CONTINUE, also for the IDs of other options, or an exit status. */
int writer_options_accept(struct writer_options *options, int id, const char *argument);

/* After all options: check that they fit together, set the default layout, read the metadata.
 * Returns OPTIONS_CONTINUE, or an exit status. */
int writer_options_complete(struct writer_options *options, ikv_key_type type);
void writer_options_free(struct writer_options *options);

#endif
