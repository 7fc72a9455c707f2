/* Opening and closing a store. */
#include "core/open/open.h"
#include "core/format/checksum.h"
#include "core/io/source.h"
#include "core/open/detect.h"
#include "core/open/open_direct.h"
#include "core/open/open_filters.h"
#include "core/open/open_map.h"
#include "core/open/open_native.h"
#include "core/open/open_plain.h"
#include "core/platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A number unique to this opening of this file. The clock may be too coarse to be enough. */
static int make_serial(const struct stat *st, uint64_t *ret_serial)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return -errno;
    const struct timespec modified = IKV_STAT_MTIME(st);
    const uint64_t facts[] = {(uint64_t)now.tv_sec,      (uint64_t)now.tv_nsec,
                              (uint64_t)st->st_dev,      (uint64_t)st->st_ino,
                              (uint64_t)modified.tv_sec, (uint64_t)modified.tv_nsec,
                              (uint64_t)st->st_size};
    *ret_serial = ikv_checksum(facts, sizeof facts);
    return 0;
}

static int open_source(struct ikv_store *store, ikv_error *err)
{
    const struct stat none = {0};

    store->file_size = store->file.source->size;
    const int code = make_serial(&none, &store->file.serial);
    return code < 0 ? ikv_fail(err, code, IKV_AT_FILE(store->path), "cannot read the clock") : 0;
}

static int open_file(struct ikv_store *store, ikv_error *err)
{
    struct stat st;

    if (store->file.source)
        return open_source(store, err);

    /* O_NONBLOCK: opening a FIFO must not block. It has no effect on regular files. */
    store->file.fd = open(store->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (store->file.fd < 0 && errno == ENXIO) /* a socket, or a device without a driver */
        return ikv_fail(err, IKV_E_NOT_REGULAR, IKV_AT_FILE(store->path), "cannot open");
    if (store->file.fd < 0 || fstat(store->file.fd, &st) != 0)
        return ikv_fail(err, -errno, IKV_AT_FILE(store->path), "cannot open");
    if (!S_ISREG(st.st_mode))
        return ikv_fail(err, IKV_E_NOT_REGULAR, IKV_AT_FILE(store->path),
                        S_ISDIR(st.st_mode) ? "cannot open a directory" : "cannot open");
    /* With O_NONBLOCK io_uring would fail with EAGAIN instead of waiting for the disk. */
    if (fcntl(store->file.fd, F_SETFL, 0) != 0)
        return ikv_fail(err, -errno, IKV_AT_FILE(store->path), "cannot open");
    store->opened = st;
    store->file_size = (uint64_t)st.st_size;
    int code = make_serial(&st, &store->file.serial);
    if (code < 0)
        return ikv_fail(err, code, IKV_AT_FILE(store->path), "cannot read the clock");
    return 0;
}

/* Sizes of plain records are unknown: with twice the average, most records take one read. */
static void set_first_read(struct ikv_store *store)
{
    uint64_t count = store->index.count;
    uint64_t size = 0;

    if (store->has_trailer)
        size = (uint64_t)store->properties.value_size_p99 + store->checksum_size;
    else if (count)
        size = ikv_min(2 * ((store->records_end - IKV_HEADER_SIZE) / count), 16384);
    store->first_read = (uint32_t)ikv_min(size + IKV_RECORD_HEADER_SIZE, UINT32_MAX);
}

/* ---------------------------------------------------------------- backend, mapping */

static int check_backend(const ikv_open_options *options, bool remote, ikv_error *err)
{
    const uint32_t flags = options->flags;
    const bool mapped =
        options->backend == IKV_BACKEND_AUTO || options->backend == IKV_BACKEND_MMAP;
    const bool direct = (flags & IKV_OPEN_DIRECT) != 0;
    const char *wrong = NULL;

    if ((unsigned)options->backend > IKV_BACKEND_MMAP)
        wrong = "unknown backend";
    else if (flags &
             ~(uint32_t)(IKV_OPEN_DIRECT | IKV_OPEN_NO_MAP | IKV_OPEN_UNTRUSTED | IKV_MAP_FLAGS))
        wrong = "unknown flags";
    else if ((flags & IKV_OPEN_UNTRUSTED) &&
             (options->backend == IKV_BACKEND_MMAP || (flags & IKV_MAP_FLAGS)))
        wrong = "untrusted files are not mapped: backend mmap, preload and prime are excluded";
    else if (options->max_value_size && !(flags & IKV_OPEN_UNTRUSTED))
        wrong = "max_value_size is for untrusted files";
    else if (options->backend == IKV_BACKEND_MMAP && (flags & (IKV_OPEN_DIRECT | IKV_OPEN_NO_MAP)))
        wrong = "backend mmap needs a mapping: direct and no-map exclude it";
    else if ((flags & IKV_MAP_FLAGS) && (!mapped || direct || (flags & IKV_OPEN_NO_MAP)))
        wrong = "preload, lock, copy and prime need a mapping: backend auto or mmap, not direct";
    else if ((flags & (IKV_OPEN_LOCK | IKV_OPEN_COPY)) && !(flags & IKV_PRELOAD_FLAGS))
        wrong = "lock and copy need preload";
    else if (remote && (options->backend != IKV_BACKEND_AUTO || flags != 0))
        wrong = "a URL has its own backend; direct reads and mappings are for files";
    return wrong ? ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "open options: %s", wrong) : 0;
}

static int open_backend(struct ikv_store *store, const ikv_open_options *options, ikv_error *err)
{
    store->backend_wanted = options->backend;
    if (store->file.source)
        return 0;
    int code = (options->flags & IKV_OPEN_DIRECT) ? ikv_store_open_direct(store, err) : 0;
    if (code == 0)
        code = ikv_store_open_map(store, options, err);
    return code;
}

/* The rest of the memory is for what lookups learn. Out of memory they learn nothing. */
static void create_caches(struct ikv_store *store, uint64_t memory)
{
    /* A cached page can be verified only if its checksum is in memory. */
    const bool verifiable = store->page_sums || !store->page_sums_offset;
    const uint32_t stride = store->index.stride;
    const uint32_t page_size = store->is_clustered
                                   ? store->leaves.leaf_size
                                   : IKV_PAGE_SIZE + (IKV_PAGE_SIZE % stride != 0 ? stride : 0);
    struct ikv_learner_info learned;

    memory -= ikv_min(memory, ikv_store_fixed_memory(store));
    if (!store->has_trailer)
        (void)ikv_learner_new(&store->index, memory, &store->learner);
    ikv_learner_get_info(store->learner, &learned);
    memory -= ikv_min(memory, learned.max_bytes);
    /* A copy of a leaf costs more than to search it: few are worth one. */
    if (store->is_clustered && memory > ikv_visited_memory(store->index.pages)) {
        store->visited = ikv_visited_new(store->index.pages);
        memory -= store->visited ? ikv_visited_memory(store->index.pages) : 0;
    }
    if (verifiable)
        (void)ikv_page_cache_new(memory, store->index.pages, page_size, &store->cache);
}

/* What lookups in memory note about pages. Without memory for it, they do without. */
static void create_hints(struct ikv_store *store, uint64_t memory)
{
    const uint64_t pages = store->index.pages;
    const uint64_t used = ikv_store_fixed_memory(store);
    const struct ikv_properties *properties = &store->properties;

    if (store->is_clustered &&
        !(properties->value_size_min == properties->value_size_max &&
          ikv_leaf_counts_derive(&store->leaf_counts, &store->index, properties->value_size_max)) &&
        used + ikv_leaf_counts_memory(pages) <= memory)
        ikv_leaf_counts_new(&store->leaf_counts, pages);
    if (!store->is_clustered && used + ikv_samples_memory(pages) <= memory)
        (void)ikv_samples_new(pages, &store->samples);
}

/* Lookups in memory need a tree of all fences, if there is memory for it. */
static int build_fence_tree(struct ikv_store *store, uint64_t memory, ikv_error *err)
{
    struct ikv_fences *fences = &store->fences;
    const uint64_t tree_memory = ikv_fence_tree_memory(fences->count);
    const uint64_t freed = fences->words == 1 ? ikv_fences_memory(fences) : 0;

    if (!store->map || !fences->keys || fences->count != store->index.pages ||
        ikv_store_fixed_memory(store) - freed + tree_memory > memory)
        return 0;
    int code = ikv_fence_tree_build(&store->tree, fences);
    if (code == 0)
        ikv_map_track_verified(store->map, store->index.pages);
    if (code == 0 && fences->words == 1) { /* the fences are the tree's lowest level */
        free(fences->keys);
        fences->keys = store->tree.nodes + store->tree.level_at[0];
        fences->is_in_tree = true;
    }
    if (code == 0)
        create_hints(store, memory);
    return code < 0 ? ikv_fail(err, code, IKV_AT_FILE(store->path), "cannot load the fences") : 0;
}

static int open_store(struct ikv_store *store, const ikv_open_options *options, ikv_error *err)
{
    struct ikv_detected detected = {0};
    struct ikv_key_info key;

    if (options->key_type && !ikv_key_describe(options->key_type, &key))
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "open options: unknown key type");
    int code = check_backend(options, store->file.source, err);
    if (code == 0)
        code = open_file(store, err);
    if (code == 0)
        code = ikv_store_detect(store, &detected, err);
    if (code < 0)
        return code;
    if (detected.is_native)
        code = ikv_store_open_native(store, &detected.header, &detected.footer, options, err);
    else
        code = ikv_store_open_plain(store, &detected.header, options, err);
    if (code < 0)
        return code;
    if (!store->is_clustered)
        store->v2_index = store->index;
    store->entries = ikv_geometry_of_entries(&store->v2_index);
    code = open_backend(store, options, err);
    if (code == 0)
        code = build_fence_tree(store, options->index_memory, err);
    if (code == 0)
        code = ikv_store_open_filters(
            store,
            options->index_memory - ikv_min(options->index_memory, ikv_store_fixed_memory(store)),
            err);
    if (code < 0)
        return code;
    create_caches(store, options->index_memory);
    set_first_read(store);
    return 0;
}

int ikv_store_open(const char *path, struct ikv_source *source, const ikv_open_options *options,
                   struct ikv_store **ret_store, ikv_error *err)
{
    struct ikv_store *store = calloc(1, sizeof *store);

    if (source)
        path = source->path;
    if (store) {
        store->file.source = source;
        store->file.fd = store->direct.fd = -1;
        store->reads = &store->file;
        store->path = malloc(strlen(path) + 1);
    }
    if (!store || !store->path) {
        free(store);
        if (source)
            source->type->close(source);
        return ikv_fail(err, -ENOMEM, IKV_AT_FILE(path), "cannot open");
    }
    memcpy(store->path, path, strlen(path) + 1);
    int code = open_store(store, options, err);
    if (code < 0) {
        ikv_store_close(store);
        return code;
    }
    if (source)
        source->type->opened(source);
    else
        IKV_ADVISE_RANDOM(store->file.fd);
    *ret_store = store;
    return 0;
}

void ikv_store_close(struct ikv_store *store)
{
    ikv_map_free(store->map); /* first: its thread uses the file */
    ikv_thread_files_close(&store->thread_files);
    if (store->file.source)
        store->file.source->type->close(store->file.source);
    if (store->file.fd >= 0)
        (void)close(store->file.fd);
    if (store->direct.fd >= 0)
        (void)close(store->direct.fd);
    free(store->path);
    free(store->metadata);
    free(store->events);
    if (!store->fences.is_in_tree)
        free(store->fences.keys);
    ikv_fence_lines_free(&store->fence_lines);
    ikv_fence_tree_free(&store->tree);
    ikv_samples_free(store->samples);
    ikv_learner_free(store->learner);
    ikv_page_cache_free(store->cache);
    free(store->page_sums);
    free(store->extents);
    ikv_filters_free(&store->filters);
    free((void *)store->visited);
    ikv_leaf_counts_free(&store->leaf_counts);
    free(store);
}
