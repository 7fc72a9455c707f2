#include "report/plot_gnuplot.h"
#include "report/report_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 900, HEIGHT = 600 };

/* Okabe and Ito's palette, distinguishable with colour blindness. */
static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                      "#e69f00", "#56b4e9", "#7f7f7f", "#000000"};
enum { COLOURS = sizeof colours / sizeof colours[0] };

/* Writes the text in single quotes, with the characters in `doubled` written twice. */
static void quote_with(FILE *script, const char *text, const char *doubled)
{
    fputc('\'', script);
    for (; *text; text++) {
        if (strchr(doubled, *text) != NULL)
            fputc(*text, script);
        fputc(*text == '\n' ? ' ' : *text, script);
    }
    fputc('\'', script);
}

static void quote(FILE *script, const char *text)
{
    quote_with(script, text, "'");
}

/* gnuplot uses tic labels as format strings. */
static void quote_tic(FILE *script, const char *text)
{
    quote_with(script, text, "'%");
}

bool plot_has_data(const struct plot *plot)
{
    for (size_t i = 0; i < plot->line_count; i++)
        if (plot->lines[i]->count > 0)
            return true;
    return plot->cell_count > 0;
}

void plot_script_begin(FILE *script, const char *path, size_t columns, size_t rows)
{
    const char *terminal = plot_format_of(path) == PLOT_PNG ? "pngcairo noenhanced font 'sans,13'"
                                                            : "svg noenhanced font 'sans-serif,14'";
    fprintf(script,
            "set terminal %s size %zu,%zu background rgb 'white'\n"
            "set output ",
            terminal, columns * WIDTH, rows * HEIGHT);
    quote(script, path);
    fputc('\n', script);
}

/* ---------------------------------------------------------------- axes */

struct range {
    double low, high;
};

static struct range range_of(const struct plot *plot, enum plot_side side)
{
    struct range range = {INFINITY, -INFINITY};
    for (size_t i = 0; i < plot->line_count; i++) {
        const struct plot_line *line = plot->lines[i];
        for (size_t k = 0; k < line->count; k++) {
            const double at = line->points[2 * k + side];
            if ((line->style == PLOT_LEVEL && side == PLOT_X) ||
                (plot->axes[side].scale != PLOT_LINEAR && at <= 0))
                continue;
            range.low = fmin(range.low, at);
            range.high = fmax(range.high, at);
        }
    }
    return range;
}

/* Labels at powers of two, at most a dozen. */
static void binary_tics(FILE *script, char axis, enum plot_scale scale, struct range range)
{
    const int first = (int)floor(log2(range.low)), last = (int)ceil(log2(range.high));
    const int step = (last - first) / 14 + 1;
    const char *gap = "";
    fprintf(script, "set %ctics (", axis);
    for (int power = first; power <= last; power++) {
        const double at = ldexp(1, power);
        if ((power - first) % step != 0) /* without a label */
            fprintf(script, "%s'' %.0f 1", gap, at);
        else if (scale == PLOT_BYTES)
            fprintf(script, "%s'%s' %.0f", gap, report_bytes_text(at).text, at);
        else
            fprintf(script, "%s'%.0f' %.0f", gap, at, at);
        gap = ", ";
    }
    fprintf(script, ")%s nomirror\n",
            axis == 'x' && scale == PLOT_BYTES ? " rotate by 30 right" : "");
}

static void write_axis(FILE *script, const struct plot *plot, enum plot_side side)
{
    const struct plot_axis *axis = &plot->axes[side];
    const char letter = side == PLOT_X ? 'x' : 'y';
    struct range range = range_of(plot, side);
    fprintf(script, "set %clabel ", letter);
    quote(script, axis->label);
    fputc('\n', script);
    if (axis->scale == PLOT_LINEAR || !(range.low <= range.high)) {
        fprintf(script, "set %crange [0:%s]\nset %ctics autofreq nomirror norotate\n", letter,
                range.high > 0 ? "*" : "1", letter);
        /* %g would write millions as 1e+06. */
        fprintf(script, "set format %c '%%%s'\n", letter, range.high >= 10000 ? ".0f" : "g");
    } else if (axis->scale == PLOT_LOG10) {
        fprintf(script,
                "set logscale %c 10\nset %crange [%.9g:%.9g]\nset %ctics autofreq nomirror\n",
                letter, letter, range.low / 1.1, range.high * 1.1, letter);
        fprintf(script, "set format %c '%%%s'\n", letter, range.low >= 1 ? ".0f" : "g");
        /* Powers of ten alone are too few tics for a range this short. */
        if (range.high < 30 * range.low)
            fprintf(script, "set %ctics add (2, 5, 20, 50, 200, 500, 2000, 5000, 20000, 50000)\n",
                    letter);
    } else {
        fprintf(script, "set logscale %c 2\nset %crange [%.9g:%.9g]\n", letter, letter,
                range.low / 1.15, range.high * 1.15);
        binary_tics(script, letter, axis->scale, range);
    }
}

/* ---------------------------------------------------------------- lines */

/* Logarithmic axes have no place for numbers that are not positive. */
static bool is_drawable(const struct plot *plot, const struct plot_line *line, size_t point)
{
    return (plot->axes[PLOT_X].scale == PLOT_LINEAR || line->points[2 * point] > 0) &&
           (plot->axes[PLOT_Y].scale == PLOT_LINEAR || line->points[2 * point + 1] > 0);
}

static void write_data(FILE *script, const struct plot *plot, size_t number)
{
    for (size_t i = 0; i < plot->line_count; i++) {
        const struct plot_line *line = plot->lines[i];
        if (line->count == 0 || line->style == PLOT_LEVEL)
            continue;
        fprintf(script, "$d%zu_%zu << EOD\n", number, i);
        for (size_t k = 0; k < line->count; k++)
            if (line->style == PLOT_BARS || is_drawable(plot, line, k))
                fprintf(script, "%.9g %.9g\n", line->points[2 * k], line->points[2 * k + 1]);
        fputs("EOD\n", script);
    }
}

static void write_line(FILE *script, const struct plot_line *line, size_t number, size_t i,
                       const char *colour)
{
    switch (line->style) {
    case PLOT_CURVE:
        fprintf(script, "$d%zu_%zu using 1:2 with linespoints lw 2 pt 7 ps 0.5 lc rgb '%s'", number,
                i, colour);
        break;
    case PLOT_STEPS:
        fprintf(script, "$d%zu_%zu using 1:2 with lines lw 2 lc rgb '%s'", number, i, colour);
        break;
    case PLOT_LEVEL:
        fprintf(script, "%.9g with lines lw 2 dashtype 2 lc rgb '%s'", line->points[1], colour);
        break;
    case PLOT_MARK:
        fprintf(script, "$d%zu_%zu using 1:2 with points pt 6 ps 2 lw 2 lc rgb '#000000'", number,
                i);
        break;
    case PLOT_BARS:
        break;
    }
    fputs(" title ", script);
    quote(script, line->title);
}

/* Marks are written last, so that they are drawn over the curves. */
static void write_lines(FILE *script, const struct plot *plot, size_t number)
{
    const char *gap = "plot ";
    size_t colour = 0;
    write_axis(script, plot, PLOT_X);
    write_axis(script, plot, PLOT_Y);
    fputs("set border 3\nset grid lc rgb '#dddddd' lw 1\n"
          "set key below center Left reverse samplen 2 spacing 1.2 maxcols 3 title ' '\n",
          script);
    write_data(script, plot, number);
    for (int marks = 0; marks <= 1; marks++)
        for (size_t i = 0; i < plot->line_count; i++) {
            if (plot->lines[i]->count == 0 || (plot->lines[i]->style == PLOT_MARK) != marks)
                continue;
            fputs(gap, script);
            write_line(script, plot->lines[i], number, i, colours[colour % COLOURS]);
            colour += !marks;
            gap = ", \\\n  ";
        }
    fputc('\n', script);
}

static void write_bars(FILE *script, const struct plot *plot, size_t number)
{
    const struct plot_line *line = plot->lines[0];
    const bool log = plot->axes[PLOT_X].scale != PLOT_LINEAR;
    const struct range range = range_of(plot, PLOT_X);
    const double low = log ? pow(10, floor(log10(range.low / 2))) : 0;
    write_axis(script, plot, PLOT_X);
    /* Leave space at the right for the value of the longest bar. */
    fprintf(script, "set xrange [%.9g:%.9g]\nset yrange [-%zu.7:-0.3]\nset ytics (", low,
            log ? range.high * 5 : range.high * 1.2, plot->bar_count);
    for (size_t i = 0; i < plot->bar_count; i++) {
        fputs(i ? ", " : "", script);
        quote_tic(script, plot->bars[i]);
        fprintf(script, " -%zu", i + 1);
    }
    fputs(
        ") nomirror scale 0\nset ylabel ''\nset border 3\nset grid x lc rgb '#dddddd'\nunset key\n",
        script);
    write_data(script, plot, number);
    fprintf(script,
            "set style fill solid 0.8 noborder\n"
            "plot $d%zu_0 using (%.9g):2:(%.9g):1:($2-0.35):($2+0.35) with boxxyerror lc rgb '%s', "
            "$d%zu_0 using 1:2:(sprintf('%%.%df', $1)) with labels left offset 0.6,0\n",
            number, low, low, colours[0], number, line->count && range.high < 100 ? 1 : 0);
}

/* ---------------------------------------------------------------- heat maps */

/* The number of distinct coordinates below `at`: a cell's column or row. */
static size_t rank_of(const struct plot *plot, enum plot_side side, double at)
{
    size_t rank = 0;
    for (size_t i = 0; i < plot->cell_count; i++) {
        const double one = side == PLOT_X ? plot->cells[i].x : plot->cells[i].y;
        bool seen = one >= at;
        for (size_t k = 0; k < i && !seen; k++)
            seen = one == (side == PLOT_X ? plot->cells[k].x : plot->cells[k].y);
        rank += !seen;
    }
    return rank;
}

static void cell_tics(FILE *script, const struct plot *plot, enum plot_side side)
{
    fprintf(script, "set %ctics (", side == PLOT_X ? 'x' : 'y');
    for (size_t i = 0; i < plot->cell_count; i++) {
        const double at = side == PLOT_X ? plot->cells[i].x : plot->cells[i].y;
        fprintf(script, "%s'%s' %zu", i ? ", " : "",
                plot->axes[side].scale == PLOT_BYTES ? report_bytes_text(at).text
                                                     : report_number_text(at).text,
                rank_of(plot, side, at));
    }
    fputs(") scale 0\n", script);
}

static void write_cells(FILE *script, const struct plot *plot, size_t number)
{
    const char *sides[] = {"x", "y"};
    fprintf(script, "$d%zu << EOD\n", number);
    for (size_t i = 0; i < plot->cell_count; i++)
        fprintf(script, "%zu %zu %.9g\n", rank_of(plot, PLOT_X, plot->cells[i].x),
                rank_of(plot, PLOT_Y, plot->cells[i].y), plot->cells[i].value);
    fputs("EOD\nunset key\nset border 0\nunset grid\n", script);
    for (int side = PLOT_X; side <= PLOT_Y; side++) {
        cell_tics(script, plot, (enum plot_side)side);
        fprintf(script, "set %slabel ", sides[side]);
        quote(script, plot->axes[side].label);
        fputc('\n', script);
    }
    fputs("set autoscale xfix\nset autoscale yfix\nset offsets 0.5, 0.5, 0.5, 0.5\n"
          "set palette defined (0 '#f7fbff', 1 '#6baed6', 2 '#08519c')\nunset colorbox\n"
          "set label 1 ",
          script);
    quote(script, plot->cell_label);
    /* White text on dark cells; in thousands where numbers are too long for a cell. */
    fprintf(script,
            " at graph 1, 1.03 right\nset cbrange [0:*]\nstats $d%zu using 3 nooutput\n"
            "plot $d%zu using 1:2:(0.5):(0.5):3 with boxxyerror fs solid 1 noborder lc palette, "
            "$d%zu using 1:2:(STATS_max < 10000 ? sprintf('%%.0f', $3) : "
            "sprintf($3 < 10000 ? '%%.1fk' : '%%.0fk', $3/1000)):"
            "($3 > 0.6*STATS_max ? 0xffffff : 0x000000) with labels tc rgb variable\n",
            number, number, number);
}

void plot_script(FILE *script, const struct plot *plot, size_t number)
{
    fputs("reset\nset tics nomirror\nset title ", script);
    quote(script, plot->title);
    fputc('\n', script);
    if (plot->cell_count > 0)
        write_cells(script, plot, number);
    else if (plot->bar_count > 0)
        write_bars(script, plot, number);
    else
        write_lines(script, plot, number);
}
