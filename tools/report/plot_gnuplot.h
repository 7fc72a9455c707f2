/* The gnuplot script that draws a plot. */
#ifndef PLOT_GNUPLOT_H
#define PLOT_GNUPLOT_H

#include "report/plot.h"

#include <stdio.h>

bool plot_has_data(const struct plot *plot);

/* Sets terminal and output for `columns` by `rows` plots. */
void plot_script_begin(FILE *script, const char *path, size_t columns, size_t rows);
/* Data blocks are named after `number`, which must be unique within the script. */
void plot_script(FILE *script, const struct plot *plot, size_t number);

#endif
