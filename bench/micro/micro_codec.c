/*
 *   codec/encode, /load       encoding and decoding the entries of an index page
 *   checksum/page             of an index page
 *   checksum/record/value:N   of a record
 */
#include "core/format/checksum.h"
#include "core/format/format.h"
#include "harness/harness.h"
#include "micro/micro.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- entries */

struct codec {
    struct ikv_key_info key;
    uint32_t stride;
    uint32_t count; /* entries per page */
    uint64_t words[IKV_PAGE_SIZE / 16][2];
    unsigned char page[IKV_PAGE_SIZE];
    uint64_t sum; /* keeps the compiler from removing reads */
};

static int codec_set_up(void *user, struct bench_error *error)
{
    struct codec *codec = user;
    uint64_t state = 0;

    if (codec->stride == 0 || codec->key.words > 2)
        return bench_error_set(error, BENCH_FAILED, "not a key of up to two words");
    for (uint32_t i = 0; i < codec->count; i++) {
        for (uint32_t word = 0; word < codec->key.words; word++)
            codec->words[i][word] = micro_random(&state);
        if (codec->key.width < 8)
            codec->words[i][0] >>= 64 - 8 * codec->key.width;
    }
    return BENCH_OK;
}

static void encode(struct codec *codec)
{
    for (uint32_t i = 0; i < codec->count; i++)
        ikv_entry_encode(&codec->key, codec->stride, codec->words[i], i,
                         codec->page + (size_t)i * codec->stride);
}

static void load(struct codec *codec)
{
    for (uint32_t i = 0; i < codec->count; i++) {
        const unsigned char *entry = codec->page + (size_t)i * codec->stride;
        uint64_t words[2] = {0};
        ikv_key_load(&codec->key, entry, words);
        codec->sum += words[0] + ikv_entry_position(&codec->key, entry);
    }
}

static void run_encode(struct bench_state *state)
{
    struct codec *codec = bench_user(state);
    uint64_t pages = 0;

    for (; bench_keep_running(state); pages++)
        encode(codec);
    bench_items(state, pages * codec->count);
}

/* Checks that decoding is the inverse of encoding. */
static void run_load(struct bench_state *state)
{
    struct codec *codec = bench_user(state);
    struct bench_error error;
    uint64_t words[IKV_KEY_WORDS_MAX];
    uint64_t pages = 0;

    encode(codec);
    for (; bench_keep_running(state); pages++)
        load(codec);
    ikv_key_load(&codec->key, codec->page, words);
    if (ikv_words_compare(words, codec->words[0], codec->key.words) != 0) {
        (void)bench_error_set(&error, BENCH_FAILED, "the decoded key differs");
        bench_stop(state, BENCH_FAILED, &error);
        return;
    }
    bench_items(state, pages * codec->count);
}

void codec_register(void)
{
    static const struct {
        const char *encode;
        const char *load;
        ikv_key_type type;
    } types[] = {{"codec/encode/u32", "codec/load/u32", IKV_KEY_U32},
                 {"codec/encode/u64", "codec/load/u64", IKV_KEY_U64},
                 {"codec/encode/u128", "codec/load/u128", IKV_KEY_U128},
                 {"codec/encode/bytes16", "codec/load/bytes16", IKV_KEY_BYTES(16)}};

    for (size_t i = 0; i < 2 * sizeof types / sizeof types[0]; i++) {
        struct codec *codec = bench_alloc(sizeof *codec);
        if (ikv_key_describe(types[i / 2].type, &codec->key)) {
            codec->stride = ikv_key_stride(&codec->key);
            codec->count = IKV_PAGE_SIZE / codec->stride;
        }
        bench_register(&(struct bench){.name = i % 2 ? types[i / 2].load : types[i / 2].encode,
                                       .run = i % 2 ? run_load : run_encode,
                                       .set_up = codec_set_up,
                                       .tear_down = free,
                                       .user = codec});
    }
}

/* ---------------------------------------------------------------- checksums */

struct sums {
    unsigned char *bytes;
    size_t size;
    uint64_t sum;
};

static void sums_free(void *user)
{
    struct sums *sums = user;

    free(sums->bytes);
    free(sums);
}

static void run_page(struct bench_state *state)
{
    struct sums *sums = bench_user(state);
    uint64_t count = 0;

    for (; bench_keep_running(state); count++)
        sums->sum += ikv_checksum(sums->bytes, sums->size);
    bench_items(state, count);
    bench_bytes(state, count * sums->size);
}

static void run_record(struct bench_state *state)
{
    struct sums *sums = bench_user(state);
    const uint64_t key = 1;
    uint64_t count = 0;

    for (; bench_keep_running(state); count++)
        sums->sum += ikv_record_checksum(count, &key, sizeof key, sums->bytes, sums->size);
    bench_items(state, count);
    bench_bytes(state, count * sums->size);
}

static struct sums *sums_new(size_t size)
{
    struct sums *sums = bench_alloc(sizeof *sums);

    *sums = (struct sums){.bytes = bench_alloc(size), .size = size};
    return sums;
}

void checksum_register(void)
{
    static const size_t sizes[] = {8, 100, 1000, 10000};

    bench_register(&(struct bench){.name = "checksum/page",
                                   .run = run_page,
                                   .tear_down = sums_free,
                                   .user = sums_new(IKV_PAGE_SIZE)});
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        bench_register(&(struct bench){.name = "checksum/record",
                                       .args = {{"value", (int64_t)sizes[i]}},
                                       .run = run_record,
                                       .tear_down = sums_free,
                                       .user = sums_new(sizes[i])});
}
