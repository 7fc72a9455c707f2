#include "data/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_SIZE      24
#define RECORD_HEAD_SIZE 4 /* size field */
#define RECORD_SUM_SIZE  4 /* checksum, not in plain files */

/* ---------------------------------------------------------------- keys and values */

uint32_t dataset_key_size(const struct dataset *dataset)
{
    return dataset->key_size ? dataset->key_size : (uint32_t)sizeof(uint64_t);
}

ikv_key_type dataset_key_type(const struct dataset *dataset)
{
    const uint32_t size = dataset_key_size(dataset);

    return size == sizeof(uint64_t) ? IKV_KEY_U64 : IKV_KEY_BYTES(size);
}

void dataset_put_key(const struct dataset *dataset, uint64_t i, unsigned char *key)
{
    const uint64_t words[2] = {dataset_key(i), dataset_key(~i)};

    memcpy(key, words, dataset_key_size(dataset));
}

/* The inverse of dataset_key; the factors are the inverses of its factors modulo 2^64. */
uint64_t dataset_number(const unsigned char *key)
{
    uint64_t x = 0;

    memcpy(&x, key, sizeof x);
    x = (x ^ (x >> 31) ^ (x >> 62)) * 0x319642b2d24d8ec3u;
    x = (x ^ (x >> 27) ^ (x >> 54)) * 0x96de1b173f119089u;
    x = x ^ (x >> 30) ^ (x >> 60);
    return x - 0x9e3779b97f4a7c15u;
}

void dataset_put_value(uint64_t i, unsigned char *value)
{
    for (int at = 0; at < DATASET_VALUE_MIN; at++, i >>= 8)
        value[at] = (unsigned char)i;
}

bool dataset_is_value(const struct dataset *dataset, uint64_t i, const void *value, size_t size)
{
    unsigned char number[DATASET_VALUE_MIN];

    dataset_put_value(i, number);
    return size == dataset->value_size && memcmp(value, number, sizeof number) == 0;
}

bool dataset_is_answer(const struct dataset *dataset, uint64_t i, const ikv_item *item)
{
    return item->status == IKV_FOUND && dataset_is_value(dataset, i, item->value, item->size);
}

/* ---------------------------------------------------------------- creating */

static bool is_clustered(const struct dataset *dataset)
{
    return dataset->layout == IKV_LAYOUT_CLUSTERED;
}

static int write_pairs(const struct dataset *dataset, ikv_writer *writer, ikv_error *err)
{
    unsigned char *value = calloc(1, dataset->value_size);
    int code = value ? 0 : -ENOMEM;

    for (uint64_t i = 0; i < dataset->pairs && code == 0; i++) {
        unsigned char key[DATASET_KEY_MAX];
        dataset_put_key(dataset, i, key);
        dataset_put_value(i, value);
        code = ikv_writer_add(writer, key, value, dataset->value_size, err);
    }
    free(value);
    return code;
}

static int create(const struct dataset *dataset, const char *path, struct bench_error *error)
{
    static const unsigned char id[16] = "indexkv/bench";
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    ikv_writer *writer = NULL;
    ikv_error err = {.message = "out of memory"};

    (void)fprintf(stderr, "creating %s\n", path);
    options.key_type = dataset_key_type(dataset);
    options.flags = dataset->plain ? IKV_WRITE_PLAIN : 0;
    options.store_id = dataset->plain ? NULL : id;
    options.expected_pairs = dataset->pairs;
    options.layout = is_clustered(dataset) ? IKV_LAYOUT_CLUSTERED : IKV_LAYOUT_ARRIVAL;
    options.filter_bits = dataset->filter_bits;
    int code = ikv_writer_new(path, &options, &writer, &err);
    if (code < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    code = write_pairs(dataset, writer, &err);
    if (code == 0)
        code = ikv_writer_finish(writer, NULL, &err);
    else
        ikv_writer_abort(writer);
    return code == 0 ? BENCH_OK : bench_error_set(error, BENCH_FAILED, "%s", err.message);
}

/* ---------------------------------------------------------------- checking */

static bool matches(const struct dataset *dataset, const ikv_info *info)
{
    const uint64_t record =
        RECORD_HEAD_SIZE + (uint64_t)dataset->value_size + (dataset->plain ? 0 : RECORD_SUM_SIZE);

    if (info->has_trailer == dataset->plain || info->pair_count != dataset->pairs ||
        (info->layout == IKV_LAYOUT_CLUSTERED) != is_clustered(dataset) ||
        (!is_clustered(dataset) && info->records_end != HEADER_SIZE + dataset->pairs * record) ||
        info->file_size < info->index_start + info->index_size)
        return false;
    return dataset->plain || (info->value_size_min == dataset->value_size &&
                              info->value_size_max == dataset->value_size);
}

static int check(const struct dataset *dataset, const char *path, struct bench_error *error)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;
    ikv_info info;

    options.key_type = dataset_key_type(dataset);
    options.backend = IKV_BACKEND_PREAD;
    options.index_memory = 1;
    if (ikv_open(path, &options, &store, &err) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    ikv_store_info(store, &info);
    ikv_close(store);
    if (!matches(dataset, &info))
        return bench_error_set(error, BENCH_FAILED,
                               "%s does not contain the data set of its name; remove it", path);
    return BENCH_OK;
}

static int make_directory(const char *directory, struct bench_error *error)
{
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return bench_error_set(error, BENCH_FAILED, "%s: %s", directory, strerror(errno));
    return BENCH_OK;
}

int dataset_path(const struct dataset *dataset, const char *suffix, char *path, size_t size,
                 struct bench_error *error)
{
    char key[16];
    char copy[16] = "";
    char layout[24] = "";

    if (is_clustered(dataset) && dataset->filter_bits)
        (void)snprintf(layout, sizeof layout, "-leaves-f%" PRIu32, dataset->filter_bits);
    else if (is_clustered(dataset))
        (void)snprintf(layout, sizeof layout, "-leaves");
    if (dataset->copy > 0)
        (void)snprintf(copy, sizeof copy, "-%" PRIu32, dataset->copy);
    const int length =
        snprintf(path, size, "%s/%s-%" PRIu64 "x%" PRIu32 "%s%s.%s", dataset->directory,
                 ikv_key_type_name(dataset_key_type(dataset), key, sizeof key), dataset->pairs,
                 dataset->value_size, layout, copy, suffix);
    if (length < 0 || (size_t)length >= size)
        return bench_error_set(error, BENCH_FAILED, "%s: too long", dataset->directory);
    return BENCH_OK;
}

int dataset_ensure(const struct dataset *dataset, char *path, size_t size,
                   struct bench_error *error)
{
    int code = dataset_path(dataset, dataset->plain ? "plain" : "ikv", path, size, error);

    if (code == BENCH_OK && access(path, F_OK) != 0) {
        code = make_directory(dataset->directory, error);
        if (code == BENCH_OK)
            code = create(dataset, path, error);
    }
    return code == BENCH_OK ? check(dataset, path, error) : code;
}

/* ---------------------------------------------------------------- warm */

static int read_all(const char *path, bool drop_first, struct bench_error *error)
{
    const size_t size = (size_t)1 << 20;
    unsigned char *buffer = malloc(size);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    if (drop_first && fd >= 0 && fdatasync(fd) == 0) /* only clean pages can be dropped */
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (buffer && fd >= 0) {
        do
            n = read(fd, buffer, size);
        while (n > 0);
    }
    free(buffer);
    if (fd >= 0)
        (void)close(fd);
    return n == 0 ? BENCH_OK : bench_error_set(error, BENCH_FAILED, "%s: cannot be read", path);
}

int dataset_warm(const char *path, struct bench_error *error)
{
    return read_all(path, false, error);
}

int dataset_reload(const char *path, struct bench_error *error)
{
    return read_all(path, true, error);
}
