/* indexkv compare: compare two reports, and distinguish changes from noise. */
#include "base/exit_status.h"
#include "base/message.h"
#include "command.h"
#include "compare/load.h"
#include "compare/ratio.h"
#include "report/report_files.h"
#include "report/report_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_THRESHOLD = OPTION_OWN, OPTION_CONFIDENCE };

#define PARAMETERS_MAX 48
#define OWN_COLUMNS    8
#define BARS_MAX       40

static const struct option_spec specs[] = {{OPTION_THRESHOLD, 0, "threshold", "PERCENT",
                                            "ignore changes up to this threshold, 0 to 99\n"
                                            "(default: 5)"},
                                           {OPTION_CONFIDENCE, 0, "confidence", "PERCENT",
                                            "confidence of the intervals, 50 to 99 (default:\n"
                                            "95)"},
                                           OPTION_SPECS_REPORT,
                                           OPTION_SPEC_HELP,
                                           {0}};

static const struct command_syntax syntax = {
    "compare", "A.json B.json [OPTION...]",
    "Compare two JSON reports of 'indexkv bench' or 'indexkv seek' row by row: the\n"
    "ratio of B's main metric to A's (Hodges and Lehmann), its confidence interval\n"
    "(rank-sum test), and whether it changed by more than the threshold.",
    specs,
    "Exit status: 0 no row is slower, 1 a row is slower, 2 usage or invalid report,\n"
    "5 I/O error."};

struct compare {
    uint64_t threshold, confidence; /* % */
    struct report_files files;
    struct loaded_report a, b;
    size_t matched, slower, faster, unclear;
};

/* A series that both reports have. */
struct matching {
    struct compare *compare;
    const struct loaded_series *a, *b;
    struct report_series *series;
    struct report_column columns[PARAMETERS_MAX + OWN_COLUMNS];
    size_t parameters; /* number of parameters, the first columns */
    struct plot *plot;
    struct matching *next; /* the report refers to `columns`, so all are kept until its end */
};

/* ---------------------------------------------------------------- options */

static int accept_option(void *user, int id, const char *argument)
{
    struct compare *compare = user;

    if (id == OPTION_THRESHOLD)
        return option_number(&syntax, "threshold", argument, 0, 99, &compare->threshold);
    if (id == OPTION_CONFIDENCE)
        return option_number(&syntax, "confidence", argument, 50, 99, &compare->confidence);
    return report_files_accept(&compare->files, &syntax, id, argument);
}

/* ---------------------------------------------------------------- one row */

static double median_of(const double *samples, size_t count)
{
    struct ratio ratio;
    const double one = 1;

    return ratio_of(&one, 1, samples, count, 0.95, &ratio) ? ratio.estimate : NAN;
}

/* A row is faster or slower if the whole interval is beyond the threshold. */
static const char *judge(struct compare *compare, enum loaded_better better,
                         const struct ratio *ratio)
{
    const double share = (double)compare->threshold / 100;
    const bool more = ratio->low > 1 / (1 - share), less = ratio->high < 1 - share;

    if (ratio->confidence <= 0) {
        compare->unclear++;
        return "too few samples";
    }
    if (!more && !less)
        return "";
    if (better == BETTER_NEITHER)
        return "changed";
    if (more == (better == BETTER_MORE)) {
        compare->faster++;
        return "faster";
    }
    compare->slower++;
    return "slower";
}

static void set_parameters(const struct matching *matching, const struct loaded_row *row,
                           struct report_row *to)
{
    for (size_t i = 0; i < matching->parameters; i++) {
        const char *name = matching->columns[i].name;
        json_t *value = json_object_get(row->parameters, name);

        if (json_is_string(value))
            report_set_text(to, name, json_string_value(value));
        else if (json_is_number(value))
            report_set_text(to, name, report_number_text(json_number_value(value)).text);
    }
}

/* The name of a bar: the parameters that the table shows, as in "direct, 4096". */
static void describe(const struct matching *matching, const struct loaded_row *row, char *text,
                     size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < matching->parameters && used < size; i++) {
        json_t *value = json_object_get(row->parameters, matching->columns[i].name);
        const char *shown = json_is_string(value) ? json_string_value(value) : "-";
        const struct report_text number = report_number_text(json_number_value(value));

        if (matching->columns[i].head != NULL)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
                                     json_is_number(value) ? number.text : shown);
    }
}

static int add_row(struct matching *matching, const struct loaded_row *a,
                   const struct loaded_row *b)
{
    struct compare *compare = matching->compare;
    struct report_row *row = report_row_add(matching->series);
    struct ratio ratio;
    char text[80];

    if (row == NULL || !ratio_of(a->samples, a->sample_count, b->samples, b->sample_count,
                                 (double)compare->confidence / 100, &ratio))
        return out_of_memory();
    compare->matched++;
    set_parameters(matching, a, row);
    report_set(row, "a", median_of(a->samples, a->sample_count));
    report_set(row, "b", median_of(b->samples, b->sample_count));
    report_sample(row, ratio.estimate);
    report_set_median(row);
    if (ratio.confidence > 0) {
        report_set(row, "low", ratio.low);
        report_set(row, "high", ratio.high);
        report_set(row, "confidence", 100 * ratio.confidence);
    }
    report_set_text(row, "verdict", judge(compare, matching->a->better, &ratio));
    describe(matching, a, text, sizeof text);
    if (matching->series->row_count <= BARS_MAX)
        plot_bar(matching->plot, text, ratio.estimate);
    return STATUS_DONE;
}

/* ---------------------------------------------------------------- one series */

/* Whether a parameter differs between rows. The table shows only such parameters. */
static bool varies(const struct loaded_series *series, const char *name)
{
    for (size_t i = 1; i < series->row_count; i++)
        if (!json_equal(json_object_get(series->rows[0].parameters, name),
                        json_object_get(series->rows[i].parameters, name)) &&
            (json_object_get(series->rows[0].parameters, name) != NULL ||
             json_object_get(series->rows[i].parameters, name) != NULL))
            return true;
    return false;
}

static void set_columns(struct matching *matching)
{
    const struct report_column own[OWN_COLUMNS] = {
        {"a", matching->a->unit, REPORT_NEUTRAL, 1, "A"},
        {"b", matching->a->unit, REPORT_NEUTRAL, 1, "B"},
        {"ratio", "B/A",
         matching->a->better == BETTER_MORE   ? REPORT_MORE
         : matching->a->better == BETTER_LESS ? REPORT_LESS
                                              : REPORT_NEUTRAL,
         3, "ratio"},
        {"low", "", REPORT_NEUTRAL, 3, "low"},
        {"high", "", REPORT_NEUTRAL, 3, "high"},
        {"confidence", "%", REPORT_NEUTRAL, 0, "confidence"},
        {"verdict", "", REPORT_NEUTRAL, 0, "verdict"},
    };
    json_t *parameter;
    size_t i;

    json_array_foreach (matching->a->parameters, i, parameter) {
        const char *name = json_string_value(json_object_get(parameter, "name"));

        if (matching->parameters == PARAMETERS_MAX)
            break;
        matching->columns[matching->parameters++] = (struct report_column){
            name, "", REPORT_PARAMETER, 0, varies(matching->a, name) ? name : NULL};
    }
    memcpy(matching->columns + matching->parameters, own, sizeof own);
}

static int compare_series(struct matching *matching, struct report *report, struct plots *plots)
{
    set_columns(matching);
    matching->series =
        report_series_add(report, matching->a->name, matching->a->title, matching->columns,
                          matching->parameters + OWN_COLUMNS - 1, "ratio");
    matching->plot = plot_add(plots, "ratio", matching->a->title);
    plot_axis(matching->plot, PLOT_X, "B / A", PLOT_LINEAR);
    for (size_t i = 0; i < matching->a->row_count; i++) {
        const struct loaded_row *row = &matching->a->rows[i];
        const struct loaded_row *other = loaded_row_of(matching->b, row->key);

        if (other == NULL)
            continue;
        int status = add_row(matching, row, other);
        if (status != STATUS_DONE)
            return status;
    }
    return STATUS_DONE;
}

/* ---------------------------------------------------------------- all of it */

static size_t rows_of(const struct loaded_report *report)
{
    size_t rows = 0;

    for (size_t i = 0; i < report->series_count; i++)
        rows += report->series[i].row_count;
    return rows;
}

/* Facts about the two systems that differ. */
static void add_differences(const struct compare *compare, struct report *report)
{
    static const char *const names[] = {
        "indexkv", "kernel", "cpu",         "cores", "memory",    "data",
        "store",   "device", "file_system", "pairs", "file_size", "seed",
    };

    for (size_t i = 0; i < REPORT_COUNT(names); i++) {
        json_t *a = json_object_get(compare->a.context, names[i]);
        json_t *b = json_object_get(compare->b.context, names[i]);
        char name[40], *texts[2];

        if (a == NULL || b == NULL || json_equal(a, b))
            continue;
        texts[0] = json_dumps(a, JSON_ENCODE_ANY);
        texts[1] = json_dumps(b, JSON_ENCODE_ANY);
        for (int side = 0; side < 2; side++) {
            (void)snprintf(name, sizeof name, "%s_%c", names[i], "ab"[side]);
            report_fact(report, name, texts[side] ? texts[side] : "?");
            free(texts[side]);
        }
    }
    if (!compare->a.complete)
        report_fact(report, "a_interrupted", "incomplete, the measurement was interrupted");
    if (!compare->b.complete)
        report_fact(report, "b_interrupted", "incomplete, the measurement was interrupted");
}

static void add_summary(const struct compare *compare, struct report *report)
{
    char text[200];

    report_fact(report, "a", compare->a.path);
    report_fact(report, "b", compare->b.path);
    add_differences(compare, report);
    (void)snprintf(text, sizeof text,
                   "Hodges-Lehmann ratio of samples; %u %% interval by the rank-sum test; "
                   "threshold %u %%",
                   (unsigned)compare->confidence, (unsigned)compare->threshold);
    report_fact(report, "method", text);
    (void)snprintf(text, sizeof text,
                   "%zu slower, %zu faster, %zu of %zu rows without significant change; "
                   "%zu only in A, %zu only in B",
                   compare->slower, compare->faster,
                   compare->matched - compare->slower - compare->faster, compare->matched,
                   rows_of(&compare->a) - compare->matched,
                   rows_of(&compare->b) - compare->matched);
    report_fact(report, "result", text);
}

static int compare_all(struct compare *compare, struct report *report, struct plots *plots,
                       struct matching **ret_all)
{
    int status = STATUS_DONE;

    for (size_t i = 0; i < compare->a.series_count && status == STATUS_DONE; i++) {
        const struct loaded_series *a = &compare->a.series[i];
        const struct loaded_series *b = loaded_series_named(&compare->b, a->name);

        if (b == NULL)
            continue;
        if (strcmp(a->main, b->main) != 0) {
            message("%s and %s: different main metrics of series %s", compare->a.path,
                    compare->b.path, a->name);
            return STATUS_USAGE;
        }
        struct matching *matching = calloc(1, sizeof *matching);
        if (matching == NULL)
            return out_of_memory();
        *matching = (struct matching){.compare = compare, .a = a, .b = b, .next = *ret_all};
        *ret_all = matching;
        status = compare_series(matching, report, plots);
    }
    if (status == STATUS_DONE && compare->matched == 0) {
        message("%s and %s have no rows with the same parameters", compare->a.path,
                compare->b.path);
        return STATUS_USAGE;
    }
    return status;
}

static int run(struct compare *compare, const struct operands *operands, struct report *report,
               struct plots *plots, struct matching **ret_all)
{
    int status = loaded_read(&compare->a, operands->items[0]);

    if (status == STATUS_DONE)
        status = loaded_read(&compare->b, operands->items[1]);
    if (status == STATUS_DONE)
        status = report_files_open(&compare->files, operands);
    if (status == STATUS_DONE)
        status = compare_all(compare, report, plots, ret_all);
    if (status != STATUS_DONE)
        return status;
    add_summary(compare, report);
    status = report_files_write(&compare->files, report, plots);
    if (status == STATUS_DONE && compare->slower > 0)
        return STATUS_MISSING; /* 1 */
    return status;
}

int cmd_compare(int argc, char **argv)
{
    struct compare compare = {.threshold = 5, .confidence = 95, .files = REPORT_FILES_INIT};
    struct matching *all = NULL;
    struct report report;
    struct plots plots = {0};
    struct operands operands;
    int status = options_parse(&syntax, argc, argv, accept_option, &compare, &operands);

    if (status == OPTIONS_CONTINUE && operands.count != 2)
        status = usage_error(syntax.name, "expected two reports, A.json and B.json");
    if (status != OPTIONS_CONTINUE)
        return status;
    report_init(&report, "compare");
    status = run(&compare, &operands, &report, &plots, &all);
    plots_free(&plots);
    report_free(&report);
    report_files_close(&compare.files);
    while (all != NULL) {
        struct matching *next = all->next;
        free(all);
        all = next;
    }
    loaded_free(&compare.a);
    loaded_free(&compare.b);
    return status;
}
