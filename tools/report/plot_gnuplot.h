/* The script that draws a plot. */
#ifndef PLOT_GNUPLOT_H
#define PLOT_GNUPLOT_H

#include "report/plot.h"

#include <stdio.h>

/* Whether anything would be drawn. */
bool plot_has_anything(const struct plot *plot);

/* Terminal and output: `columns` by `rows` plots. */
void plot_script_begin(FILE *script, const char *path, size_t columns, size_t rows);
/* All of one plot. Data blocks are named after `number`, which differs between plots. */
void plot_script(FILE *script, const struct plot *plot, size_t number);

#endif
