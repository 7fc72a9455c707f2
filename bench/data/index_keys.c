#include "data/index_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)

/* ---------------------------------------------------------------- opening */

static int read_info(struct index_keys *index, struct bench_error *error)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    options.key_type = dataset_key_type(&index->data);
    options.backend = IKV_BACKEND_PREAD;
    options.index_memory = 1;
    if (ikv_open(index->path, &options, &store, &err) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    ikv_store_info(store, &index->info);
    ikv_close(store);
    return BENCH_OK;
}

static int map(struct index_keys *index, struct bench_error *error)
{
    const size_t size = (size_t)index->info.file_size;
    const int fd = open(index->path, O_RDONLY | O_CLOEXEC);
    unsigned char *at = NULL;

    index->reserved_size = size + HUGE_PAGE;
    index->reserved =
        mmap(NULL, index->reserved_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fd >= 0 && index->reserved != MAP_FAILED) {
        at = index->reserved;
        at += (HUGE_PAGE - (uintptr_t)at % HUGE_PAGE) % HUGE_PAGE;
        at = mmap(at, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
    }
    const int code = errno;
    if (fd >= 0)
        (void)close(fd);
    if (!at || at == MAP_FAILED)
        return bench_error_set(error, BENCH_FAILED, "%s: %s", index->path, strerror(code));
    index->file = at;
    (void)madvise(at, size, MADV_HUGEPAGE); /* may fail */
    return BENCH_OK;
}

int index_keys_open(struct index_keys *index, const struct dataset *data, struct bench_error *error)
{
    *index = (struct index_keys){.data = *data};
    int code = dataset_ensure(data, index->path, sizeof index->path, error);
    if (code == BENCH_OK)
        code = read_info(index, error);
    return code == BENCH_OK ? map(index, error) : code;
}

void index_keys_close(struct index_keys *index)
{
    if (index->reserved && index->reserved != MAP_FAILED)
        (void)munmap(index->reserved, index->reserved_size);
    *index = (struct index_keys){0};
}

/* ---------------------------------------------------------------- entries */

const unsigned char *index_keys_entry(const struct index_keys *index, uint64_t number)
{
    return index->file + index->info.index_start + number * index->info.stride;
}

static uint64_t little_endian(const unsigned char *bytes)
{
    uint64_t x = 0;

    for (int i = 7; i >= 0; i--)
        x = x << 8 | bytes[i];
    return x;
}

void index_keys_get(const struct index_keys *index, uint64_t number, unsigned char *key)
{
    const unsigned char *entry = index_keys_entry(index, number);
    const size_t size = dataset_key_size(&index->data);

    memcpy(key, entry, size);
    if (size == sizeof(uint64_t)) {
        const uint64_t x = little_endian(entry);
        memcpy(key, &x, sizeof x);
    }
}

uint64_t index_keys_position(const struct index_keys *index, uint64_t number)
{
    return little_endian(index_keys_entry(index, number) + dataset_key_size(&index->data));
}

uint64_t index_keys_find(const struct index_keys *index, const unsigned char *key)
{
    const ikv_key_type type = dataset_key_type(&index->data);
    uint64_t from = 0;
    uint64_t to = index->info.pair_count - 1;

    while (from < to) {
        unsigned char middle[DATASET_KEY_MAX];
        const uint64_t number = from + (to - from) / 2;
        index_keys_get(index, number, middle);
        if (ikv_key_compare(type, middle, key) < 0)
            from = number + 1;
        else
            to = number;
    }
    return from;
}
