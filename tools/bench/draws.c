#include "bench/draws.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "base/signals.h"
#include "bench/stored_keys.h"
#include "text/keys.h"

#include <stdlib.h>

/* Draws whose reads are announced to the kernel together, so that the device serves many at once.
 */
#define READ_AHEAD 256

/* After this many pairs of keys without a gap, the store is assumed to have none. */
#define TRIES_MAX 10000

struct sampler {
    const struct draws_options *options;
    const ikv_info *info;
    struct stored_keys stored;
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
    size_t count = 2;
    int status = stored_keys_read(&sampler->stored, rank, stored, &count);
    if (status != STATUS_DONE || count < 2)
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
    message("%s: no absent keys, since the keys are consecutive: use --hit-ratio 1",
            sampler->stored.path);
    return STATUS_USAGE;
}

/* Makes the draws [begin, end), at most READ_AHEAD. */
static int draw_some(struct sampler *sampler, struct draws *draws, uint64_t begin, uint64_t end)
{
    const ikv_info *info = sampler->info;
    uint64_t ranks[READ_AHEAD];

    for (uint64_t i = begin; i < end; i++) {
        ranks[i - begin] = next_rank(sampler);
        stored_keys_will_read(&sampler->stored, ranks[i - begin]);
    }
    for (uint64_t i = begin; i < end; i++) {
        unsigned char *key = draws->keys + i * draws->width;
        unsigned char stored[2][IKV_KEY_WIDTH_MAX];
        size_t count = 1;
        int status;

        draws->present[i] = random_share(&sampler->random) < sampler->options->present;
        if (draws->present[i]) {
            status = stored_keys_read(&sampler->stored, ranks[i - begin], stored, &count);
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
        .options = options, .info = info, .stored.fd = -1, .random = {options->seed}};

    *draws = (struct draws){.width = info->key_width};
    if (info->pair_count == 0) {
        message("%s: the store is empty", path);
        return STATUS_USAGE;
    }
    if (options->count > SIZE_MAX / draws->width)
        return out_of_memory();
    draws->keys = malloc((size_t)options->count * draws->width);
    draws->present = malloc((size_t)options->count);
    if (draws->keys == NULL || draws->present == NULL)
        return out_of_memory();
    if (options->distribution == DISTRIBUTION_ZIPF)
        zipf_init(&sampler.zipf, info->pair_count, options->theta);
    int status = stored_keys_open(&sampler.stored, path, info);
    if (status == STATUS_DONE)
        status = draw_all(&sampler, draws);
    stored_keys_close(&sampler.stored);
    return status;
}

void draws_free(struct draws *draws)
{
    free(draws->keys);
    free(draws->present);
    *draws = (struct draws){0};
}
