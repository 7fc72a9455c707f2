/* The facts at the head of a report: what results depend on besides the code. */
#ifndef DISK_CONTEXT_H
#define DISK_CONTEXT_H

typedef void (*context_fn)(void *user, const char *name, const char *text);

/* Adds facts about the library, kernel, processor, memory, and the file system and device that
 * `path` is on, or the device that it is. Unknown facts are left out. */
void context_find(const char *path, context_fn add_fact, void *user);

/* Adds the date and the command line; `argv` holds the arguments of the subcommand. */
void context_now(context_fn add_fact, void *user, const char *command, int argc, char *const *argv);

#endif
