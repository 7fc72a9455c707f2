/* The head of a report: what a figure depends on beside the code. */
#ifndef BENCH_CONTEXT_H
#define BENCH_CONTEXT_H

/* Adds lines on library, kernel, processor, memory, and on the file system and the device that
 * `directory` is on. What the system does not tell is left out. */
void context_add(const char *directory);

#endif
