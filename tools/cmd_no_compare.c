/* indexkv compare, in builds without jansson, which reads JSON. */
#include "base/exit_status.h"
#include "base/message.h"
#include "command.h"

int cmd_compare(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    message("compare: this indexkv was built without it (INDEXKV_COMPARE)");
    return STATUS_USAGE;
}
