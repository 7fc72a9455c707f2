/* Tables fit the width that they are given, whatever numbers were measured. */
#include "report/report.h"
#include "text/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct report_column columns[] = {
    {"order", "", REPORT_PARAMETER, 0, "order"},
    {"block", "B", REPORT_PARAMETER, REPORT_BYTES, "block"},
    {"backend", "", REPORT_PARAMETER, 0, "backend"},
    {"reads_per_second", "1/s", REPORT_MORE, 0, "reads/s"},
    {"ratio", "x", REPORT_MORE, 2, "vs random"},
    REPORT_LATENCY_COLUMNS,
};

/* Two rows, with latencies from `latency` on. `text` gets the table; it ends in 0. */
static void write_table(double latency, int width, struct buffer *text)
{
    static const char *const latencies[] = {"latency_avg", "latency_p50", "latency_p99",
                                            "latency_p99_9", "latency_max"};
    struct report report;
    struct output output;

    report_init(&report, "test");
    struct report_series *series =
        report_series_add(&report, "order", "Reads by their order", columns,
                          sizeof(columns) / sizeof(columns[0]), "reads_per_second");
    assert_non_null(series);
    for (int i = 0; i < 2; i++) {
        struct report_row *row = report_row_add(series);
        assert_non_null(row);
        report_set_text(row, "order", i == 0 ? "random" : "sequential");
        report_set(row, "block", 4096);
        report_set_text(row, "backend", "pread");
        report_set(row, "reads_per_second", 123456);
        report_set(row, "ratio", 1);
        for (size_t k = 0; k < sizeof(latencies) / sizeof(latencies[0]); k++)
            report_set(row, latencies[k], latency);
        report_note(row, "not steady");
    }
    assert_int_equal(output_open_sink(&output, text), 0);
    report_write_table(&report, &output, width);
    assert_int_equal(output_close(&output), 0);
    assert_true(buffer_append(text, "", 1));
    report_free(&report);
}

static size_t longest_line(const char *text)
{
    size_t longest = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        longest = length > longest ? length : longest;
        text += length + (text[length] == '\n');
    }
    return longest;
}

static void test_width(void **state)
{
    (void)state;
    for (double latency = 1; latency < 1e9; latency *= 10) {
        for (int width = 60; width <= 120; width += 20) {
            struct buffer text = {0};
            write_table(latency, width, &text);
            const char *table = (const char *)text.data;
            if (longest_line(table) > (size_t)width)
                fail_msg("wider than %d:\n%s", width, table);
            /* What the rows are about, and the main metric, stay. */
            assert_non_null(strstr(table, "sequential"));
            assert_non_null(strstr(table, "reads/s"));
            assert_non_null(strstr(table, "123456"));
            assert_non_null(strstr(table, "pread"));
            buffer_free(&text);
        }
    }
}

/* Without a limit all columns are there, and nothing is said of a width. */
static void test_no_limit(void **state)
{
    struct buffer text = {0};
    (void)state;
    write_table(123456.7, 0, &text);
    const char *table = (const char *)text.data;
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        if (columns[i].head != NULL)
            assert_non_null(strstr(table, columns[i].head));
    assert_null(strstr(table, "All rows"));
    assert_null(strstr(table, "Left out"));
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
