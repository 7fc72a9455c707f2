/*
 * Plots, drawn by gnuplot as SVG or PNG.
 *
 *     struct plots plots = {0};
 *     struct plot *plot = plot_add(&plots, "depth", "Random reads of 4 KiB by depth");
 *     plot_axis(plot, PLOT_X, "reads in flight", PLOT_LOG2);
 *     plot_axis(plot, PLOT_Y, "reads/s", PLOT_LINEAR);
 *     struct plot_line *line = plot_line(plot, "io_uring, 1 thread");
 *     plot_point(line, 1, 15700); ...
 *     plot_level(plot, "the device's ceiling", 80200);
 *     plot_mark(plot, "knee", 64, 76000);
 *
 * No function fails: when memory runs out, `failed` is set and NULL is returned, which all
 * functions accept. A plot's name becomes part of a file name: lower case, digits, '-'. Names,
 * titles and axis labels must be static; titles of lines and marks are copied. Lines without points
 * and plots without lines or cells are not drawn.
 */
#ifndef PLOT_H
#define PLOT_H

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>

enum plot_scale {
    PLOT_LINEAR, /* starts at 0 */
    PLOT_LOG2,   /* depths, batch sizes: 1, 2, 4, ... */
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
    double *points; /* x, y, x, y, ...; a level is stored as (0, y) */
    size_t count;   /* points */
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
    const char *cell_label; /* what the cells show: "reads/s" */
    struct plot_cell *cells;
    size_t cell_count;
    char **bars; /* names, from top to bottom */
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
/* Drops points that are not finite, or not positive on a logarithmic axis. */
void plot_point(struct plot_line *line, double x, double y);
/* A dashed horizontal line. */
void plot_level(struct plot *plot, const char *title, double y);
/* A circle around a point; marks with the same title share a legend entry. */
void plot_mark(struct plot *plot, const char *title, double x, double y);
/* Cumulative distribution: the percentage of reads that took at most x microseconds. */
void plot_cdf(struct plot *plot, const char *title, const ikv_latency *latency);
/* A horizontal bar, labelled with its name and value. Bars are drawn from the top down along the x
 * axis; a plot with bars contains nothing else. */
void plot_bar(struct plot *plot, const char *name, double value);
/*
 * A cell of a heat map, showing its value. The columns are all x values that occur, the rows all y
 * values; combinations without a value stay empty. A plot with cells contains nothing else.
 */
void plot_cell(struct plot *plot, const char *label, double x, double y, double value);

/* ---------------------------------------------------------------- drawing */

enum plot_format { PLOT_NO_FORMAT, PLOT_SVG, PLOT_PNG };

/* From the file name's extension. */
enum plot_format plot_format_of(const char *path);

/* STATUS_DONE if gnuplot is in PATH, otherwise STATUS_IO after reporting. */
int plots_check_gnuplot(void);

/*
 * Draw all plots into one file, two per row; or, if `path` contains "%s", each into its own file,
 * with "%s" replaced by the plot's name. STATUS_DONE, STATUS_INTERRUPTED, or STATUS_IO after
 * reporting. If no plot has data, prints a message and succeeds.
 */
int plots_draw(const struct plots *plots, const char *path);

#endif
