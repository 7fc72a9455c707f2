#include "report/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in report.c: reserve memory for one more element. */
static void *reserve_one(struct plots *plots, void *array, size_t count, size_t element)
{
    if ((count & (count - 1)) != 0)
        return array;
    void *grown = realloc(array, (count ? 2 * count : 1) * element);
    plots->failed |= grown == NULL;
    return grown;
}

struct plot *plot_add(struct plots *plots, const char *name, const char *title)
{
    struct plot **all = reserve_one(plots, plots->plots, plots->count, sizeof *plots->plots);
    struct plot *plot = calloc(1, sizeof *plot);
    plots->plots = all ? all : plots->plots;
    if (all == NULL || plot == NULL) {
        plots->failed = true;
        free(plot);
        return NULL;
    }
    *plot = (struct plot){.plots = plots, .name = name, .title = title};
    plot->axes[PLOT_X].label = plot->axes[PLOT_Y].label = "";
    all[plots->count++] = plot;
    return plot;
}

static void plot_free(struct plot *plot)
{
    for (size_t i = 0; i < plot->line_count; i++) {
        free(plot->lines[i]->points);
        free(plot->lines[i]);
    }
    for (size_t i = 0; i < plot->bar_count; i++)
        free(plot->bars[i]);
    free(plot->bars);
    free(plot->lines);
    free(plot->cells);
    free(plot);
}

void plots_free(struct plots *plots)
{
    for (size_t i = 0; i < plots->count; i++)
        plot_free(plots->plots[i]);
    free(plots->plots);
    *plots = (struct plots){0};
}

void plot_axis(struct plot *plot, enum plot_side side, const char *label, enum plot_scale scale)
{
    if (plot != NULL)
        plot->axes[side] = (struct plot_axis){label, scale};
}

static struct plot_line *add_line(struct plot *plot, const char *title, enum plot_style style)
{
    if (plot == NULL)
        return NULL;
    struct plot_line **lines =
        reserve_one(plot->plots, plot->lines, plot->line_count, sizeof *plot->lines);
    struct plot_line *line = calloc(1, sizeof *line);
    plot->lines = lines ? lines : plot->lines;
    if (lines == NULL || line == NULL) {
        plot->plots->failed = true;
        free(line);
        return NULL;
    }
    line->plots = plot->plots;
    line->style = style;
    snprintf(line->title, sizeof line->title, "%s", title);
    lines[plot->line_count++] = line;
    return line;
}

struct plot_line *plot_line(struct plot *plot, const char *title)
{
    return add_line(plot, title, PLOT_CURVE);
}

void plot_point(struct plot_line *line, double x, double y)
{
    if (line == NULL || !isfinite(x) || !isfinite(y))
        return;
    double *points = reserve_one(line->plots, line->points, line->count, 2 * sizeof *line->points);
    if (points == NULL)
        return;
    line->points = points;
    points[2 * line->count] = x;
    points[2 * line->count + 1] = y;
    line->count++;
}

void plot_level(struct plot *plot, const char *title, double y)
{
    plot_point(add_line(plot, title, PLOT_LEVEL), 0, y);
}

void plot_mark(struct plot *plot, const char *title, double x, double y)
{
    struct plot_line *line = NULL;
    for (size_t i = 0; plot != NULL && i < plot->line_count; i++)
        if (plot->lines[i]->style == PLOT_MARK && strcmp(plot->lines[i]->title, title) == 0)
            line = plot->lines[i];
    plot_point(line ? line : add_line(plot, title, PLOT_MARK), x, y);
}

void plot_cdf(struct plot *plot, const char *title, const ikv_latency *latency)
{
    uint64_t seen = 0;
    if (latency->count == 0)
        return;
    struct plot_line *line = add_line(plot, title, PLOT_STEPS);
    plot_point(line, (double)latency->min_ns * 1e-3, 0);
    for (size_t i = 0; i < IKV_LATENCY_BUCKETS; i++) {
        if (latency->bucket[i] == 0)
            continue;
        seen += latency->bucket[i];
        double share = (double)seen / (double)latency->count;
        plot_point(line, (double)ikv_latency_percentile(latency, share) * 1e-3, 100 * share);
    }
}

void plot_bar(struct plot *plot, const char *name, double value)
{
    if (plot == NULL || !isfinite(value))
        return;
    char **bars = reserve_one(plot->plots, plot->bars, plot->bar_count, sizeof *plot->bars);
    char *copy = strdup(name);
    plot->bars = bars ? bars : plot->bars;
    struct plot_line *line = plot->line_count ? plot->lines[0] : add_line(plot, "", PLOT_BARS);
    if (bars == NULL || copy == NULL || line == NULL) {
        plot->plots->failed = true;
        free(copy);
        return;
    }
    bars[plot->bar_count++] = copy;
    plot_point(line, value, -(double)plot->bar_count);
}

void plot_cell(struct plot *plot, const char *label, double x, double y, double value)
{
    if (plot == NULL || !isfinite(value))
        return;
    struct plot_cell *cells =
        reserve_one(plot->plots, plot->cells, plot->cell_count, sizeof *plot->cells);
    if (cells == NULL)
        return;
    plot->cells = cells;
    plot->cell_label = label;
    cells[plot->cell_count++] = (struct plot_cell){x, y, value};
}

enum plot_format plot_format_of(const char *path)
{
    size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, ".svg") == 0)
        return PLOT_SVG;
    if (length > 4 && strcmp(path + length - 4, ".png") == 0)
        return PLOT_PNG;
    return PLOT_NO_FORMAT;
}
