/*
 * Writing a clustered store: pairs are added in any order and written as leaves. States:
 *
 *     collecting   pairs go to a sorter
 *     streaming    the first 2 MiB arrived in key order: pairs are written to leaves directly
 *     sorting      a pair was out of order: pairs already in leaves are read back, all are sorted
 *
 * The leaf size is chosen from the sizes of all values, or, when streaming, of the first 2 MiB.
 * None of this depends on the memory limit, so neither does the file.
 */
#ifndef IKV_CLUSTERED_H
#define IKV_CLUSTERED_H

#include "core/format/size_stats.h"
#include "core/leaves/leaf_writer.h"
#include "core/sort/pair_sorter.h"

struct ikv_clustered_options {
    struct ikv_key_info key;
    struct ikv_output *output; /* must outlive the object */
    const char *dir;           /* for temporary files; must outlive the object */
    uint64_t seed;             /* ikv_record_seed */
    uint64_t memory;           /* for the sorter */
    uint32_t leaf_size;        /* 0: chosen from the sizes of the values */
    uint32_t stride;           /* of the base format's index; 0: no index */
    uint32_t filter_bits;      /* 0: no filter */
    ikv_duplicates on_duplicate;
};

enum ikv_clustered_state { IKV_COLLECTING, IKV_STREAMING, IKV_SORTING };

struct ikv_clustered {
    struct ikv_clustered_options options;
    enum ikv_clustered_state state;
    struct ikv_pair_sorter *sorter;
    struct ikv_leaf_writer leaves;
    struct ikv_size_stats offered; /* sizes of all values added */
    struct ikv_size_stats sizes;   /* of those written */
    struct ikv_pair_sorter_stats sorted;
    uint64_t added;
    uint64_t dropped;
    uint64_t collected; /* bytes of pairs in the sorter */

    bool has_last;
    uint64_t last[IKV_KEY_WORDS_MAX]; /* key of the last pair added in order */

    /* Streaming with IKV_DUPLICATES_LAST: the last pair is held back, since the next one may
     * replace it. */
    bool is_held;
    unsigned char held_key[IKV_KEY_WIDTH_MAX];
    unsigned char *held; /* IKV_PAIR_VALUE_MAX bytes */
    uint32_t held_size;

    bool has_duplicate; /* with IKV_DUPLICATES_ERROR; `duplicate` is the smallest such key */
    uint64_t duplicate[IKV_KEY_WORDS_MAX];
};

int ikv_clustered_new(const struct ikv_clustered_options *options, struct ikv_clustered **ret);
void ikv_clustered_free(struct ikv_clustered *clustered); /* NULL is allowed */

int ikv_clustered_add(struct ikv_clustered *clustered, const unsigned char *stored_key,
                      const void *value, uint32_t size);
/* Write the remaining leaves. IKV_E_DUPLICATE: see `duplicate`. */
int ikv_clustered_finish(struct ikv_clustered *clustered, ikv_progress_fn progress, void *user);

#endif
