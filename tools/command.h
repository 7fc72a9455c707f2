/* The subcommands. Each takes the arguments after its name and returns an exit status. */
#ifndef COMMAND_H
#define COMMAND_H

int cmd_build(int argc, char **argv);
int cmd_get(int argc, char **argv);
int cmd_scan(int argc, char **argv);
int cmd_merge(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_fetch(int argc, char **argv);
int cmd_replicate(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_sample(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_seek(int argc, char **argv);

#endif
