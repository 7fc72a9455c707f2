/* An open store. It is immutable until it is closed, so threads share it without locks. What
 * lookups add (cached pages, learned fences, back-off) are hints, each of them thread-safe. */
#ifndef IKV_STORE_H
#define IKV_STORE_H

#include "core/base/error.h"
#include "core/fences/fence_tree.h"
#include "core/fences/fences.h"
#include "core/format/trailer.h"
#include "core/index/filters.h"
#include "core/index/leaf_counts.h"
#include "core/index/learn.h"
#include "core/index/page_cache.h"
#include "core/index/samples.h"
#include "core/index/visited.h"
#include "core/io/io.h"
#include "core/io/thread_files.h"
#include "mmap/map.h"

#include <stdatomic.h>

/* Whether the calling thread should run small batches (execute.c). Hints, set by any thread. */
struct ikv_backoff {
    atomic_bool no_nowait; /* the file system does not support RWF_NOWAIT: speed decides */
    atomic_uint remaining; /* small batches that go to the workers before the next trial */
    atomic_uint interval;  /* `remaining` starts with this after a trial with slow reads */
};

/* The callback for rare events (query/events.h), and what was reported last. */
struct ikv_store_events {
    ikv_event_fn on_event;
    void *user;
    atomic_int fallback;    /* code; 0: none */
    _Atomic uint64_t drops; /* of hints */
};

struct ikv_store {
    char *path;
    struct ikv_io_file file;              /* through the page cache: for opening, scans, verify */
    struct ikv_io_file direct;            /* fd -1: not opened with O_DIRECT */
    const struct ikv_io_file *reads;      /* the one of these that lookups use */
    struct ikv_thread_files thread_files; /* the same for all workers but the first */
    uint64_t file_size;
    ikv_backend backend_wanted;
    struct ikv_attachment *attachment; /* to an engine; set by ikv_open, opaque here */
    struct ikv_backoff backoff;
    struct ikv_store_events *events; /* NULL: none are reported */

    struct ikv_geometry index;    /* what lookups search: pages of the v2 index, or leaves */
    struct ikv_geometry v2_index; /* the base format's; no pages: it was omitted */
    struct ikv_geometry entries;  /* the v2 index, for probes of single entries */
    uint64_t records_end;
    uint32_t checksum_size;   /* at the end of a record: 0 or 4 */
    uint32_t range_size;      /* before that, of stores of ranges: bytes of the range's last key */
    uint32_t surplus;         /* bytes of a record after its value: both of these */
    uint32_t record_size_max; /* upper bound of valid size fields */
    uint32_t first_read;      /* bytes to read of a record of unknown size */

    /* From the trailer; zero in plain v2. */
    bool has_trailer;
    unsigned char store_id[16];
    uint64_t record_seed;
    struct ikv_properties properties;
    bool is_clustered; /* the records are in `leaves` */
    struct ikv_leaves leaves;
    struct ikv_filters filters;
    uint64_t *extents; /* as in the geometry; NULL: leaves are contiguous */
    unsigned char *metadata;
    size_t metadata_size;
    struct ikv_section sections[IKV_SECTIONS_MAX];
    uint32_t section_count;
    uint64_t page_sums_offset;  /* 0: none */
    uint64_t block_sums_offset; /* 0: none */

    struct stat opened;  /* the result of fstat when it was opened */
    struct ikv_map *map; /* NULL: not mapped */
    bool locked;         /* preloaded pages are locked in memory */

    struct ikv_fences fences;
    struct ikv_fence_lines fence_lines; /* what `fences` consists of, if memory is short */
    struct ikv_fence_tree tree;         /* no nodes: not all fences are in memory */
    struct ikv_samples *samples;        /* of pages searched in memory; NULL: none */
    struct ikv_leaf_counts leaf_counts; /* of leaves searched in memory */
    struct ikv_learner *learner;        /* plain v2, instead of fences; NULL: nothing is learned */
    _Atomic uint64_t *visited;          /* leaves; NULL: pages are kept at their first visit */
    struct ikv_page_cache *cache;       /* of index pages; NULL: none */
    unsigned char *page_sums;           /* all checksums, as in the file; NULL: read when needed */

    uint64_t open_reads;
    uint64_t open_bytes;
};

/* Read during opening: counts the read and describes an error. */
int ikv_store_read(struct ikv_store *store, void *buf, size_t size, uint64_t offset,
                   ikv_error *err);

/* Bytes that the index takes in memory, without what lookups add to it. */
uint64_t ikv_store_fixed_memory(const struct ikv_store *store);

/* Whether an entry can have this position. */
static inline bool ikv_position_possible(const struct ikv_store *store, uint64_t position)
{
    return position >= IKV_HEADER_SIZE && position <= store->records_end &&
           store->records_end - position >= IKV_RECORD_HEADER_SIZE;
}

/* Whether the record at a possible position can have this size field. */
static inline bool ikv_record_size_possible(const struct ikv_store *store, uint64_t position,
                                            uint32_t size)
{
    return size >= store->surplus && size <= store->record_size_max &&
           size <= store->records_end - position - IKV_RECORD_HEADER_SIZE;
}

#endif
