/* The head of a report: what a figure depends on beside the code. */
#ifndef DISK_CONTEXT_H
#define DISK_CONTEXT_H

typedef void (*context_fn)(void *user, const char *name, const char *text);

/* Tells of library, kernel, processor, memory, and of the file system and the device that `path` is
 * on, or is. What the system does not tell is left out. */
void context_find(const char *path, context_fn add_fact, void *user);

/* Tells of date and command line: what follows the name of the subcommand is in argv. */
void context_now(context_fn add_fact, void *user, const char *command, int argc, char *const *argv);

#endif
