#include "bench/draws.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "base/platform.h"
#include "base/signals.h"
#include "text/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Draws whose reads are announced to the kernel together, so that the device serves many at once.
 */
#define READ_AHEAD 256

/* After this many pairs of keys without a gap, the store is assumed to have none. */
#define TRIES_MAX 10000

#define PAGE UINT64_C(4096)

struct sampler {
    const struct draws_options *options;
    const ikv_info *info;
    const char *path;
    int fd;
    struct random random;
    struct zipf zipf;
    uint64_t rank, left; /* of a run: the next rank, and how many are left */
};

/* ---------------------------------------------------------------- ranks */

static uint64_t next_rank(struct sampler *sampler)
{
    const uint64_t pairs = sampler->info->pair_count;

    switch (sampler->options->distribution) {
    case DISTRIBUTION_ZIPF:
        return scatter(zipf_draw(&sampler->zipf, &sampler->random) - 1, pairs,
                       sampler->options->seed);
    case DISTRIBUTION_SEQUENTIAL:
    case DISTRIBUTION_CLUSTERED:
        if (sampler->left == 0) {
            sampler->rank = random_below(&sampler->random, pairs);
            sampler->left = sampler->options->distribution == DISTRIBUTION_SEQUENTIAL
                                ? UINT64_MAX
                                : sampler->options->run_length;
        }
        sampler->left--;
        const uint64_t rank = sampler->rank;
        sampler->rank = rank + 1 < pairs ? rank + 1 : 0;
        return rank;
    case DISTRIBUTION_UNIFORM:
        break;
    }
    return random_below(&sampler->random, pairs);
}

/* ---------------------------------------------------------------- keys */

static int read_failed(const struct sampler *sampler, ssize_t got)
{
    if (got >= 0)
        message("%s: the file was truncated while it was open", sampler->path);
    else
        message("%s: reading keys: %s", sampler->path, strerror(errno));
    return STATUS_IO;
}

/* Reads the stored keys of `count` (1 or 2) consecutive entries. */
static int read_stored(const struct sampler *sampler, uint64_t rank, size_t count,
                       unsigned char stored[2][IKV_KEY_WIDTH_MAX])
{
    unsigned char entries[2 * (IKV_KEY_WIDTH_MAX + 16)];
    const size_t stride = sampler->info->stride, width = sampler->info->key_width;
    const size_t size = (count - 1) * stride + width;
    ssize_t got;

    do
        got =
            pread(sampler->fd, entries, size, (off_t)(sampler->info->index_start + rank * stride));
    while (got < 0 && errno == EINTR && signals_caught() == 0);
    if (got < 0 && errno == EINTR)
        return STATUS_INTERRUPTED;
    if ((size_t)got != size)
        return read_failed(sampler, got);
    for (size_t i = 0; i < count; i++)
        memcpy(stored[i], entries + i * stride, width);
    return STATUS_DONE;
}

/* Adds 1 to a stored key. Numbers are little-endian. */
static void increment(ikv_key_type type, unsigned char *stored)
{
    const size_t width = ikv_key_width(type);
    const bool bytes = type == IKV_KEY_BYTES(width);

    for (size_t i = 0; i < width; i++)
        if (++stored[bytes ? width - 1 - i : i] != 0)
            return;
}

/* The successor of the key at `rank`, if it is not in the store. Otherwise *ret_absent is false. */
static int find_absent(const struct sampler *sampler, uint64_t rank, unsigned char *ret_key,
                       bool *ret_absent)
{
    const ikv_key_type type = sampler->info->key_type;
    unsigned char stored[2][IKV_KEY_WIDTH_MAX], next[IKV_KEY_WIDTH_MAX];

    *ret_absent = false;
    if (rank + 1 >= sampler->info->pair_count)
        return STATUS_DONE;
    int status = read_stored(sampler, rank, 2, stored);
    if (status != STATUS_DONE)
        return status;
    increment(type, stored[0]);
    key_bytes_convert(type, ret_key, stored[0]);
    key_bytes_convert(type, next, stored[1]);
    *ret_absent = ikv_key_compare(type, ret_key, next) < 0;
    return STATUS_DONE;
}

static int draw_absent(struct sampler *sampler, uint64_t rank, unsigned char *ret_key)
{
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        bool absent;
        int status = find_absent(sampler, rank, ret_key, &absent);
        if (status != STATUS_DONE || absent)
            return status;
        rank = random_below(&sampler->random, sampler->info->pair_count);
    }
    message("%s: no absent keys, since the keys are consecutive: use --hit-ratio 1", sampler->path);
    return STATUS_USAGE;
}

/* Makes the draws [begin, end), at most READ_AHEAD. */
static int draw_some(struct sampler *sampler, struct draws *draws, uint64_t begin, uint64_t end)
{
    const ikv_info *info = sampler->info;
    uint64_t ranks[READ_AHEAD];

    for (uint64_t i = begin; i < end; i++) {
        const uint64_t rank = next_rank(sampler);
        const uint64_t offset = info->index_start + rank * info->stride;
        ranks[i - begin] = rank;
        platform_will_read(sampler->fd, (off_t)(offset / PAGE * PAGE), (off_t)PAGE);
    }
    for (uint64_t i = begin; i < end; i++) {
        unsigned char *key = draws->keys + i * draws->width;
        unsigned char stored[2][IKV_KEY_WIDTH_MAX];
        int status;

        draws->present[i] = random_share(&sampler->random) < sampler->options->present;
        if (draws->present[i]) {
            status = read_stored(sampler, ranks[i - begin], 1, stored);
            key_bytes_convert(info->key_type, key, stored[0]);
        } else {
            status = draw_absent(sampler, ranks[i - begin], key);
        }
        if (status != STATUS_DONE)
            return status;
    }
    return STATUS_DONE;
}

/* ---------------------------------------------------------------- all */

static int open_file(struct sampler *sampler)
{
    struct stat st;

    sampler->fd = open(sampler->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (sampler->fd < 0 || fstat(sampler->fd, &st) != 0) {
        message("%s: %s", sampler->path, strerror(errno));
        return STATUS_IO;
    }
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != sampler->info->file_size) {
        message("%s: the file was replaced during the measurement", sampler->path);
        return STATUS_IO;
    }
    platform_will_read_randomly(sampler->fd);
    return STATUS_DONE;
}

static int draw_all(struct sampler *sampler, struct draws *draws)
{
    const struct draws_options *options = sampler->options;
    const double deadline = seconds_now() + options->seconds;

    while (draws->count < options->count) {
        const uint64_t left = options->count - draws->count;
        const uint64_t end = draws->count + (left < READ_AHEAD ? left : READ_AHEAD);
        int status = draw_some(sampler, draws, draws->count, end);
        if (status != STATUS_DONE)
            return status;
        draws->count = end;
        if (signals_caught() != 0)
            return STATUS_INTERRUPTED;
        if (end >= options->min_count && seconds_now() > deadline)
            break;
    }
    return STATUS_DONE;
}

int draws_make(struct draws *draws, const char *path, const ikv_info *info,
               const struct draws_options *options)
{
    struct sampler sampler = {
        .options = options, .info = info, .path = path, .fd = -1, .random = {options->seed}};

    *draws = (struct draws){.width = info->key_width};
    if (info->pair_count == 0) {
        message("%s: the store is empty", path);
        return STATUS_USAGE;
    }
    draws->keys = malloc(options->count * draws->width);
    draws->present = malloc(options->count);
    if (draws->keys == NULL || draws->present == NULL)
        return out_of_memory();
    if (options->distribution == DISTRIBUTION_ZIPF)
        zipf_init(&sampler.zipf, info->pair_count, options->theta);
    int status = open_file(&sampler);
    if (status == STATUS_DONE)
        status = draw_all(&sampler, draws);
    if (sampler.fd >= 0)
        close(sampler.fd);
    return status;
}

void draws_free(struct draws *draws)
{
    free(draws->keys);
    free(draws->present);
    *draws = (struct draws){0};
}
