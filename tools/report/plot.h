/*
 * Plots, drawn by gnuplot as SVG or PNG.
 *
 *     struct plots plots = {0};
 *     struct plot *plot = plot_add(&plots, "depth", "Random reads of 4 KiB against depth");
 *     plot_axis(plot, PLOT_X, "reads in flight", PLOT_LOG2);
 *     plot_axis(plot, PLOT_Y, "reads a second", PLOT_LINEAR);
 *     struct plot_line *line = plot_line(plot, "io_uring, 1 thread");
 *     plot_point(line, 1, 15700); ...
 *     plot_level(plot, "the device's ceiling", 80200);
 *     plot_mark(plot, "knee", 64, 76000);
 *
 * As with reports nothing fails: `failed` is set when memory runs out, NULL is taken everywhere.
 * Names of plots become parts of file names: lower case, digits, '-'. They, titles and labels of
 * axes are static storage; titles of lines and marks are copied. A line without points, and a plot
 * without lines or cells, is left out.
 */
#ifndef PLOT_H
#define PLOT_H

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>

enum plot_scale {
    PLOT_LINEAR, /* from 0 on */
    PLOT_LOG2,   /* numbers such as depths and batches: 1, 2, 4, ... */
    PLOT_LOG10,
    PLOT_BYTES /* logarithmic, labelled in KiB, MiB, ... */
};
enum plot_side { PLOT_X, PLOT_Y };

struct plot_axis {
    const char *label; /* with its unit: "latency (us)" */
    enum plot_scale scale;
};

enum plot_style { PLOT_CURVE, PLOT_STEPS, PLOT_LEVEL, PLOT_MARK, PLOT_BARS };

struct plot_line {
    struct plots *plots;
    char title[80];
    enum plot_style style;
    double *points; /* x, y, x, y, ...; of a level the y alone, as (0, y) */
    size_t count;   /* of points */
};

struct plot_cell {
    double x, y, value;
};

struct plot {
    struct plots *plots;
    const char *name;
    const char *title;
    struct plot_axis axes[2];
    struct plot_line **lines;
    size_t line_count;
    const char *cell_label; /* what cells show: "reads a second" */
    struct plot_cell *cells;
    size_t cell_count;
    char **bars; /* names of bars, from the top */
    size_t bar_count;
};

struct plots {
    bool failed;
    struct plot **plots;
    size_t count;
};

struct plot *plot_add(struct plots *plots, const char *name, const char *title);
void plots_free(struct plots *plots);

void plot_axis(struct plot *plot, enum plot_side side, const char *label, enum plot_scale scale);
struct plot_line *plot_line(struct plot *plot, const char *title);
/* Points with a coordinate that is no number, or that a logarithmic axis has no place for, are
 * dropped. */
void plot_point(struct plot_line *line, double x, double y);
/* A dashed horizontal line. */
void plot_level(struct plot *plot, const char *title, double y);
/* A ring around a point; those of one title share a place in the legend. */
void plot_mark(struct plot *plot, const char *title, double x, double y);
/* The share of reads, in %, that took at most so long: x is in microseconds. */
void plot_cdf(struct plot *plot, const char *title, const ikv_latency *latency);
/* A horizontal bar from 0 to `value`, with its name beside it and its value at its end. Bars go
 * from the top down; a plot of bars has nothing else in it. Its x axis is the values'. */
void plot_bar(struct plot *plot, const char *name, double value);
/*
 * A heat map: cells at the crossings of all xs and ys that were named, each with its value in it;
 * crossings that were not measured stay empty. Axes are labelled with the xs and ys themselves. A
 * plot of cells has nothing else in it.
 */
void plot_cell(struct plot *plot, const char *label, double x, double y, double value);

/* ---------------------------------------------------------------- drawing */

enum plot_format { PLOT_NO_FORMAT, PLOT_SVG, PLOT_PNG };

/* By the end of the name. */
enum plot_format plot_format_of(const char *path);

/* STATUS_DONE if there is a gnuplot to be run; otherwise STATUS_IO, reported. */
int plots_check_gnuplot(void);

/*
 * Draw all plots into one file, two beside each other; or, if `path` has "%s" in it, each into a
 * file of its own, its name taking the place of "%s". STATUS_DONE, STATUS_INTERRUPTED or STATUS_IO,
 * reported. If there is nothing to draw, says so and succeeds.
 */
int plots_draw(const struct plots *plots, const char *path);

#endif
