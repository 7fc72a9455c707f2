#include "map_fixture.h"

#include "core/platform/platform.h"
#include "platform.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Address of the page that contains the offset. */
static unsigned char *page_at(const ikv_store *store, uint64_t offset)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    return (unsigned char *)(uintptr_t)store->map->bytes + offset / page * page;
}

size_t map_count_pages(const ikv_store *store, uint64_t offset, uint64_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (size_t)(page_at(store, offset + size - 1) - page_at(store, offset)) / page + 1;
}

size_t map_count_resident(const ikv_store *store, uint64_t offset, uint64_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t pages = map_count_pages(store, offset, size);
    unsigned char *vector = must_malloc(pages);
    size_t count = 0;

    if (test_in_core(page_at(store, offset), pages * page, vector) != 0)
        test_die("mincore");
    for (size_t i = 0; i < pages; i++)
        count += vector[i] & 1;
    free(vector);
    return count;
}

bool map_reports_residency(void)
{
    return IKV_HAVE_MINCORE;
}

void map_try_to_drop(const ikv_store *store, uint64_t offset, uint64_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *start = page_at(store, offset);
    const size_t length = map_count_pages(store, offset, size) * page;

    /* The kernel keeps pages that a process has mapped. */
    (void)madvise(start, length, MADV_DONTNEED);
    (void)test_drop_cache(store->file.fd, (off_t)(start - store->map->bytes), (off_t)length);
}

/* Whether the pages of a file that nothing maps, beside the store, can be dropped. */
static bool can_drop(const ikv_store *store)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char path[4096];
    unsigned char resident = 1;
    void *bytes = MAP_FAILED;

    (void)snprintf(path, sizeof path, "%s.probe", store->path);
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd >= 0 && ftruncate(fd, (off_t)page) == 0 && pwrite(fd, "x", 1, 0) == 1 &&
        fsync(fd) == 0) {
        (void)test_drop_cache(fd, 0, (off_t)page);
        bytes = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
    }
    if (bytes != MAP_FAILED) {
        (void)test_in_core(bytes, page, &resident);
        (void)munmap(bytes, page);
    }
    (void)close(fd);
    (void)unlink(path);
    return (resident & 1) == 0;
}

void map_drop(const ikv_store *store, uint64_t offset, uint64_t size)
{
    (void)fsync(store->file.fd);
    for (int tries = 0; tries < 1000; tries++) {
        map_try_to_drop(store, offset, size);
        if (map_count_resident(store, offset, size) == 0)
            return;
        (void)usleep(1000); /* they may still be in a CPU's list of recently used pages */
    }
    /* A store that a failed test has left open keeps them, too, and must not turn that into a skip.
     */
    if (can_drop(store)) {
        (void)fprintf(stderr, "cached pages stay, though the file system drops those of others\n");
        exit(1);
    }
    (void)fprintf(stderr, "skipped: the file system does not drop cached pages\n");
    exit(77);
}

void map_warm(const ikv_store *store, uint64_t offset, uint64_t size)
{
    unsigned char byte;
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    for (uint64_t at = offset / page * page; at < offset + size && at < store->file_size;
         at += page)
        if (pread(store->file.fd, &byte, 1, (off_t)at) != 1)
            test_die("reading %s", store->path);
}

#define SAMPLED_ENTRIES 8 /* pages with fewer entries have no samples */

void map_set_hints(const ikv_store *store, uint64_t word)
{
    for (uint64_t i = 0; i < store->map->words; i++)
        atomic_store(&store->map->resident[i], word);
    atomic_store(&store->map->full_words, word == UINT64_MAX ? store->map->words : 0);
}

void map_set_random_hints(const ikv_store *store, rng_state *rng)
{
    for (uint64_t i = 0; i < store->map->words; i++)
        atomic_store(&store->map->resident[i], rng_next(rng));
    atomic_store(&store->map->full_words, 0);
}

void map_set_random_samples(const ikv_store *store, rng_state *rng)
{
    for (uint64_t page = 0; store->samples && page < store->index.pages; page++) {
        const uint64_t first = ikv_page_first_entry(&store->index, page);

        if (ikv_page_first_entry(&store->index, page + 1) - first < SAMPLED_ENTRIES)
            continue;
        rng_fill(rng, store->samples->pages[page], IKV_SAMPLES);
        ikv_samples_publish(store->samples, page);
    }
}

void map_set_random_counts(ikv_store *store, rng_state *rng)
{
    const struct ikv_geometry *index = &store->index;
    struct ikv_leaf_counts *counts = &store->leaf_counts;

    if (!counts->each && !counts->inner)
        return;
    const uint64_t max = (index->leaf_size - IKV_LEAF_FOOTER_SIZE) / index->stride;
    ikv_map_clear_verified(store->map); /* verified leaves have the right numbers */
    if (counts->inner) {
        counts->first = (uint32_t)rng_below(rng, max + 1);
        counts->inner = 1 + (uint32_t)rng_below(rng, max);
        counts->last = (uint32_t)rng_below(rng, max + 1);
        return;
    }
    for (uint64_t leaf = 0; leaf < index->pages; leaf++)
        ikv_leaf_counts_set(counts, leaf, (uint32_t)rng_below(rng, max + 1));
}

void map_make(const char *path, uint64_t count, size_t size, uint32_t flags, store_model *ret_model)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    unsigned char *value = must_malloc(size);
    rng_state rng = {count + size};

    model_init(ret_model, IKV_KEY_U64);
    for (uint64_t key = 0; key < count; key++) {
        rng_fill(&rng, value, size);
        model_add(ret_model, &key, value, size);
    }
    model_sort(ret_model, MODEL_KEEP_ALL);
    options.flags = flags;
    store_write(path, ret_model, &options);
    free(value);
}
