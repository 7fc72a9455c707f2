/* Manifests written by hand, from FORMAT.md: read, written again byte for byte, every member
 * damaged once. */
#include "checks.h"
#include "rng.h"
#include "tmpdir.h"

#include "shards/manifest.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define SHARD_0                                                                                    \
    "  {\n"                                                                                        \
    "   \"paths\": [\n"                                                                            \
    "    \"a.ikv\",\n"                                                                             \
    "    \"/mnt/b/a.ikv\"\n"                                                                       \
    "   ],\n"                                                                                      \
    "   \"first\": \"-0x0010\",\n"                                                                 \
    "   \"last\": \"0x0005\",\n"                                                                   \
    "   \"pairs\": 4,\n"                                                                           \
    "   \"value_bytes\": 20,\n"                                                                    \
    "   \"size\": 4444,\n"                                                                         \
    "   \"store_id\": \"000102030405060708090a0b0c0d0e0f\"\n"                                      \
    "  }"
#define SHARD_1                                                                                    \
    "  {\n"                                                                                        \
    "   \"paths\": [\n"                                                                            \
    "    \"b.ikv\"\n"                                                                              \
    "   ],\n"                                                                                      \
    "   \"first\": \"0x0007\",\n"                                                                  \
    "   \"last\": \"0x0007\",\n"                                                                   \
    "   \"pairs\": 1,\n"                                                                           \
    "   \"value_bytes\": 0,\n"                                                                     \
    "   \"size\": 4100,\n"                                                                         \
    "   \"store_id\": \"101112131415161718191a1b1c1d1e1f\"\n"                                      \
    "  }"
#define TABLE                                                                                      \
    "{\n"                                                                                          \
    " \"format\": \"indexkv sharded table\",\n"                                                    \
    " \"version\": 1,\n"                                                                           \
    " \"table_id\": \"ffeeddccbbaa99887766554433221100\",\n"                                       \
    " \"key_type\": \"i16\",\n"                                                                    \
    " \"layout\": \"arrival\",\n"                                                                  \
    " \"ranges\": false,\n"                                                                        \
    " \"pairs\": 5,\n"                                                                             \
    " \"value_bytes\": 20,\n"                                                                      \
    " \"value_size_min\": 0,\n"                                                                    \
    " \"value_size_max\": 9,\n"                                                                    \
    " \"shards\": [\n" SHARD_0 ",\n" SHARD_1 "\n"                                                  \
    " ]"
/* XXH3 (64 bits) of TABLE */
#define TAIL ",\n \"checksum\": \"4c3c7013c04ba445\"\n}\n"

static int decode(const char *text, struct ikv_manifest **ret, ikv_error *err)
{
    return ikv_manifest_decode("t/manifest.json", "t", text, strlen(text), ret, err);
}

/* A text without its last lines, with a checksum that is right. */
static void seal(char *text)
{
    const size_t length = strlen(text);
    (void)sprintf(text + length, ",\n \"checksum\": \"%016" PRIx64 "\"\n}\n",
                  (uint64_t)XXH3_64bits(text, length));
}

static void test_by_hand(void **state)
{
    (void)state;
    struct ikv_manifest *m = NULL;
    ikv_error err;
    assert_ok(decode(TABLE TAIL, &m, &err), &err);
    assert_int_equal(m->key_type, IKV_KEY_I16);
    assert_int_equal(m->layout, IKV_LAYOUT_ARRIVAL);
    assert_false(m->has_ranges);
    assert_int_equal(m->pairs, 5);
    assert_int_equal(m->value_bytes, 20);
    assert_int_equal(m->value_size_min, 0);
    assert_int_equal(m->value_size_max, 9);
    assert_int_equal(m->table_id[0], 0xff);
    assert_int_equal(m->table_id[15], 0);
    assert_int_equal(m->shard_count, 2);
    assert_int_equal(m->shards[0].path_count, 2);
    assert_string_equal(m->shards[0].paths[1], "/mnt/b/a.ikv");
    int16_t key;
    memcpy(&key, m->shards[0].first, sizeof key);
    assert_int_equal(key, -16);
    memcpy(&key, m->shards[1].last, sizeof key);
    assert_int_equal(key, 7);
    assert_int_equal(m->shards[0].size, 4444);
    assert_int_equal(m->shards[1].store_id[15], 0x1f);
    char *path = ikv_shard_path(m, 0, 0);
    assert_string_equal(path, "t/a.ikv");
    free(path);
    path = ikv_shard_path(m, 0, 1);
    assert_string_equal(path, "/mnt/b/a.ikv");
    free(path);

    char *text;
    size_t size;
    assert_ok(ikv_manifest_encode(m, &text, &size, &err), &err);
    assert_string_equal(text, TABLE TAIL);
    assert_int_equal(size, strlen(text));
    free(text);
    ikv_manifest_free(m);
}

/* Every byte changed: an error, or what the checksum can't tell, a change of a digit's case. */
static void test_every_byte(void **state)
{
    (void)state;
    char text[] = TABLE TAIL;
    for (size_t i = 0; i < sizeof text - 1; i++)
        for (int bit = 0; bit < 8; bit++) {
            struct ikv_manifest *m = NULL;
            ikv_error err;
            text[i] = (char)(text[i] ^ (1 << bit));
            const int code =
                ikv_manifest_decode("t/manifest.json", "t", text, sizeof text - 1, &m, &err);
            if (code == 0)
                fail_msg("byte %zu, bit %d: accepted", i, bit);
            assert_true(code == IKV_E_HEADER || code == IKV_E_NOT_STORE || code == IKV_E_VERSION);
            text[i] = (char)(text[i] ^ (1 << bit));
        }
}

static void test_truncated(void **state)
{
    (void)state;
    const char text[] = TABLE TAIL;
    for (size_t size = 0; size < sizeof text - 1; size++) {
        struct ikv_manifest *m = NULL;
        ikv_error err;
        const int code = ikv_manifest_decode("t/manifest.json", "t", text, size, &m, &err);
        assert_true(code == IKV_E_HEADER || code == IKV_E_NOT_STORE);
    }
}

/* One member replaced, the checksum right: the error, and a part of its message. */
struct damage {
    const char *from, *to;
    int code;
    const char *message;
};

static const struct damage damages[] = {
    {"indexkv sharded table", "indexkv table", IKV_E_NOT_STORE, "not the manifest"},
    {"\"version\": 1", "\"version\": 2", IKV_E_VERSION, "version 2 of the manifest is unknown"},
    {"\"version\": 1", "\"version\": 0", IKV_E_VERSION, "version 0"},
    {"\"version\": 1", "\"version\": \"1\"", IKV_E_HEADER, "\"version\": not a number"},
    {"ffeedd", "ffeed", IKV_E_HEADER, "\"table_id\": not 32 hexadecimal digits"},
    {"ffeedd", "FFeedd", IKV_E_HEADER, "\"table_id\""},
    {"\"i16\"", "\"i17\"", IKV_E_HEADER, "\"key_type\": not the name of a key type"},
    {"\"i16\"", "16", IKV_E_HEADER, "\"key_type\": not a text"},
    {"\"i16\"", "\"u16\"", IKV_E_HEADER, "shard 0: \"first\": not a key"},
    {"\"i16\"", "\"i32\"", IKV_E_HEADER, "shard 0: \"first\": not a key"},
    {"\"arrival\"", "\"Arrival\"", IKV_E_HEADER, "\"layout\": neither"},
    {"false", "0", IKV_E_HEADER, "\"ranges\": neither true nor false"},
    {"\"pairs\": 5", "\"pairs\": 6", IKV_E_HEADER, "\"pairs\" of the table is not the sum"},
    {"\"pairs\": 5", "\"pairs\": -5", IKV_E_HEADER, "\"pairs\": not a number, or out of range"},
    {"\"pairs\": 5", "\"pairs\": 5.0", IKV_E_HEADER, "\"pairs\": not a number"},
    {"\"value_bytes\": 20,\n \"", "\"value_bytes\": 21,\n \"", IKV_E_HEADER,
     "\"value_bytes\" of the table is not the sum"},
    {"\"value_size_min\": 0", "\"value_size_min\": 10", IKV_E_HEADER, "above the maximum"},
    {"\"value_size_max\": 9", "\"value_size_max\": 4294967296", IKV_E_HEADER, "value_size_max"},
    {"\"value_size_max\": 9,", "\"value_size_max\": 9,\n \"more\": 1,", IKV_E_HEADER,
     "\"more\": a member that this version does not have"},
    {"\"pairs\": 5", "\"pairs\": 5,\n \"pairs\": 5", IKV_E_HEADER, "duplicate"},
    {" \"layout\": \"arrival\",\n", "", IKV_E_HEADER, "\"layout\": missing"},
    {"[\n" SHARD_0 ",\n" SHARD_1 "\n ]", "{}", IKV_E_HEADER, "\"shards\": not an array"},
    {SHARD_1, "  7", IKV_E_HEADER, "shard 1: not an object"},
    {"[\n    \"b.ikv\"\n   ]", "[]", IKV_E_HEADER, "shard 1: \"paths\": not an array of 1 to 64"},
    {"[\n    \"b.ikv\"\n   ]", "\"b.ikv\"", IKV_E_HEADER, "shard 1: \"paths\""},
    {"\"b.ikv\"", "\"\"", IKV_E_HEADER, "shard 1: \"paths\": not an array of paths"},
    {"\"b.ikv\"", "\"b/\"", IKV_E_HEADER, "shard 1: \"paths\": not an array of paths"},
    {"\"b.ikv\"", "\"a\\u0000b\"", IKV_E_HEADER, ""},
    {"-0x0010", "-0x10", IKV_E_HEADER, "shard 0: \"first\": not a key"},
    {"-0x0010", "0x0006", IKV_E_HEADER, "shard 0: its last key is below its first"},
    {"\"last\": \"0x0005\"", "\"last\": \"0x0007\"", IKV_E_HEADER,
     "shard 1: its range of keys overlaps"},
    {"\"first\": \"0x0007\"", "\"first\": \"0x0005\"", IKV_E_HEADER,
     "shard 1: its range of keys overlaps"},
    {SHARD_0 ",\n" SHARD_1, SHARD_1 ",\n" SHARD_0, IKV_E_HEADER, "shard 1: it is not in key order"},
    {"\"pairs\": 1", "\"pairs\": 0", IKV_E_HEADER, "shard 1: \"pairs\": not a number, or out of"},
    {"\"pairs\": 4", "\"pairs\": 3", IKV_E_HEADER, "\"pairs\" of the table is not the sum"},
    {"\"size\": 4100", "\"size\": null", IKV_E_HEADER, "shard 1: \"size\": not a number"},
    {"101112", "10111", IKV_E_HEADER, "shard 1: \"store_id\": not 32"},
    {"\"size\": 4100,", "", IKV_E_HEADER, "shard 1: \"size\": missing"},
    {"\"size\": 4100", "\"sizes\": 4100", IKV_E_HEADER, "shard 1: \"size\": missing"},
};

static void test_every_member(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const struct damage *damage = &damages[i];
        char text[8192];
        const char *at = strstr(TABLE, damage->from);
        if (at == NULL)
            fail_msg("no %s", damage->from);
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - TABLE), TABLE, damage->to,
                       at + strlen(damage->from));
        seal(text);
        struct ikv_manifest *m = NULL;
        ikv_error err = {0};
        const int code = decode(text, &m, &err);
        if (code != damage->code || strstr(err.message, damage->message) == NULL)
            fail_msg("%s -> %s: %d, %s", damage->from, damage->to, code, err.message);
        assert_failed(code, damage->code, &err, "t/manifest.json");
        assert_null(m);
    }
}

static void test_no_checksum(void **state)
{
    (void)state;
    struct ikv_manifest *m = NULL;
    ikv_error err;
    assert_failed(decode(TABLE "\n}\n", &m, &err), IKV_E_HEADER, &err, "t/manifest.json");
    assert_non_null(strstr(err.message, "checksum"));
    assert_failed(decode(TABLE TAIL "\n", &m, &err), IKV_E_HEADER, &err, "t/manifest.json");
    assert_failed(decode("", &m, &err), IKV_E_NOT_STORE, &err, "t/manifest.json");
    assert_failed(decode("[1]", &m, &err), IKV_E_NOT_STORE, &err, "t/manifest.json");
    assert_failed(decode("{\"a\": 1}", &m, &err), IKV_E_NOT_STORE, &err, "t/manifest.json");
}

/* Every key of a type of one byte, against a loop over the shards. */
static void test_shard_of(void **state)
{
    (void)state;
    static const struct {
        int8_t first, last;
    } ranges[] = {{-128, -100}, {-99, -99}, {-50, -2}, {0, 0}, {1, 10}, {20, 126}};
    enum { SHARDS = sizeof ranges / sizeof ranges[0] };
    for (size_t count = 0; count <= SHARDS; count++) {
        struct ikv_manifest *m;
        ikv_error err;
        assert_ok(ikv_manifest_new("t", IKV_KEY_I8, IKV_LAYOUT_ARRIVAL, false, NULL, &m, &err),
                  &err);
        for (size_t i = 0; i < count; i++) {
            const char *path = "a.ikv";
            struct ikv_shard_facts facts = {
                .key_type = IKV_KEY_I8, .layout = IKV_LAYOUT_ARRIVAL, .pairs = 2, .size = 1};
            facts.first[0] = (unsigned char)ranges[i].first;
            facts.last[0] = (unsigned char)ranges[i].last;
            assert_ok(ikv_manifest_add(m, &facts, &path, 1, &err), &err);
        }
        for (int key = -128; key <= 127; key++) {
            const int8_t k = (int8_t)key;
            size_t exact = IKV_NO_SHARD, floor = IKV_NO_SHARD, ceiling = IKV_NO_SHARD;
            for (size_t i = 0; i < count; i++) {
                if (ranges[i].first <= k && k <= ranges[i].last)
                    exact = i;
                if (ranges[i].first <= k)
                    floor = i;
                if (ranges[count - 1 - i].last >= k)
                    ceiling = count - 1 - i;
            }
            assert_true(ikv_manifest_shard_of(m, &k, IKV_EXACT) == exact);
            assert_true(ikv_manifest_shard_of(m, &k, IKV_FLOOR) == floor);
            assert_true(ikv_manifest_shard_of(m, &k, IKV_RANGE) == floor);
            assert_true(ikv_manifest_shard_of(m, &k, IKV_CEILING) == ceiling);
        }
        ikv_manifest_free(m);
    }
}

/* Keys of every type that share their first bytes or do not, in a manifest that was read, against
 * comparisons with all shards. */
static void test_shard_of_types(void **state)
{
    static const char *const types[] = {
        "u8",  "u16",  "u32",    "u64",    "u128",   "i8",     "i16",     "i32",
        "i64", "i128", "bytes1", "bytes7", "bytes8", "bytes9", "bytes20", "bytes128"};
    (void)state;
    rng_state rng = {7};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        struct ikv_manifest *m, *read;
        ikv_error err = {0};
        ikv_key_type type;
        assert_ok(ikv_key_type_parse(types[t], &type), &err);
        const size_t width = ikv_key_width(type);
        unsigned char keys[65][IKV_KEY_WIDTH_MAX] = {{0}};
        size_t count = 0;
        for (size_t i = 0; i < 64; i++) { /* in order, without repeats */
            unsigned char key[IKV_KEY_WIDTH_MAX] = {0};
            rng_fill(&rng, key, width);
            if (i % 2 == 0 && width > 9 && i > 0) /* as another one, but for a byte at the end */
                memcpy(key, keys[rng_below(&rng, count)], type < IKV_KEY_BYTES(1) ? 0 : width - 1);
            if (i % 2 == 0 && width == 16 && type < IKV_KEY_BYTES(1)) /* the upper half of few */
                memset(key + 8, (int)rng_below(&rng, 2) * 0xff, 8);
            size_t at = count;
            while (at > 0 && ikv_key_compare(type, keys[at - 1], key) > 0)
                at--;
            if (at > 0 && ikv_key_compare(type, keys[at - 1], key) == 0)
                continue;
            memmove(keys[at + 1], keys[at], (count - at) * sizeof keys[0]);
            memcpy(keys[at], key, sizeof key);
            count++;
        }
        assert_ok(ikv_manifest_new("t", type, IKV_LAYOUT_ARRIVAL, false, NULL, &m, &err), &err);
        for (size_t i = 0; i + 2 < count; i += 3) { /* every third key is between shards */
            const char *path = "a.ikv";
            struct ikv_shard_facts facts = {
                .key_type = type, .layout = IKV_LAYOUT_ARRIVAL, .pairs = 2, .size = 1};
            memcpy(facts.first, keys[i], width);
            memcpy(facts.last, keys[i + 1], width);
            assert_ok(ikv_manifest_add(m, &facts, &path, 1, &err), &err);
        }
        char *text;
        size_t size;
        assert_ok(ikv_manifest_encode(m, &text, &size, &err), &err);
        assert_ok(ikv_manifest_decode("m", "t", text, size, &read, &err), &err);
        for (size_t i = 0; i < count; i++)
            for (ikv_match match = IKV_EXACT; match <= IKV_RANGE; match++) {
                size_t expected = IKV_NO_SHARD;
                for (size_t s = 0; s < m->shard_count; s++) {
                    const int first = ikv_key_compare(type, m->shards[s].first, keys[i]);
                    const int last = ikv_key_compare(type, m->shards[s].last, keys[i]);
                    if (match == IKV_CEILING ? last >= 0 && expected == IKV_NO_SHARD
                                             : first <= 0 && (match != IKV_EXACT || last >= 0))
                        expected = s;
                }
                if (ikv_manifest_shard_of(read, keys[i], match) != expected ||
                    ikv_manifest_shard_of(m, keys[i], match) != expected)
                    fail_msg("%s, key %zu, match %d", types[t], i, (int)match);
            }
        free(text);
        ikv_manifest_free(read);
        ikv_manifest_free(m);
    }
}

/* What can't be added. */
static void test_add(void **state)
{
    (void)state;
    const char *const paths[] = {"a.ikv"}, *const empty[] = {""}, *const bytes[] = {"\xff"};
    struct ikv_manifest *m;
    ikv_error err;
    assert_failed(ikv_manifest_new("t", IKV_KEY_NONE, 0, false, NULL, &m, &err), IKV_E_INVALID,
                  &err, "t");
    assert_ok(ikv_manifest_new("t", IKV_KEY_U8, IKV_LAYOUT_CLUSTERED, true, NULL, &m, &err), &err);
    struct ikv_shard_facts facts = {.key_type = IKV_KEY_U8,
                                    .layout = IKV_LAYOUT_CLUSTERED,
                                    .has_ranges = 1,
                                    .pairs = 1,
                                    .size = 1};
    facts.first[0] = 5;
    facts.last[0] = 9;
    struct ikv_shard_facts other = facts;
    assert_failed(ikv_manifest_add(m, &facts, paths, 0, &err), IKV_E_INVALID, &err, "t");
    assert_failed(ikv_manifest_add(m, &facts, empty, 1, &err), IKV_E_INVALID, &err, NULL);
    other.last[0] = 4;
    assert_failed(ikv_manifest_add(m, &other, paths, 1, &err), IKV_E_INVALID, &err, "a.ikv");
    other = facts;
    other.key_type = IKV_KEY_I8;
    assert_failed(ikv_manifest_add(m, &other, paths, 1, &err), IKV_E_INVALID, &err, "a.ikv");
    other = facts;
    other.layout = IKV_LAYOUT_ARRIVAL;
    assert_failed(ikv_manifest_add(m, &other, paths, 1, &err), IKV_E_INVALID, &err, "a.ikv");
    other = facts;
    other.has_ranges = 0;
    assert_failed(ikv_manifest_add(m, &other, paths, 1, &err), IKV_E_INVALID, &err, "a.ikv");
    other = facts;
    other.pairs = 0; /* left out */
    assert_ok(ikv_manifest_add(m, &other, paths, 1, &err), &err);
    assert_int_equal(m->shard_count, 0);
    assert_ok(ikv_manifest_add(m, &facts, paths, 1, &err), &err);
    assert_int_equal(m->shard_count, 1);
    facts.first[0] = facts.last[0] = 9;
    assert_failed(ikv_manifest_add(m, &facts, paths, 1, &err), IKV_E_INVALID, &err, "a.ikv");
    facts.first[0] = facts.last[0] = 10;
    assert_ok(ikv_manifest_add(m, &facts, bytes, 1, &err), &err);
    char *text;
    size_t size;
    assert_failed(ikv_manifest_encode(m, &text, &size, &err), IKV_E_INVALID, &err, "t");
    ikv_manifest_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_truncated),      cmocka_unit_test(test_every_member),
        cmocka_unit_test(test_no_checksum),    cmocka_unit_test(test_shard_of),
        cmocka_unit_test(test_shard_of_types), cmocka_unit_test(test_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
