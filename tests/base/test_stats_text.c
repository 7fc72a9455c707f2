/* Statistics as text for Prometheus: names, values, labels, and buffers of every size. */
#include "indexkv.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static ikv_stats example(void)
{
    ikv_stats stats = {.keys = 11,
                       .distinct = 12,
                       .found = 13,
                       .missing = 14,
                       .corrupt = 15,
                       .unreadable = 16,
                       .probes = 17,
                       .cached = 18,
                       .mapped = 19,
                       .index_reads = 20,
                       .index_bytes = 21,
                       .records = 22,
                       .record_reads = 23,
                       .record_bytes = UINT64_MAX,
                       .merged = 25,
                       .retries = 26,
                       .system_calls = 27,
                       .levels = 2,
                       .major_faults = 28,
                       .filter_asked = 29,
                       .filter_answered = 30};
    stats.level[0].reads = 31;
    stats.level[1].reads = 32;
    return stats;
}

static const char *const expected[] = {
    "indexkv_keys_total%s 11",
    "indexkv_distinct_keys_total%s 12",
    "indexkv_found_total%s 13",
    "indexkv_missing_total%s 14",
    "indexkv_corrupt_total%s 15",
    "indexkv_unreadable_total%s 16",
    "indexkv_probes_total%s 17",
    "indexkv_cached_probes_total%s 18",
    "indexkv_mapped_total%s 19",
    "indexkv_index_reads_total%s 20",
    "indexkv_index_read_bytes_total%s 21",
    "indexkv_records_total%s 22",
    "indexkv_record_reads_total%s 23",
    "indexkv_record_read_bytes_total%s 18446744073709551615",
    "indexkv_merged_reads_total%s 25",
    "indexkv_retries_total%s 26",
    "indexkv_system_calls_total%s 27",
    "indexkv_major_faults_total%s 28",
    "indexkv_filter_asked_total%s 29",
    "indexkv_filter_answered_total%s 30",
};
enum { EXPECTED = sizeof expected / sizeof expected[0] };

/* Samples are the expected lines in this order, each after HELP and TYPE of its name. */
static void check_text(char *text, const char *labels, const char *first, const char *second)
{
    char line[200], about[200];
    size_t samples = 0;
    about[0] = '\0';
    for (char *at = strtok(text, "\n"); at != NULL; at = strtok(NULL, "\n")) {
        if (strncmp(at, "# TYPE ", 7) == 0) {
            assert_int_equal(sscanf(at, "# TYPE %199s counter", about), 1);
            assert_string_equal(at + strlen(at) - 8, " counter");
            continue;
        }
        if (strncmp(at, "# HELP ", 7) == 0)
            continue;
        assert_memory_equal(at, about, strlen(about));
        if (samples < EXPECTED)
            snprintf(line, sizeof line, expected[samples], labels); /* NOLINT: a table of formats */
        else
            snprintf(line, sizeof line, "%s", samples == EXPECTED ? first : second);
        assert_string_equal(at, line);
        samples++;
    }
    assert_int_equal(samples, EXPECTED + 2);
}

static void test_names_and_values(void **state)
{
    const ikv_stats stats = example();
    char text[8192];
    (void)state;
    assert_true(ikv_stats_prometheus(&stats, NULL, text, sizeof text) < sizeof text);
    check_text(text, "", "indexkv_level_reads_total{level=\"0\"} 31",
               "indexkv_level_reads_total{level=\"1\"} 32");
    assert_true(ikv_stats_prometheus(&stats, "store=\"a\"", text, sizeof text) < sizeof text);
    check_text(text, "{store=\"a\"}", "indexkv_level_reads_total{store=\"a\",level=\"0\"} 31",
               "indexkv_level_reads_total{store=\"a\",level=\"1\"} 32");
}

static void test_no_levels(void **state)
{
    const ikv_stats none = {0};
    char text[8192];
    (void)state;
    assert_true(ikv_stats_prometheus(&none, NULL, text, sizeof text) < sizeof text);
    assert_null(strstr(text, "level"));
    assert_non_null(strstr(text, "indexkv_keys_total 0\n"));
}

/* With all counters and levels at their largest the text still has the promised size. */
static void test_longest(void **state)
{
    ikv_stats stats;
    char text[8192];
    (void)state;
    memset(&stats, 0xff, sizeof stats);
    stats.levels = IKV_LEVELS_MAX;
    assert_true(ikv_stats_prometheus(&stats, NULL, text, sizeof text) < sizeof text);
}

static void test_every_size(void **state)
{
    const ikv_stats stats = example();
    char whole[8192], part[8192];
    const size_t length = ikv_stats_prometheus(&stats, "a=\"b\"", whole, sizeof whole);
    (void)state;
    assert_int_equal(strlen(whole), length);
    for (size_t size = 0; size <= length + 2; size++) {
        memset(part, '#', sizeof part);
        assert_int_equal(ikv_stats_prometheus(&stats, "a=\"b\"", part, size), length);
        assert_int_equal(part[size], '#');
        const size_t kept = size == 0 ? 0 : size - 1 < length ? size - 1 : length;
        assert_memory_equal(part, whole, kept);
        if (size > 0)
            assert_int_equal(part[kept], '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_values),
        cmocka_unit_test(test_no_levels),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_every_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
