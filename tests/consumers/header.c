/*
 * Uses every macro of indexkv.h. scripts/ci/consumers compiles it as C and as C++ of several
 * versions with all warnings, and checks that no macro is missing here.
 */
#include <indexkv.h>

#include <stdio.h>
#include <string.h>

static int failures;

static void expect(int holds, const char *what)
{
    if (!holds) {
        printf("wrong: %s\n", what);
        failures++;
    }
}

/* Only `size` is set. */
static void expect_defaults(const void *options, size_t size, const char *what)
{
    size_t stored, i, nonzero = 0;
    memcpy(&stored, options, sizeof stored);
    for (i = sizeof stored; i < size; i++)
        nonzero += ((const unsigned char *)options)[i] != 0;
    expect(stored == size && nonzero == 0, what);
}

static void test_options(void)
{
    ikv_writer_options writer = IKV_WRITER_OPTIONS_INIT;
    ikv_scan_options scan = IKV_SCAN_OPTIONS_INIT;
    ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
    ikv_get_options get = IKV_GET_OPTIONS_INIT;
    ikv_http_options http = IKV_HTTP_OPTIONS_INIT;
    ikv_fetch_options fetch = IKV_FETCH_OPTIONS_INIT;
    ikv_merge_options merge = IKV_MERGE_OPTIONS_INIT;
    ikv_engine_options engine = IKV_ENGINE_OPTIONS_INIT;
    ikv_submit_options submit = IKV_SUBMIT_OPTIONS_INIT;
    ikv_verify_options verify = IKV_VERIFY_OPTIONS_INIT;

    expect_defaults(&writer, sizeof writer, "IKV_WRITER_OPTIONS_INIT");
    expect_defaults(&scan, sizeof scan, "IKV_SCAN_OPTIONS_INIT");
    expect_defaults(&open, sizeof open, "IKV_OPEN_OPTIONS_INIT");
    expect_defaults(&get, sizeof get, "IKV_GET_OPTIONS_INIT");
    expect_defaults(&http, sizeof http, "IKV_HTTP_OPTIONS_INIT");
    expect_defaults(&fetch, sizeof fetch, "IKV_FETCH_OPTIONS_INIT");
    expect_defaults(&merge, sizeof merge, "IKV_MERGE_OPTIONS_INIT");
    expect_defaults(&engine, sizeof engine, "IKV_ENGINE_OPTIONS_INIT");
    expect_defaults(&submit, sizeof submit, "IKV_SUBMIT_OPTIONS_INIT");
    expect_defaults(&verify, sizeof verify, "IKV_VERIFY_OPTIONS_INIT");
}

static void test_key_types(void)
{
    static const struct {
        ikv_key_type type;
        size_t width;
    } types[] = {
        {IKV_KEY_U8, 1},    {IKV_KEY_U16, 2},      {IKV_KEY_U32, 4},
        {IKV_KEY_U64, 8},   {IKV_KEY_U128, 16},    {IKV_KEY_I8, 1},
        {IKV_KEY_I16, 2},   {IKV_KEY_I32, 4},      {IKV_KEY_I64, 8},
        {IKV_KEY_I128, 16}, {IKV_KEY_BYTES(7), 7}, {IKV_KEY_BYTES(IKV_KEY_WIDTH_MAX), 128},
        {IKV_KEY_NONE, 0},
    };
    size_t i;
    for (i = 0; i < sizeof types / sizeof types[0]; i++)
        expect(ikv_key_width(types[i].type) == types[i].width, "a key type");
}

static void test_numbers(void)
{
    char text[IKV_KEY_TEXT_MAX];
    const uint64_t largest = UINT64_MAX;
    const uint32_t open_flags = IKV_OPEN_DIRECT | IKV_OPEN_NO_MAP | IKV_OPEN_PRIME |
                                IKV_OPEN_PRELOAD_INDEX | IKV_OPEN_PRELOAD | IKV_OPEN_LOCK |
                                IKV_OPEN_COPY | IKV_OPEN_UNTRUSTED;
    const uint32_t get_flags = IKV_GET_BARRIER | IKV_GET_LATENCY | IKV_GET_IN_PLACE;

    expect(ikv_key_format(IKV_KEY_U64, IKV_SYNTAX_AUTO, &largest, text, sizeof text) == 20,
           "IKV_KEY_TEXT_MAX");
    expect(open_flags == 255, "IKV_OPEN_*");
    expect(get_flags == 7, "IKV_GET_*");
    expect(IKV_SUBMIT_NONBLOCK == 1u, "IKV_SUBMIT_NONBLOCK");
    expect(IKV_NO_OFFSET == UINT64_MAX, "IKV_NO_OFFSET");
    expect(IKV_VALUE_SIZE_MAX > IKV_VALUE_SIZE_MAX_CLUSTERED, "IKV_VALUE_SIZE_MAX");
    expect(IKV_LEVELS_MAX == sizeof(((ikv_stats *)0)->level) / sizeof(ikv_level_stats),
           "IKV_LEVELS_MAX");
    expect(IKV_LATENCY_BUCKETS == sizeof(((ikv_latency *)0)->bucket) / sizeof(uint64_t),
           "IKV_LATENCY_BUCKETS");
    expect(IKV_LATENCY_RECORDS == UINT32_MAX, "IKV_LATENCY_RECORDS");
}

static void test_version(void)
{
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", IKV_VERSION_MAJOR, IKV_VERSION_MINOR,
             IKV_VERSION_PATCH);
    expect(strcmp(text, IKV_VERSION_STRING) == 0, "IKV_VERSION_STRING");
    expect(strcmp(text, ikv_version()) == 0, "ikv_version");
    expect(IKV_VERSION_NUMBER == ikv_version_number(), "IKV_VERSION_NUMBER");
}

int main(void)
{
    test_options();
    test_key_types();
    test_numbers();
    test_version();
    return failures != 0;
}
