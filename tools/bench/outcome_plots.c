/* Plots of what bench found out. */
#include "bench/outcome.h"

#include "base/numbers.h"

#include <stdio.h>
#include <string.h>

/* More in one plot nobody can read; and with more than two, what the device allows is left out. */
#define CURVES_MOST 6
#define BOUNDS_MOST 2
#define BARS_MOST   24
#define CDFS_MOST   12

/* One curve, and beside it what the device allows. */
struct curve {
    char title[80];
    struct plot_line *line, *bound;
};

/* What is on the x axis: batches; or depths, if there is one batch size only and several of them.
 */
static bool is_by_depth(const struct bench_outcome *outcome)
{
    const struct bench_plan *plan = outcome->subject->plan;
    return plan->batches.count == 1 && plan->depths.count > 1;
}

/* Nothing is: then the rows are bars. */
static bool is_bars(const struct bench_outcome *outcome)
{
    const struct bench_plan *plan = outcome->subject->plan;
    return plan->batches.count == 1 && plan->depths.count == 1;
}

/* Curves of one state. */
static size_t curves_of(const struct bench_outcome *outcome)
{
    const struct bench_plan *plan = outcome->subject->plan;
    const size_t all = bench_setup_count(plan) * bench_point_count(plan) / plan->states.count;
    return all / (is_by_depth(outcome) ? plan->depths.count : plan->batches.count);
}

/* The values of a row that differ between rows, but for that on the x axis: "uring, 2 threads". */
static void describe(const struct bench_outcome *outcome, const struct bench_place *place,
                     char *text, size_t size)
{
    const struct bench_plan *plan = outcome->subject->plan;
    const struct bench_setup *setup = &place->setup;
    const struct bench_point *point = &place->point;
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

/* NULL: there are enough already. */
static struct curve *curve_of(struct plot *plot, struct curve *curves, size_t *count,
                              const char *title, bool bounded)
{
    char bound[80];

    for (size_t i = 0; i < *count; i++)
        if (strcmp(curves[i].title, title) == 0)
            return &curves[i];
    if (*count == CURVES_MOST)
        return NULL;
    struct curve *curve = &curves[(*count)++];
    (void)snprintf(curve->title, sizeof curve->title, "%s", title);
    curve->line = plot_line(plot, title);
    curve->bound = NULL;
    if (!bounded)
        return curve;
    (void)snprintf(bound, sizeof bound, "%.60s: the device", title);
    curve->bound =
        plot_line(plot, strcmp(title, "lookups") == 0 ? "what the device allows" : bound);
    return curve;
}

/* Where the device is read, what it allows stands beside: its ceiling over the reads that a key
 * takes in theory. */
static void plot_rates(const struct bench_outcome *outcome, const struct report_series *series,
                       struct plot *plot, enum bench_state state)
{
    struct curve curves[CURVES_MOST];
    struct bench_place place;
    const bool bounded = state != BENCH_WARM && curves_of(outcome) <= BOUNDS_MOST;
    size_t row = 0, count = 0, bars = 0;
    char title[80];

    for (size_t i = 0; i < outcome->results->count && row < series->row_count; i++) {
        bench_place_at(outcome, i, &place);
        if (place.result->visits == 0)
            continue;
        const struct report_row *values = series->rows[row++];
        if (place.setup.state != state)
            continue;
        describe(outcome, &place, title, sizeof title);
        if (is_bars(outcome)) {
            if (bars++ < BARS_MOST)
                plot_bar(plot, title, report_get(values, "lookups_per_second"));
            continue;
        }
        const struct curve *curve = curve_of(plot, curves, &count, title, bounded);
        if (curve == NULL)
            continue;
        const double x = is_by_depth(outcome) ? place.setup.depth : (double)place.point.batch;
        plot_point(curve->line, x, report_get(values, "lookups_per_second"));
        if (curve->bound != NULL)
            plot_point(curve->bound, x, report_get(values, "predicted_lookups_per_second"));
    }
}

/* How long calls take: for each value on the x axis, of the first combination of all others. */
static void plot_latencies(const struct bench_outcome *outcome, struct plot *plot,
                           enum bench_state state)
{
    struct bench_place place;
    char first[80] = "", title[80];
    size_t shown = 0;

    for (size_t i = 0; i < outcome->results->count && shown < CDFS_MOST; i++) {
        bench_place_at(outcome, i, &place);
        if (place.setup.state != state || place.result->visits == 0)
            continue;
        describe(outcome, &place, title, sizeof title);
        if (shown++ == 0)
            memcpy(first, title, sizeof first);
        if (strcmp(first, title) != 0)
            continue;
        if (is_by_depth(outcome))
            (void)snprintf(title, sizeof title, "depth %u", place.setup.depth);
        else if (place.point.batch == 1)
            (void)snprintf(title, sizeof title, "1 key");
        else
            (void)snprintf(title, sizeof title, "%llu keys", (unsigned long long)place.point.batch);
        plot_cdf(plot, title, &place.result->calls);
    }
}

void bench_plots(const struct bench_outcome *outcome, const struct report_series *series)
{
    static const struct {
        enum bench_state state;
        const char *name, *title, *latency_name, *latency_title;
    } all[] = {
        {BENCH_DIRECT, "lookups-direct", "Lookups, page cache bypassed", "latency-direct",
         "How long a call takes, page cache bypassed"},
        {BENCH_COLD, "lookups-cold", "Lookups, pages dropped before", "latency-cold",
         "How long a call takes, pages dropped before"},
        {BENCH_WARM, "lookups-warm", "Lookups, from the page cache", "latency-warm",
         "How long a call takes, from the page cache"},
    };

    for (size_t i = 0; i < REPORT_COUNT(all); i++) {
        if (!bench_list_has(&outcome->subject->plan->states, all[i].state))
            continue;
        struct plot *plot = plot_add(outcome->plots, all[i].name, all[i].title);
        if (is_bars(outcome)) {
            plot_axis(plot, PLOT_X, "lookups a second", PLOT_LINEAR);
        } else {
            plot_axis(plot, PLOT_X,
                      is_by_depth(outcome) ? "reads in flight (depth)" : "keys in a batch",
                      PLOT_LOG2);
            plot_axis(plot, PLOT_Y, "lookups a second", PLOT_LINEAR);
        }
        plot_rates(outcome, series, plot, all[i].state);
        plot = plot_add(outcome->plots, all[i].latency_name, all[i].latency_title);
        plot_axis(plot, PLOT_X, "time of a call (us)", PLOT_LOG10);
        plot_axis(plot, PLOT_Y, "calls done (%)", PLOT_LINEAR);
        plot_latencies(outcome, plot, all[i].state);
    }
}
