/* Opening and closing a store: what kind of file is it? */
#define _GNU_SOURCE
#include "core/format/checksum.h"
#include "core/io/file_io.h"
#include "core/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INDEX_MEMORY_DEFAULT ((uint64_t)64 << 20)

#define VERSIONS_PLAUSIBLE 255 /* a file that begins with a greater number is something else */

int ikv_store_read(struct ikv_store *store, void *buf, size_t size, uint64_t offset, ikv_error *err)
{
    if (size == 0)
        return 0;
    int code = ikv_pread_all(store->file.fd, buf, size, offset, NULL);
    store->open_reads++;
    store->open_bytes += size;
    if (code < 0)
        return ikv_fail(err, code, IKV_AT_OFFSET(store->path, offset), "reading it");
    return 0;
}

/* A number for this opening of this file. Time alone would do, if every clock were fine enough. */
static int identify(const struct stat *st, uint64_t *ret_serial)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return -errno;
    const uint64_t facts[] = {(uint64_t)now.tv_sec,         (uint64_t)now.tv_nsec,
                              (uint64_t)st->st_dev,         (uint64_t)st->st_ino,
                              (uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec,
                              (uint64_t)st->st_size};
    *ret_serial = ikv_checksum(facts, sizeof facts);
    return 0;
}

static int open_file(struct ikv_store *store, ikv_error *err)
{
    struct stat st;

    /* O_NONBLOCK: a FIFO must not keep us waiting; it has no effect on regular files. */
    store->file.fd = open(store->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (store->file.fd < 0 && errno == ENXIO) /* a socket, or a device without its driver */
        return ikv_fail(err, IKV_E_NOT_REGULAR, IKV_AT_FILE(store->path), "opening it");
    if (store->file.fd < 0 || fstat(store->file.fd, &st) != 0)
        return ikv_fail(err, -errno, IKV_AT_FILE(store->path), "opening it");
    if (!S_ISREG(st.st_mode))
        return ikv_fail(err, IKV_E_NOT_REGULAR, IKV_AT_FILE(store->path), "opening it");
    /* From here on it would make an io_uring answer EAGAIN instead of waiting for the disk. */
    if (fcntl(store->file.fd, F_SETFL, 0) != 0)
        return ikv_fail(err, -errno, IKV_AT_FILE(store->path), "opening it");
    store->opened = st;
    store->file_size = (uint64_t)st.st_size;
    int code = identify(&st, &store->file.serial);
    if (code < 0)
        return ikv_fail(err, code, IKV_AT_FILE(store->path), "reading the clock");
    return 0;
}

/* How the file answers before its kind is known. */
struct first_look {
    unsigned char header_bytes[IKV_HEADER_SIZE];
    struct ikv_header header;
    bool header_is_native;
    enum ikv_footer_check footer_check;
    struct ikv_footer footer;
};

static int look(struct ikv_store *store, struct first_look *look, ikv_error *err)
{
    unsigned char footer[IKV_FOOTER_SIZE];

    if (store->file_size < IKV_HEADER_SIZE)
        return ikv_fail(err, IKV_E_NOT_STORE, IKV_AT_FILE(store->path),
                        "%llu bytes are too few for a header",
                        (unsigned long long)store->file_size);
    int code = ikv_store_read(store, look->header_bytes, IKV_HEADER_SIZE, 0, err);
    if (code < 0)
        return code;
    ikv_header_decode(look->header_bytes, &look->header);
    look->header_is_native = ikv_header_is_native(&look->header);
    look->footer_check = IKV_FOOTER_ABSENT;
    if (store->file_size >= IKV_HEADER_SIZE + IKV_FOOTER_SIZE) {
        code = ikv_store_read(store, footer, sizeof footer, store->file_size - sizeof footer, err);
        if (code == 0)
            look->footer_check = ikv_footer_decode(footer, &look->footer);
    }
    return code;
}

/* Fields that every version 2 header must satisfy. */
static int check_header(const struct ikv_store *store, const struct ikv_header *header,
                        ikv_error *err)
{
    const struct ikv_where at = IKV_AT_FILE(store->path);

    if (header->version != IKV_FORMAT_VERSION) {
        if (header->version == 0 || header->version > VERSIONS_PLAUSIBLE)
            return ikv_fail(err, IKV_E_NOT_STORE, at, "it does not begin with a version");
        return ikv_fail(err, IKV_E_VERSION, at, "version %u", header->version);
    }
    if (header->completed > 1)
        return ikv_fail(err, IKV_E_NOT_STORE, at, "its header makes no sense");
    if (header->completed == 0)
        return ikv_fail(err, IKV_E_INCOMPLETE, at, "opening it");
    if (header->index_start < IKV_HEADER_SIZE)
        return ikv_fail(err, IKV_E_HEADER, at, "the index begins inside the header");
    if (header->index_start > store->file_size)
        return ikv_fail(
            err, IKV_E_TRUNCATED, at, "the index begins at %llu, the file has %llu bytes",
            (unsigned long long)header->index_start, (unsigned long long)store->file_size);
    return 0;
}

static unsigned differing_bytes(const unsigned char *a, const unsigned char *b, size_t *where)
{
    unsigned count = 0;
    for (size_t i = 0; i < IKV_HEADER_SIZE; i++) {
        if (a[i] != b[i]) {
            *where = i;
            count++;
        }
    }
    return count;
}

/* Is the beginning of the record area still what the footer's store had there? */
static int is_record_area_unchanged(struct ikv_store *store, const struct ikv_footer *footer,
                                    bool *ret)
{
    unsigned char sum[IKV_BLOCK_CHECKSUM_SIZE];
    struct ikv_header copy;
    const struct ikv_section *section;

    *ret = false;
    ikv_header_decode(footer->header, &copy);
    int code = ikv_store_read_directory(store, &copy, footer, NULL);
    section = ikv_store_section(store, IKV_SECTION_BLOCK_CHECKSUMS);
    store->section_count = 0;
    if (code < 0 || !section || section->length < sizeof sum || copy.index_start <= IKV_HEADER_SIZE)
        return code > IKV_E_INVALID ? code : 0; /* -errno: nothing was learned about the file */
    const uint64_t sum_offset = section->offset;
    const size_t size = (size_t)ikv_min(copy.index_start, IKV_BLOCK_SIZE) - IKV_HEADER_SIZE;
    unsigned char *block = malloc(size);
    code = block ? ikv_store_read(store, sum, sizeof sum, sum_offset, NULL) : -ENOMEM;
    if (code == 0)
        code = ikv_store_read(store, block, size, IKV_HEADER_SIZE, NULL);
    if (code == 0)
        *ret = ikv_load64(sum) == ikv_checksum(block, size);
    free(block);
    return code;
}

/*
 * The header's tag is wrong, but there is a footer of ours. Two stories fit: the crate rewrote the
 * file in place and left the footer behind, or the header was damaged. A footer holds a copy of its
 * header: if they differ in a single byte of version, completed or tag, it is damage, since a
 * rewrite changes count or index start. Otherwise the records decide: the crate writes over them
 * from the front, so as long as the first block is as it was it is damage. (The crate's store of no
 * pairs is the one that leaves them alone.)
 */
static int check_left_footer(struct ikv_store *store, const struct first_look *look, ikv_error *err)
{
    const struct ikv_header *header = &look->header;
    size_t where = 0;
    const bool one = differing_bytes(look->header_bytes, look->footer.header, &where) == 1;
    bool damaged =
        one && !(where >= 3 && where < 19); /* not in the fields that a rewrite changes */

    if (!damaged && !(header->pair_count == 0 && header->index_start == IKV_HEADER_SIZE)) {
        int code = is_record_area_unchanged(store, &look->footer, &damaged);
        if (code < 0)
            return ikv_fail(err, code, IKV_AT_FILE(store->path), "reading it");
    }
    if (damaged)
        return ikv_fail(err, IKV_E_HEADER, IKV_AT_OFFSET(store->path, where),
                        "it differs from the footer's copy");
    return 0;
}

static int check_own_footer(const struct ikv_store *store, const struct first_look *look,
                            ikv_error *err)
{
    const struct ikv_header *header = &look->header;
    const struct ikv_where at = IKV_AT_FILE(store->path);

    if (look->footer_check == IKV_FOOTER_VALID) {
        if (memcmp(look->header_bytes, look->footer.header, IKV_HEADER_SIZE) != 0)
            return ikv_fail(err, IKV_E_FOOTER, at, "it belongs to another header");
        return 0;
    }
    if (header->pair_count > (store->file_size - header->index_start) / 16)
        return ikv_fail(err, IKV_E_TRUNCATED, at, "the index ends beyond the file");
    const bool absent = look->footer_check == IKV_FOOTER_ABSENT;
    const uint64_t size = ikv_min(store->file_size, IKV_FOOTER_SIZE);
    return ikv_fail(err, IKV_E_FOOTER, IKV_AT_OFFSET(store->path, store->file_size - size),
                    absent ? "there is none at the end of the file" : "its checksum is wrong");
}

/* A header of ours carries a tag over its own bytes. If the tag is right, header and footer have to
 * agree. If it is not, the file is the crate's, or damaged. */
static int choose_kind(struct ikv_store *store, const struct first_look *look, bool *ret_native,
                       ikv_error *err)
{
    const bool interrupted =
        look->header.version == IKV_FORMAT_VERSION && look->header.completed == 0;
    int code = 0;

    if (!look->header_is_native && !interrupted && look->footer_check == IKV_FOOTER_VALID)
        code = check_left_footer(store, look, err);
    if (code == 0)
        code = check_header(store, &look->header, err);
    if (code == 0 && look->header_is_native)
        code = check_own_footer(store, look, err);
    *ret_native = look->header_is_native;
    return code;
}

/* Sizes of plain records are not known: twice the average, so that most take one read. */
static void set_first_read(struct ikv_store *store)
{
    uint64_t count = store->index.count;
    uint64_t size = 0;

    if (store->has_trailer)
        size = (uint64_t)store->properties.value_size_p99 + store->surplus;
    else if (count)
        size = ikv_min(2 * ((store->records_end - IKV_HEADER_SIZE) / count), 16384);
    store->first_read = (uint32_t)ikv_min(size + IKV_RECORD_HEADER_SIZE, UINT32_MAX);
}

/* ---------------------------------------------------------------- ways of reading */

static int check_backend(const ikv_open_options *options, ikv_error *err)
{
    const uint32_t flags = options->flags;
    const bool mapped =
        options->backend == IKV_BACKEND_AUTO || options->backend == IKV_BACKEND_MMAP;
    const bool direct = (flags & IKV_OPEN_DIRECT) != 0;
    const char *wrong = NULL;

    if ((unsigned)options->backend > IKV_BACKEND_MMAP)
        wrong = "no such backend";
    else if (flags & ~(uint32_t)(IKV_OPEN_DIRECT | IKV_OPEN_NO_MAP | IKV_MAP_FLAGS))
        wrong = "unknown flags";
    else if (options->backend == IKV_BACKEND_MMAP && (flags & (IKV_OPEN_DIRECT | IKV_OPEN_NO_MAP)))
        wrong = "backend mmap can neither read directly nor do without a mapping";
    else if ((flags & IKV_MAP_FLAGS) && (!mapped || direct || (flags & IKV_OPEN_NO_MAP)))
        wrong = "preload, lock and prime need a mapping: backend auto or mmap, not direct";
    else if ((flags & IKV_OPEN_LOCK) && !(flags & IKV_PRELOAD_FLAGS))
        wrong = "lock needs preload";
    return wrong ? ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "open options: %s", wrong) : 0;
}

static int choose_engine(struct ikv_store *store, const ikv_open_options *options, ikv_error *err)
{
    const struct ikv_where at = IKV_AT_FILE(store->path);
    char reason[200] = "";

    store->backend_wanted = options->backend;
    if (options->backend == IKV_BACKEND_URING) {
        int code = ikv_io_ring_probe(reason, sizeof reason);
        if (code < 0)
            return ikv_fail(err, code, at, "%s", reason);
    }
    int code = options->flags & IKV_OPEN_DIRECT ? ikv_store_open_direct(store, err) : 0;
    if (code == 0)
        code = ikv_store_open_map(store, options, err);
    if (code < 0)
        return code;
    code = ikv_attach(options->engine, store, &store->attachment);
    return code < 0 ? ikv_fail(err, code, at, "its engine") : 0;
}

static uint64_t fixed_memory(const struct ikv_store *store)
{
    return store->fences.count * store->fences.words * sizeof(uint64_t) + store->tree.memory +
           (store->samples ? ikv_samples_memory(store->index.pages) : 0) +
           (store->page_sums ? store->index.pages * IKV_PAGE_CHECKSUM_SIZE : 0);
}

/* What the trailer gave is loaded. The rest of the memory goes to what lookups will learn; if there
 * is none to be had, they learn nothing. */
static void keep_what_is_read(struct ikv_store *store, uint64_t memory)
{
    /* Without its checksum at hand a page that is kept could not be verified. */
    const bool verifiable = store->page_sums || !store->page_sums_offset;
    const uint32_t stride = store->index.stride;
    const uint32_t page_size = IKV_PAGE_SIZE + (IKV_PAGE_SIZE % stride != 0 ? stride : 0);
    struct ikv_learner_info learned;

    memory -= ikv_min(memory, fixed_memory(store));
    if (!store->has_trailer)
        (void)ikv_learner_new(&store->index, memory, &store->learner);
    ikv_learner_get_info(store->learner, &learned);
    memory -= ikv_min(memory, learned.bytes_most);
    if (verifiable)
        (void)ikv_page_cache_new(memory, store->index.pages, page_size, &store->cache);
}

/* With all fences in memory, and memory left for their tree, keys can be looked up in memory. */
static int plant_tree(struct ikv_store *store, uint64_t memory, ikv_error *err)
{
    const struct ikv_fences *fences = &store->fences;

    if (!store->map || fences->count == 0 || fences->count != store->index.pages ||
        fixed_memory(store) + ikv_fence_tree_memory(fences->count) > memory)
        return 0;
    int code = ikv_fence_tree_build(&store->tree, fences);
    if (code == 0)
        ikv_map_note_pages(store->map, store->index.pages);
    /* Lookups do without samples, if there is no memory for them. */
    if (code == 0 && fixed_memory(store) + ikv_samples_memory(store->index.pages) <= memory)
        (void)ikv_samples_new(store->index.pages, &store->samples);
    return code < 0 ? ikv_fail(err, code, IKV_AT_FILE(store->path), "its fences") : 0;
}

static int open_store(struct ikv_store *store, const ikv_open_options *options, ikv_error *err)
{
    struct first_look first = {0};
    struct ikv_key_info key;
    bool native = false;

    if (options->key_type && !ikv_key_describe(options->key_type, &key))
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "open options: no such key type");
    int code = check_backend(options, err);
    if (code == 0)
        code = open_file(store, err);
    if (code == 0)
        code = look(store, &first, err);
    if (code == 0)
        code = choose_kind(store, &first, &native, err);
    if (code < 0)
        return code;
    if (native)
        code = ikv_store_open_native(store, &first.header, &first.footer, options, err);
    else
        code = ikv_store_open_plain(store, &first.header, options, err);
    if (code < 0)
        return code;
    store->entries = ikv_geometry_of_entries(&store->index);
    code = choose_engine(store, options, err);
    if (code == 0)
        code = plant_tree(store, options->index_memory, err);
    if (code < 0)
        return code;
    keep_what_is_read(store, options->index_memory);
    set_first_read(store);
    return 0;
}

int ikv_open(const char *path, const ikv_open_options *options, ikv_store **ret_store,
             ikv_error *err)
{
    struct ikv_open_options known;

    if (!path || !ret_store)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_open: an argument is NULL");
    int code = ikv_options_copy(&known, sizeof known, options, err);
    if (code < 0)
        return code;
    known.index_memory = ikv_memory_option(known.index_memory, INDEX_MEMORY_DEFAULT);
    struct ikv_store *store = calloc(1, sizeof *store);
    if (store) {
        store->file.fd = store->direct.fd = -1;
        store->reads = &store->file;
        store->path = malloc(strlen(path) + 1);
    }
    if (!store || !store->path) {
        free(store);
        return ikv_fail(err, -ENOMEM, IKV_AT_FILE(path), "opening it");
    }
    memcpy(store->path, path, strlen(path) + 1);
    code = open_store(store, &known, err);
    if (code < 0) {
        ikv_close(store);
        return code;
    }
    IKV_ADVISE_RANDOM(store->file.fd);
    *ret_store = store;
    return 0;
}

void ikv_close(ikv_store *store)
{
    if (!store)
        return;
    ikv_detach(store->attachment);
    ikv_own_files_close(&store->own_files);
    if (store->file.fd >= 0)
        (void)close(store->file.fd);
    if (store->direct.fd >= 0)
        (void)close(store->direct.fd);
    free(store->path);
    free(store->metadata);
    free(store->fences.keys);
    ikv_fence_tree_free(&store->tree);
    ikv_samples_free(store->samples);
    ikv_map_free(store->map);
    ikv_learner_free(store->learner);
    ikv_page_cache_free(store->cache);
    free(store->page_sums);
    free(store);
}

void ikv_store_info(const ikv_store *store, ikv_info *ret_info)
{
    const struct ikv_geometry *index = &store->index;
    struct ikv_page_cache_info cached;
    struct ikv_learner_info learned;
    static const char *const backends[] = {"auto", "pread", "uring", "mmap"};

    ikv_learner_get_info(store->learner, &learned);
    ikv_page_cache_info(store->cache, &cached);
    *ret_info = (struct ikv_info){
        .key_type = index->key.type,
        .key_width = index->key.width,
        .stride = index->stride,
        .page_size = IKV_PAGE_SIZE,
        .has_trailer = store->has_trailer,
        .in_key_order = (store->properties.flags & IKV_PROPERTY_IN_KEY_ORDER) != 0,
        .file_size = store->file_size,
        .pair_count = index->count,
        .records_end = store->records_end,
        .index_start = index->index_start,
        .index_size = index->count * index->stride,
        .index_pages = index->pages,
        .value_size_min = store->properties.value_size_min,
        .value_size_max = store->properties.value_size_max,
        .value_size_p99 = store->properties.value_size_p99,
        .value_bytes = store->properties.value_bytes,
        .metadata = store->metadata,
        .metadata_size = store->metadata_size,
        .fences = store->fences.count + learned.known,
        .cached_pages = cached.pages,
        .cache_pages = cached.pages_max,
        .index_memory = fixed_memory(store) + learned.bytes + cached.memory,
        .open_reads = store->open_reads,
        .open_bytes = store->open_bytes,
        .backend = backends[store->backend_wanted],
        .direct = store->reads->direct,
        .locked = store->locked,
        .mapped = store->map ? store->map->size : 0,
        .resident = store->map
                        ? ikv_min(ikv_map_count(store->map) << store->map->shift, store->file_size)
                        : 0,
    };
    memcpy(ret_info->store_id, store->store_id, sizeof store->store_id);
}
