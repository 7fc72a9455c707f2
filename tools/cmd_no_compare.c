/* indexkv compare, in builds without jansson, which reads JSON. */
#include "command.h"
#include "exit_status.h"
#include "message.h"

int cmd_compare(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    message("compare: this indexkv was built without it (INDEXKV_COMPARE)");
    return STATUS_USAGE;
}
