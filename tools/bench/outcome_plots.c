/* The plots of bench. */
#include "bench/outcome.h"

#include "base/numbers.h"

#include <stdio.h>
#include <string.h>

/* Limits of what is readable in one plot. */
#define CURVES_MAX 6
#define BOUNDS_MAX 2 /* with more curves, their bounds are not plotted */
#define BARS_MAX   24
#define CDFS_MAX   12

/* A curve, and its upper bound by the speed of the device. */
struct curve {
    char title[80];
    struct plot_line *line, *bound;
};

/* The x axis shows batch sizes; or depths, if only those vary. */
static bool is_by_depth(const struct bench_outcome *outcome)
{
    const struct bench_plan *plan = outcome->subject->plan;
    return plan->batches.count == 1 && plan->depths.count > 1;
}

/* If neither varies, rows are plotted as bars. */
static bool is_bars(const struct bench_outcome *outcome)
{
    const struct bench_plan *plan = outcome->subject->plan;
    return plan->batches.count == 1 && plan->depths.count == 1;
}

/* The number of curves in the plot of one state. */
static size_t curves_of(const struct bench_outcome *outcome)
{
    const struct bench_plan *plan = outcome->subject->plan;
    const size_t all = bench_setup_count(plan) * bench_point_count(plan) / plan->states.count;
    return all / (is_by_depth(outcome) ? plan->depths.count : plan->batches.count);
}

/* The parameters that vary, except for that on the x axis: "uring, 2 threads". */
static void describe(const struct bench_outcome *outcome, const struct bench_case *item, char *text,
                     size_t size)
{
    const struct bench_plan *plan = outcome->subject->plan;
    const struct bench_setup *setup = &item->setup;
    const struct bench_point *point = &item->point;
    char parts[8][64] = {{0}};
    size_t used = 0;

    if (plan->backends.count > 1)
        (void)snprintf(parts[0], sizeof parts[0], "%s", bench_backend_name(setup->backend));
    if (plan->threads.count > 1)
        (void)snprintf(parts[1], sizeof parts[1], "%u threads", setup->threads);
    if (plan->depths.count > 1 && !is_by_depth(outcome))
        (void)snprintf(parts[2], sizeof parts[2], "depth %u", setup->depth);
    if (plan->callers.count > 1)
        (void)snprintf(parts[3], sizeof parts[3], "%u callers", point->callers);
    if (plan->probes.count > 1)
        (void)snprintf(parts[4], sizeof parts[4], "%s probes", bench_probe_name(point->probe));
    if (plan->distributions.count > 1)
        (void)snprintf(parts[5], sizeof parts[5], "%s",
                       bench_distribution_name(point->distribution));
    if (plan->hit_ratios.count > 1)
        (void)snprintf(parts[6], sizeof parts[6], "%.0f %% present", 100 * point->present);
    if (plan->memories.count > 1)
        (void)snprintf(parts[7], sizeof parts[7], "%s for the index",
                       human_bytes((double)setup->memory).text);
    text[0] = '\0';
    for (size_t i = 0; i < 8; i++)
        if (parts[i][0] != '\0' && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", parts[i]);
    if (text[0] == '\0')
        (void)snprintf(text, size, "lookups");
}

/* Finds a curve by its title, or adds it. NULL: there are too many. */
static struct curve *curve_of(struct plot *plot, struct curve *curves, size_t *count,
                              const char *title, bool bounded)
{
    char bound[80];

    for (size_t i = 0; i < *count; i++)
        if (strcmp(curves[i].title, title) == 0)
            return &curves[i];
    if (*count == CURVES_MAX)
        return NULL;
    struct curve *curve = &curves[(*count)++];
    (void)snprintf(curve->title, sizeof curve->title, "%s", title);
    curve->line = plot_line(plot, title);
    curve->bound = NULL;
    if (!bounded)
        return curve;
    (void)snprintf(bound, sizeof bound, "%.60s: device limit", title);
    curve->bound = plot_line(plot, strcmp(title, "lookups") == 0 ? "device limit" : bound);
    return curve;
}

/* Unless warm, the plot includes the device limit: the ceiling divided by the reads that a key
 * takes in theory. */
static void plot_rates(const struct bench_outcome *outcome, const struct report_series *series,
                       struct plot *plot, enum bench_state state)
{
    struct curve curves[CURVES_MAX];
    struct bench_case item;
    const bool bounded = state != BENCH_WARM && curves_of(outcome) <= BOUNDS_MAX;
    size_t row = 0, count = 0, bars = 0;
    char title[80];

    for (size_t i = 0; i < outcome->results->count && row < series->row_count; i++) {
        bench_case_at(outcome, i, &item);
        if (item.result->repetitions == 0)
            continue;
        const struct report_row *values = series->rows[row++];
        if (item.setup.state != state)
            continue;
        describe(outcome, &item, title, sizeof title);
        if (is_bars(outcome)) {
            if (bars++ < BARS_MAX)
                plot_bar(plot, title, report_get(values, "lookups_per_second"));
            continue;
        }
        const struct curve *curve = curve_of(plot, curves, &count, title, bounded);
        if (curve == NULL)
            continue;
        const double x = is_by_depth(outcome) ? item.setup.depth : (double)item.point.batch;
        plot_point(curve->line, x, report_get(values, "lookups_per_second"));
        if (curve->bound != NULL)
            plot_point(curve->bound, x, report_get(values, "predicted_lookups_per_second"));
    }
}

/* Call durations for each value on the x axis, with the first combination of the other parameters.
 */
static void plot_latencies(const struct bench_outcome *outcome, struct plot *plot,
                           enum bench_state state)
{
    struct bench_case item;
    char first[80] = "", title[80];
    size_t shown = 0;

    for (size_t i = 0; i < outcome->results->count && shown < CDFS_MAX; i++) {
        bench_case_at(outcome, i, &item);
        if (item.setup.state != state || item.result->repetitions == 0)
            continue;
        describe(outcome, &item, title, sizeof title);
        if (shown++ == 0)
            memcpy(first, title, sizeof first);
        if (strcmp(first, title) != 0)
            continue;
        if (is_by_depth(outcome))
            (void)snprintf(title, sizeof title, "depth %u", item.setup.depth);
        else if (item.point.batch == 1)
            (void)snprintf(title, sizeof title, "1 key");
        else
            (void)snprintf(title, sizeof title, "%llu keys", (unsigned long long)item.point.batch);
        plot_cdf(plot, title, &item.result->calls);
    }
}

void bench_plots(const struct bench_outcome *outcome, const struct report_series *series)
{
    static const struct {
        enum bench_state state;
        const char *name, *title, *latency_name, *latency_title;
    } all[] = {
        {BENCH_DIRECT, "lookups-direct", "Lookups, page cache bypassed", "latency-direct",
         "Call durations, page cache bypassed"},
        {BENCH_COLD, "lookups-cold", "Lookups, page cache dropped", "latency-cold",
         "Call durations, page cache dropped"},
        {BENCH_WARM, "lookups-warm", "Lookups, file in the page cache", "latency-warm",
         "Call durations, file in the page cache"},
    };

    for (size_t i = 0; i < REPORT_COUNT(all); i++) {
        if (!bench_list_has(&outcome->subject->plan->states, all[i].state))
            continue;
        struct plot *plot = plot_add(outcome->plots, all[i].name, all[i].title);
        if (is_bars(outcome)) {
            plot_axis(plot, PLOT_X, "lookups/s", PLOT_LINEAR);
        } else {
            plot_axis(plot, PLOT_X,
                      is_by_depth(outcome) ? "reads in flight (depth)" : "keys per batch",
                      PLOT_LOG2);
            plot_axis(plot, PLOT_Y, "lookups/s", PLOT_LINEAR);
        }
        plot_rates(outcome, series, plot, all[i].state);
        plot = plot_add(outcome->plots, all[i].latency_name, all[i].latency_title);
        plot_axis(plot, PLOT_X, "duration (us)", PLOT_LOG10);
        plot_axis(plot, PLOT_Y, "share of calls (%)", PLOT_LINEAR);
        plot_latencies(outcome, plot, all[i].state);
    }
}
