/* indexkv sample: write random keys of a store. */
#include "base/exit_status.h"
#include "base/message.h"
#include "bench/draws.h"
#include "bench/stored_keys.h"
#include "command.h"
#include "options/store_options.h"
#include "table/table.h"
#include "text/keys.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_COUNT = OPTION_OWN, OPTION_SEED, OPTION_UNIQUE };

/* Reads announced ahead of the one that is waited for. */
enum { AHEAD = 64 };

#define COUNT_MAX (UINT64_C(1) << 40)

static const struct option_spec specs[] = {
    {OPTION_COUNT, 'n', "count", "N", "number of keys to write (required)"},
    {OPTION_SEED, 0, "seed", "S",
     "seed of the random numbers (default: 1); the same\n"
     "seed, N and STORE give the same keys"},
    {OPTION_UNIQUE, 'u', "unique", NULL,
     "without replacement: no key more than once; N is at\n"
     "most the number of keys"},
    {OPTION_KEYS_FORMAT, 0, "keys-format", "F",
     "text (default): one key per line; binary,\n"
     "little-endian, no separators"},
    OPTION_SPEC_KEY_SYNTAX,
    OPTION_SPECS_PLAIN,
    OPTION_SPEC_HELP,
    {0}};

static const struct command_syntax syntax = {
    "sample", "STORE -n N [OPTION...]",
    "Write random keys of a store, all with the same probability, in random order:\n"
    "as 'indexkv get --keys' reads them.",
    specs,
    "Exit status: 0 success, 2 usage, 3 not a store or wrong key type, 4 corrupt,\n"
    "5 I/O error."};

struct sample_options {
    struct store_options store;
    uint64_t count, seed;
    bool unique, binary, count_given;
};

/* A key of the sample: its rank in key order, and its place in the output. */
struct draw {
    uint64_t rank;
    uint64_t place;
};

struct sample {
    const struct sample_options *options;
    const char *path;
    struct table table;
    struct draw *draws;
    unsigned char *keys; /* in the order of the output, stored form */
};

static int accept_option(void *user, int id, const char *argument)
{
    struct sample_options *options = user;
    int choice = 0, status;
    switch (id) {
    case OPTION_COUNT:
        options->count_given = true;
        return option_number(&syntax, "count", argument, 0, COUNT_MAX, &options->count);
    case OPTION_SEED:
        return option_number(&syntax, "seed", argument, 0, UINT64_MAX, &options->seed);
    case OPTION_UNIQUE:
        options->unique = true;
        return OPTIONS_CONTINUE;
    case OPTION_KEYS_FORMAT:
        status = option_choice(&syntax, "keys-format", argument, "text|binary", &choice);
        options->binary = choice == 1;
        return status;
    default:
        return store_options_accept(&options->store, id, argument);
    }
}

/* ---------------------------------------------------------------- drawing */

/* A set of ranks: a hash table with open addressing; 0 is an empty place. */
struct rank_set {
    uint64_t *slots; /* rank + 1 */
    uint64_t mask;
};

static bool add_rank(struct rank_set *set, uint64_t rank)
{
    uint64_t at = rank * UINT64_C(0x9e3779b97f4a7c15);
    for (at ^= at >> 29;; at++) {
        uint64_t *slot = &set->slots[at & set->mask];
        if (*slot == rank + 1)
            return false;
        if (*slot == 0) {
            *slot = rank + 1;
            return true;
        }
    }
}

/* Floyd's algorithm (Bentley, Programming Pearls, column 12): every subset is as likely. It favours
 * an order, so the ranks are shuffled. */
static int draw_unique(const struct sample *sample, struct random *random)
{
    const uint64_t count = sample->options->count, pairs = sample->table.info.pair_count;
    struct rank_set set = {.mask = 15};
    while (set.mask < 2 * count)
        set.mask = 2 * set.mask + 1;
    set.slots = set.mask < SIZE_MAX / sizeof *set.slots
                    ? calloc((size_t)set.mask + 1, sizeof *set.slots)
                    : NULL;
    if (set.slots == NULL)
        return out_of_memory();
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t last = pairs - count + i;
        uint64_t rank = random_below(random, last + 1);
        if (!add_rank(&set, rank)) {
            rank = last;
            (void)add_rank(&set, rank);
        }
        const uint64_t place = random_below(random, i + 1);
        sample->draws[i].rank = sample->draws[place].rank;
        sample->draws[place].rank = rank;
    }
    free(set.slots);
    return STATUS_DONE;
}

static int draw_ranks(const struct sample *sample)
{
    struct random random = {sample->options->seed};
    int status = STATUS_DONE;
    if (sample->options->unique)
        status = draw_unique(sample, &random);
    for (uint64_t i = 0; i < sample->options->count; i++) {
        if (!sample->options->unique)
            sample->draws[i].rank = random_below(&random, sample->table.info.pair_count);
        sample->draws[i].place = i;
    }
    return status;
}

static int by_rank(const void *a, const void *b)
{
    const struct draw *x = a, *y = b;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* ---------------------------------------------------------------- reading */

/* The draws of one store of the table, with `first` pairs in the stores before it. */
struct share {
    const struct table_store *store;
    ikv_info info;
    uint64_t first;
    const struct draw *draws;
    uint64_t count;
    unsigned char *keys; /* of the sample */
};

/* The v2 index has the key of every rank: one small read each, in ascending order. */
static int read_from_index(const struct share *share)
{
    const uint64_t count = share->count;
    const size_t width = share->info.key_width;
    struct stored_keys keys;
    int status = stored_keys_open(&keys, share->store->path, &share->info);
    for (uint64_t i = 0; i < AHEAD && i < count && status == STATUS_DONE; i++)
        stored_keys_will_read(&keys, share->draws[i].rank - share->first);
    for (uint64_t i = 0; i < count && status == STATUS_DONE; i++) {
        unsigned char stored[2][IKV_KEY_WIDTH_MAX];
        size_t one = 1;
        if (count - i > AHEAD)
            stored_keys_will_read(&keys, share->draws[i + AHEAD].rank - share->first);
        status = stored_keys_read(&keys, share->draws[i].rank - share->first, stored, &one);
        if (status == STATUS_DONE)
            memcpy(share->keys + share->draws[i].place * width, stored[0], width);
    }
    stored_keys_close(&keys);
    return status;
}

/* Without a v2 index, ranks are counted in a scan. */
static int read_from_scan(const struct share *share)
{
    const size_t width = share->info.key_width;
    uint64_t next = 0, rank = share->first;
    ikv_scan *scan = NULL;
    ikv_error error;
    ikv_item item;
    int code = ikv_scan_open(share->store->store, NULL, &scan, &error);
    while (code == 0 && next < share->count && (code = ikv_scan_next(scan, &item, &error)) == 0) {
        for (; next < share->count && share->draws[next].rank == rank; next++)
            key_bytes_convert(share->info.key_type, share->keys + share->draws[next].place * width,
                              item.key);
        rank++;
    }
    ikv_scan_close(scan);
    return code == 0 ? STATUS_DONE : library_error(&error);
}

/* Store after store; draws are in the order of ranks. */
static int read_keys(const struct sample *sample)
{
    uint64_t next = 0, first = 0;
    int status = STATUS_DONE;
    for (size_t i = 0; i < sample->table.count && status == STATUS_DONE; i++) {
        struct share share = {.store = &sample->table.stores[i],
                              .first = first,
                              .draws = sample->draws + next,
                              .keys = sample->keys};
        ikv_store_info(share.store->store, &share.info);
        first += share.info.pair_count;
        for (; next < sample->options->count && sample->draws[next].rank < first; next++)
            share.count++;
        if (share.count > 0)
            status = share.info.has_v2_index ? read_from_index(&share) : read_from_scan(&share);
    }
    return status;
}

/* ---------------------------------------------------------------- writing */

static void write_keys(const struct sample *sample, struct output *output)
{
    const size_t width = sample->table.info.key_width;
    for (uint64_t i = 0; i < sample->options->count && output->error == 0; i++) {
        const unsigned char *stored = sample->keys + i * width;
        unsigned char key[IKV_KEY_WIDTH_MAX];
        char text[IKV_KEY_TEXT_MAX];
        if (sample->options->binary) {
            output_bytes(output, stored, width);
            continue;
        }
        key_bytes_convert(sample->table.info.key_type, key, stored);
        int length = ikv_key_format(sample->table.info.key_type, sample->options->store.key_syntax,
                                    key, text, sizeof text);
        output_bytes(output, text, length < 0 ? 0 : (size_t)length);
        output_bytes(output, "\n", 1);
    }
}

static int check(const struct sample *sample)
{
    const struct sample_options *options = sample->options;
    if (options->count > 0 && sample->table.info.pair_count == 0)
        return usage_error(syntax.name, "%s has no keys", sample->path);
    if (options->unique && options->count > sample->table.info.pair_count)
        return usage_error(syntax.name,
                           "--count: expected at most %" PRIu64 " with --unique, the number of "
                           "keys, got %" PRIu64,
                           sample->table.info.pair_count, options->count);
    return OPTIONS_CONTINUE;
}

static int make(struct sample *sample, struct output *output)
{
    const uint64_t count = sample->options->count;
    const size_t width = sample->table.info.key_width;
    int status = check(sample);
    if (status != OPTIONS_CONTINUE)
        return status;
    if (count < SIZE_MAX / (sizeof *sample->draws + IKV_KEY_WIDTH_MAX)) {
        sample->draws = calloc((size_t)count + 1, sizeof *sample->draws);
        sample->keys = malloc((size_t)(count + 1) * width);
    }
    if (sample->draws == NULL || sample->keys == NULL)
        return out_of_memory();
    status = draw_ranks(sample);
    qsort(sample->draws, (size_t)count, sizeof *sample->draws, by_rank);
    if (status == STATUS_DONE)
        status = read_keys(sample);
    if (status == STATUS_DONE)
        write_keys(sample, output);
    return status;
}

static int run(const struct sample_options *options, const char *path, struct output *output)
{
    struct sample sample = {.options = options, .path = path};
    if (options->binary && output->terminal)
        return usage_error(syntax.name, "--keys-format binary: refusing to write to a terminal");
    int status = table_open(&options->store, path, &sample.table);
    if (status != STATUS_DONE)
        return status;
    status = make(&sample, output);
    free(sample.draws);
    free(sample.keys);
    table_close(&sample.table);
    return status;
}

int cmd_sample(int argc, char **argv)
{
    struct sample_options options = {.seed = 1};
    store_options_init(&options.store, &syntax);
    struct operands operands;
    const char *path;
    int status = options_parse(&syntax, argc, argv, accept_option, &options, &operands);
    if (status == OPTIONS_CONTINUE)
        status = single_operand(&syntax, &operands, &path);
    if (status == OPTIONS_CONTINUE && !options.count_given)
        status = usage_error(syntax.name, "expected -n N");
    if (status != OPTIONS_CONTINUE)
        return status;
    struct output output;
    status = output_open(&output);
    if (status != STATUS_DONE)
        return status;
    status = run(&options, path, &output);
    return exit_status_worse(status, output_close(&output));
}
