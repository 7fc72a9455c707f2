/* The width of a terminal. */
#ifndef TERMINAL_H
#define TERMINAL_H

/* The number of columns of the terminal that `fd` is; 0: it is no terminal, or does not know. */
int terminal_columns(int fd);

#endif
